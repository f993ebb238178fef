"""A client of running ComfyUI servers: it knows their HTTP and websocket, and imports nothing of them."""

from deepsound.comfy.submission import Submitted, submit

__all__ = ["Submitted", "submit"]
