"""BlazeFace, full range: a face detector of 0.6 M parameters (arXiv 1907.05047)."""
