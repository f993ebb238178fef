"""Goldens: this project's code against stored outputs of the original implementations.

`python -m tests.goldens [DIR ...]` walks folders of `<component>*.json` (configuration and meanings) with tensors in
the `.safetensors` beside it, and compares. Nothing here is tied to the stored files: other lengths and settings work.
"""
