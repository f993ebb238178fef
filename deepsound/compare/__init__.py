"""Comparison of coarse, final and removed voice: one time axis, equal loudness."""
