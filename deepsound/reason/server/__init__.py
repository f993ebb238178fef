"""The reasoner `server`: a model behind any OpenAI-compatible endpoint that the user configured."""
