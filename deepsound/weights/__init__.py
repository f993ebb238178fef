"""Published weights: catalogue, search, download, verification and loading."""
