"""Step 1: engines that make coarse audio from a clip."""
