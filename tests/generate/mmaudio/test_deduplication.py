"""Pictures and segments that repeat are encoded once: counted, with the same features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.modules.module import register_module_forward_pre_hook

from deepsound import engines
from deepsound.generate.mmaudio.deduplication import Distinct
from deepsound.generate.mmaudio.visual_conditioning import VisualCondition
from deepsound.media.sequence import ImageSequence
from deepsound.runtime.execution import Execution
from deepsound.runtime.feature_cache import feature_cache
from deepsound.runtime.progress import Progress
from deepsound.types import GenerationRequest
from deepsound.weights.search_paths import register_model_folders
from tests.generate.mmaudio import tiny

# Two seconds are 16 ticks for CLIP; 50 for Synchformer, which are five segments of 16 that overlap by half.


@contextmanager
def encoded() -> Iterator[Counter[str]]:
    """How many pictures and segments went through the encoders."""
    found: Counter[str] = Counter()

    def count(module: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
        name = type(module).__name__
        if name in ("VisionTower", "VisualEncoder"):
            found[name] += inputs[0].shape[0]

    handle = register_module_forward_pre_hook(count)
    try:
        yield found
    finally:
        handle.remove()


def clip_of(*stretches: tuple[int, int]) -> ImageSequence:
    """Frames at 25 a second: so many of a picture of each level, in turn."""
    pictures = [torch.full((count, 40, 60, 3), level / 255) for count, level in stretches]
    return ImageSequence(torch.cat(pictures), 25.0)


@pytest.mark.usefixtures("nothing_at_hand")
@pytest.mark.parametrize(
    ("frames", "pictures", "segments"),
    [
        (clip_of((50, 90)), 1, 1),
        # The cut is at tick 24, as ticks skip a frame: two equal segments before it, one across it, two equal after it.
        (clip_of((25, 90), (25, 200)), 2, 3),
        (ImageSequence(torch.rand(50, 40, 60, 3, generator=torch.Generator().manual_seed(1)), 25.0), 16, 5),
    ],
    ids=["still", "two slides", "all differ"],
)
def test_what_repeats_is_encoded_once_to_the_same_features(published, monkeypatch, frames, pictures, segments):
    register_model_folders([published])
    generator = engines.generator("mmaudio_small_16k", Execution(device="cpu", precision="fp32"))
    cache = feature_cache()

    def features() -> list[Tensor]:
        found: list[Tensor] = []
        with monkeypatch.context() as patch:
            get = cache.get
            patch.setattr(cache, "get", lambda key, encode: found.append(get(key, encode)) or found[-1])
            cache.clear()
            generator.takes(VisualCondition(frames), GenerationRequest(steps=1), 1, Progress())
        return found

    with encoded() as counted:
        once = features()
    assert (counted["VisionTower"], counted["VisualEncoder"]) == (pictures, segments)
    monkeypatch.setattr(Distinct, "of", classmethod(lambda cls, items: cls(*(tuple(range(len(items))),) * 2)))
    with encoded() as counted:
        each = features()
    assert (counted["VisionTower"], counted["VisualEncoder"]) == (16, 5)
    assert {part.shape[1] for part in once} >= {16, 40}
    for one, other in zip(once, each, strict=True):
        # Batches of another size add up in another order: some units in the last place of float32.
        assert (one - other).abs().max() <= 32 * torch.finfo(torch.float32).eps * other.abs().max()


@pytest.mark.usefixtures("nothing_at_hand")
def test_the_steered_trunk_encodes_a_still_scene_once(tmp_path: Path) -> None:
    register_model_folders([tiny.write_selva(tmp_path)])
    generator = engines.generator("selva", Execution(device="cpu", precision="fp32"))
    rows: list[int] = []
    handle = register_module_forward_pre_hook(
        lambda module, inputs: rows.append(len(inputs[0])) if type(module).__name__ == "DividedBlock" else None
    )
    try:
        generator.takes(VisualCondition(clip_of((50, 90))), GenerationRequest(prompt="drums", steps=1), 1, Progress())
    finally:
        handle.remove()
    assert set(rows) == {1} and len(rows) == tiny.TINY_16K.synchformer.depth


def test_distinct_items_and_their_runs() -> None:
    distinct = Distinct.of("aabcabd")
    assert distinct == Distinct((0, 2, 3, 6), (0, 0, 1, 2, 0, 1, 3))
    assert list(distinct.runs(2)) == [(0, 1), (2, 4), (6, 7)]
    assert list(Distinct.of("abcde").runs(2)) == [(0, 2), (2, 4), (4, 5)]
    assert list(Distinct.of("").runs(2)) == []
