"""How work is run: progress and cancellation."""
