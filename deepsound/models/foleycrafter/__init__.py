"""FoleyCrafter (arXiv 2407.01494), of diffusers', transformers' and torchvision's parts where they have them."""
