"""ImageBind's vision and audio towers, which meet in one space (arXiv 2305.05665)."""
