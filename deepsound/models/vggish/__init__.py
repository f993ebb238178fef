"""VGGish: a convolutional network over 0.96 s of log-mel spectrogram at a time (arXiv 1609.09430)."""
