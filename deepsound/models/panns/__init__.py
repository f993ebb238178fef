"""PANNs (arXiv 1912.10211): AudioSet classifier, convolutional over log-mel."""
