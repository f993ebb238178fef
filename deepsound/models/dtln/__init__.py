"""DTLN (arXiv 2005.07551): a speech enhancement network of 1 M parameters."""
