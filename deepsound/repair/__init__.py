"""Steps 3 and 4 span by span (arXiv 2503.22208, sections 3.2.3 and 4.4)."""
