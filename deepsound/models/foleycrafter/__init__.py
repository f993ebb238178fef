"""FoleyCrafter's networks (arXiv 2407.01494), built on diffusers and transformers."""
