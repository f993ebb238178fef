"""Audio to video, and video with sound from words: AnimateDiff aligned by ImageBind (arXiv 2402.17723)."""
