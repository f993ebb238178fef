"""Coarse, final and removed voice side by side: seen on one time axis, heard at equal loudness."""
