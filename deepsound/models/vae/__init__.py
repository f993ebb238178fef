"""MMAudio's mel autoencoder."""
