"""The generator FoleyCrafter (arXiv 2407.01494): conditioning, sampling, decoding."""
