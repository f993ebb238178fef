"""Pictures kept in bounded memory, and image batches seen as clips."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepsound.errors import Cancelled, InputError
from deepsound.media.picture_store import PictureStore
from deepsound.media.sequence import ImageSequence, as_bytes
from deepsound.media.views import UniformFrames
from deepsound.runtime.progress import CancelToken, Progress


def picture(level: int) -> np.ndarray:
    return np.full((3, 4, 5), level, dtype=np.uint8)


@pytest.mark.parametrize("in_memory_bytes", [1 << 20, 100])
def test_pictures_come_back_in_memory_and_from_disk_alike(in_memory_bytes: int) -> None:
    store = PictureStore(in_memory_bytes)
    for level in range(10):
        store.append(picture(level))
        assert store.read(level // 2, level // 2 + 1)[0, 0, 0, 0] == level // 2
    assert len(store) == 10
    assert store.read(3, 6)[:, 0, 0, 0].tolist() == [3, 4, 5]
    assert store.read(8, 99).shape == (2, 3, 4, 5)
    assert store.read(0, 0).shape == (0, 3, 4, 5)


def test_equal_pictures_have_equal_digests() -> None:
    store = PictureStore()
    for level in (1, 2, 1):
        store.append(picture(level))
    assert store.digests[0] == store.digests[2] != store.digests[1]


def test_a_picture_of_another_size_is_refused() -> None:
    store = PictureStore()
    store.append(picture(0))
    with pytest.raises(ValueError, match="does not fit"):
        store.append(np.zeros((3, 4, 6), dtype=np.uint8))


def test_images_are_seen_at_their_times() -> None:
    images = torch.linspace(0, 1, 10)[:, None, None, None].expand(10, 6, 8, 3)
    scene = ImageSequence(images, fps=5.0)
    assert scene.duration_s == 2.0
    stills = scene.view(UniformFrames(2, 4))
    assert [still.time_s for still in stills] == [0.4, 1.4]
    assert stills[0].image.shape == (3, 4, 3)
    assert scene.view(UniformFrames(2, 4)) is stills


def test_image_values_saturate_and_a_fourth_channel_is_dropped() -> None:
    values = torch.tensor([-0.5, 0.0, 0.5, 1.5]).view(1, 1, 4)
    assert as_bytes(torch.cat([values, values])).tolist() == [[[0, 0, 128]], [[0, 0, 128]]]
    assert as_bytes(torch.tensor([[[float("nan"), 2.0, -1.0]]])).tolist() == [[[0, 255, 0]]]


@pytest.mark.parametrize(
    ("images", "fps", "message"),
    [
        (torch.zeros(0, 4, 4, 3), 8.0, "at least one frame"),
        (torch.zeros(4, 4, 3), 8.0, r"got \[4, 4, 3\]"),
        (torch.zeros(2, 4, 4, 3), 0.0, "positive frame rate, got 0"),
        (torch.zeros(2, 4, 4, 3), float("nan"), "positive frame rate"),
    ],
)
def test_images_that_are_no_sequence_are_refused(images: torch.Tensor, fps: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ImageSequence(images, fps)


def test_looking_at_images_can_be_cancelled() -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        ImageSequence(torch.zeros(2, 4, 4, 3), 8.0).view(UniformFrames(1, 4), Progress(check=token.check))
