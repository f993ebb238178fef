"""Training of the reasoner: VideoLLaMA2's joint stage on transformers' Trainer (arXiv 2503.22208, section 4.1)."""
