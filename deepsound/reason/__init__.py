"""Steps 0 and 2: the plan, and whether there is voice-over."""
