"""BEATs: a transformer over patches of a log-mel spectrogram (arXiv 2212.09058)."""
