"""The latent aligner of Seeing and Hearing: sampling led by ImageBind (arXiv 2402.17723)."""
