"""VideoLLaMA2.1-7B-AV (arXiv 2406.07476): Qwen2 with SigLIP vision and BEATs audio."""
