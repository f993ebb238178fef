"""Measuring: the published metrics, voice rate and levels, of one clip or of thousands."""
