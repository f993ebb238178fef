"""Opens a folder in the file manager of the desktop that the server runs on."""

from __future__ import annotations

import ipaddress
import os
import sys
import webbrowser
from pathlib import Path


def is_loopback(address: str) -> bool:
    """Whether a request came from this machine: a folder opened for another one would be seen by nobody."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


def open_folder(folder: str) -> bool:
    """Open `folder` as the desktop opens a folder's address; False where there is no desktop."""
    has_desktop = sys.platform in ("win32", "darwin") or bool({"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ))
    return has_desktop and webbrowser.open(Path(folder).resolve().as_uri())
