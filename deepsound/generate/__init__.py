"""Step 1: generators, which make coarse audio for a clip."""
