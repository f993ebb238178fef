"""Generator seeing_hearing: AudioLDM aligned with a clip or picture by ImageBind (arXiv 2402.17723)."""
