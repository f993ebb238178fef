"""AudioLDM (arXiv 2301.12503) of diffusers' and transformers' classes."""
