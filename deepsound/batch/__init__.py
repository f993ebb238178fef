"""Many clips: listed lazily, each through the pipeline, done once, on one machine or on Ray."""
