"""The page: a video goes in, its finished sound and the reasons for it come out, in a browser on this machine."""
