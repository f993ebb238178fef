"""Files in and out: probing, decoding, resampling, muxing, loudness and pictures of sound."""
