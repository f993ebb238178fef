"""BigVGAN vocoders."""
