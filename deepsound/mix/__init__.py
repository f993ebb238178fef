"""Mixing and mastering: original under generated sound, at a destination's loudness."""
