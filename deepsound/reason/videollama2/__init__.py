"""The published reasoners on VideoLLaMA2.1-7B-AV: chain of thought, or one letter."""
