"""Client of running ComfyUI servers (HTTP and websocket); imports nothing of ComfyUI."""

from deepsound.comfy.submission import Submitted, submit

__all__ = ["Submitted", "submit"]
