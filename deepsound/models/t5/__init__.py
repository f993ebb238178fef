"""The encoder of T5 (arXiv 1910.10683), built by transformers."""
