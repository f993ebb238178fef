"""FoleyCrafter: what stands between a clip and its networks."""
