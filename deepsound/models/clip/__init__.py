"""CLIP's two towers, as far as sound generation needs them."""
