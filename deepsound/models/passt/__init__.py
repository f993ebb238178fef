"""PaSST: AudioSet's classes told by a vision transformer over a log-mel spectrogram (arXiv 2110.05069)."""
