"""Tone mapping of HDR pictures (BT.2100 PQ and HLG, BT.2020 colours) to the SDR of BT.709."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

# BT.2408: diffuse white in nits, which becomes the white of SDR but for the knee that leaves room for highlights.
_WHITE_NITS = 203.0
_KNEE = 0.6
# SMPTE ST 2084.
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
# ARIB STD-B67, on a display of 1000 nits with a system gamma of 1.2.
_HLG_A, _HLG_B, _HLG_C = 0.17883277, 0.28466892, 0.55991073
_HLG_NITS, _HLG_GAMMA = 1000.0, 1.2
_TO_709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32)
_LUMA_2020 = np.array([0.2627, 0.6780, 0.0593], np.float32)
# BT.1886.
_DISPLAY_GAMMA = 2.4


def tone_map(picture: np.ndarray, transfer: str) -> np.ndarray:
    """The picture uint8 [height, width, 3] of transfer "PQ" or "HLG" as it is to look in SDR, of the same shape."""
    linear = _linear(transfer)[picture]
    luma = linear @ _LUMA_2020
    if transfer == "HLG":
        linear = linear * (_HLG_NITS / _WHITE_NITS * np.maximum(luma, 1e-6) ** (_HLG_GAMMA - 1))[..., None]
        luma = linear @ _LUMA_2020
    over = np.maximum(luma - _KNEE, 0.0)
    mapped = np.minimum(luma, _KNEE) + (1 - _KNEE) * over / (over + 1 - _KNEE)
    scaled = (linear * (mapped / np.maximum(luma, 1e-6))[..., None]) @ _TO_709.T
    return np.asarray(np.round(np.clip(scaled, 0, 1) ** (1 / _DISPLAY_GAMMA) * 255), np.uint8)


@lru_cache(maxsize=2)
def _linear(transfer: str) -> np.ndarray:
    """Linear light for each of 256 codes: PQ relative to diffuse white, HLG relative to the scene's peak."""
    codes = np.arange(256) / 255
    if transfer == "PQ":
        powered = codes ** (1 / _M2)
        nits = 10_000 * (np.maximum(powered - _C1, 0) / (_C2 - _C3 * powered)) ** (1 / _M1)
        return np.asarray(nits / _WHITE_NITS, np.float32)
    return np.asarray(
        np.where(codes <= 0.5, codes**2 / 3, (np.exp((codes - _HLG_C) / _HLG_A) + _HLG_B) / 12), np.float32
    )
