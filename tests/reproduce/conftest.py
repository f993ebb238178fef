"""Clips with known sounds for reproductions, and engines whose behaviour a test decides."""
