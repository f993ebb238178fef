"""Child processes of the tests, which obey Ctrl-C even in the background."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from typing import Any


def start(command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
    """subprocess.Popen with SIGINT, SIGTERM and SIGHUP at their defaults; `&` and nohup leave them ignored."""
    if os.name != "nt":
        options["preexec_fn"] = _default_signals
    return subprocess.Popen(list(command), **options)


def _default_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
