"""PANNs: AudioSet's classes told by a convolutional network over a log-mel spectrogram (arXiv 1912.10211)."""
