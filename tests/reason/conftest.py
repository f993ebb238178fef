"""The material these tests listen to and look at."""

from tests.material import astronaut, mixed, speech, storm

__all__ = ["astronaut", "mixed", "speech", "storm"]
