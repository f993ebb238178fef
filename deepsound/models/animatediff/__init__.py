"""AnimateDiff (arXiv 2307.04725): Stable Diffusion 1.5 with a motion adapter, of diffusers."""
