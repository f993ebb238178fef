"""The embedded detectors against the runtime their weights come from, on one picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from deepsound.reason import body_network, face_landmarks, face_network

# Of numbers up to 250: what half-precision weights in another order of additions make (measured: 2.5e-4 and 1.5e-3).
LOGITS, PIXELS = 5e-3, 5e-3
NETWORKS = {"blazeface": face_network, "blazepose": body_network}


def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[tuple[str, Any, Any, float]]:
    network = NETWORKS[golden["component"].split()[0]]._network()
    picture = torch.from_numpy(tensors["inputs/picture"]).float().permute(2, 0, 1) / 127.5 - 1
    with torch.inference_mode():
        scores, boxes = network(picture[None])
    yield "scores", scores[0, :, 0], tensors["outputs/scores"], LOGITS
    yield "boxes", boxes[0, tensors["outputs/best"]], tensors["outputs/boxes"], PIXELS


def compare_landmarks(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[tuple[str, Any, Any, float]]:
    crop = torch.from_numpy(tensors["inputs/picture"]).float().permute(2, 0, 1) / 255
    with torch.inference_mode():
        landmarks, score = face_landmarks._network()(crop[None])
    yield "landmarks", landmarks[0], tensors["outputs/landmarks"], PIXELS
    yield "score", score, tensors["outputs/score"], LOGITS
