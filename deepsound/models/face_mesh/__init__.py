"""MediaPipe Face Mesh (arXiv 1907.06724)."""
