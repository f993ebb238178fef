"""Step 3: separators, which split a sound into voice and background."""
