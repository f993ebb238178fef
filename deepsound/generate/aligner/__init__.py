"""Diffusion latent aligner of Seeing and Hearing (arXiv 2402.17723)."""
