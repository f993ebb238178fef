"""Best of N: ranks several takes of one clip's sound by voice, sync and meaning."""
