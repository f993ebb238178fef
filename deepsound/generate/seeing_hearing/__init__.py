"""Generator seeing_hearing: AudioLDM led by ImageBind (arXiv 2402.17723)."""
