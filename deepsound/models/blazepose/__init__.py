"""BlazePose detector: the network alone."""
