"""ImageBind's vision, audio and text encoders, one joint embedding space (arXiv 2305.05665)."""
