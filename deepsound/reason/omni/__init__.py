"""The reasoner `omni`: local multimodal models of transformers that answer in text."""
