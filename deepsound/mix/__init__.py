"""Mixing and mastering: the original sound under the generated one, at a loudness for its destination."""
