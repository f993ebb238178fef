"""Synchformer: what in the picture happens when, for the sound to follow, and how far a sound is off."""
