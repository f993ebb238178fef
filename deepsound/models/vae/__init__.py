"""MMAudio's mel-spectrogram VAE."""
