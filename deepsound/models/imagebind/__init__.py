"""ImageBind's vision and audio encoders, one joint embedding space (arXiv 2305.05665)."""
