"""ComfyUI nodes: one file per node, each a V3 schema and one call into the library."""
