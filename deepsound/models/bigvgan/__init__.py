"""BigVGAN vocoders (arXiv 2206.04658)."""
