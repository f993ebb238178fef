"""MMAudio's flow network: from noise to latent sound, led by what is seen, by its timing and by words."""
