"""AudioLDM (arXiv 2301.12503): UNet, autoencoder, CLAP text encoder and vocoder, of diffusers and transformers."""
