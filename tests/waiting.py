"""Waiting for what happens elsewhere: a thread, a process, a server, a page."""

from __future__ import annotations

import time
from collections.abc import Callable

# For what never comes: a busy machine takes twenty times as long as an idle one.
LIMIT_S = 120


def wait_until(holds: Callable[[], object], limit_s: float = LIMIT_S) -> None:
    """Return once `holds()` is true. Raises AssertionError after the limit, in seconds."""
    end = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < end, f"nothing after {limit_s} s"
        time.sleep(0.01)
