"""CLIP's image and text encoders (arXiv 2103.00020), as open_clip publishes them."""
