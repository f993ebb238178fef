"""Video for a sound, or both from words: AnimateDiff led by ImageBind (arXiv 2402.17723)."""
