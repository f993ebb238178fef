"""The generators `mmaudio_*` (MMAudio, arXiv 2412.15322): conditioning, sampling, decoding."""
