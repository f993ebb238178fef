"""Separators of one kind: a complex mask for each stem, found by rotary transformers along time and across bands."""
