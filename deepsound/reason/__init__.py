"""Reasoners: step 0 (the plan) and step 2 (the voice-over verdict)."""
