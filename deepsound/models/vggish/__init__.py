"""VGGish (arXiv 1609.09430): convolutional network over 0.96 s log-mel examples."""
