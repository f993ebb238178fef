"""MMAudio's flow-matching transformer (MMDiT, arXiv 2412.15322)."""
