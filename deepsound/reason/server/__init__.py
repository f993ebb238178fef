"""The reasoner `server`: a model behind a configured OpenAI-compatible endpoint."""
