"""Step 3: voice and background."""
