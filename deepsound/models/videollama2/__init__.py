"""VideoLLaMA2.1-7B-AV: Qwen2 that sees through SigLIP and hears through BEATs (arXiv 2406.07476)."""
