"""Training of the generator MMAudio on one's own clips: flow matching, LoRA or whole, EMA."""
