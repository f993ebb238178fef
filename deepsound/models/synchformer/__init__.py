"""Synchformer (arXiv 2401.16423): audio-visual synchronisation features and offsets."""
