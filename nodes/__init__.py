"""What a person sees in the graph: one file per card, each a V3 schema and one call into the library."""
