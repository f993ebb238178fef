"""The published reasoners: VideoLLaMA2.1-7B-AV, fine-tuned to plan and to reason, or to answer with a letter."""
