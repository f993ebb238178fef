"""Published weights: what exists, where it lies on this machine, how it gets here, and how it is read."""
