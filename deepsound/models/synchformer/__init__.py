"""Synchformer's visual encoder: what in the picture happens when, for the sound to follow."""
