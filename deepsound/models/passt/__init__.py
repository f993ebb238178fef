"""PaSST (arXiv 2110.05069): AudioSet classifier, vision transformer over log-mel."""
