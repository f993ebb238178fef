"""Training of the reasoner: VideoLLaMA2's joint stage on transformers' Trainer."""
