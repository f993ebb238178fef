"""What several takes of MMAudio cost: forward passes of each network, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from torch.nn.modules.module import register_module_forward_pre_hook

from deepsound import engines
from deepsound.media.clip import Clip
from deepsound.rank.best_of import TakeOptions, best_of
from deepsound.runtime.execution import Execution
from deepsound.runtime.feature_cache import feature_cache
from deepsound.types import GenerationRequest
from deepsound.weights.search_paths import register_model_folders

pytestmark = pytest.mark.usefixtures("nothing_at_hand")
# Counted on the meta device at full size (large_44k_v2, 8 s, 25 steps), in TFLOP: CLIP 62.7, Synchformer 9.0 once; flow
# 22.5, VAE 0.13 and vocoder 2.6 for each take. Of a single run's 96.9, N takes therefore cost 0.74 + 0.26 N.
# CLIP's picture and word towers and Synchformer; the flow, the VAE's decoder and the vocoder's blocks.
ENCODERS = ("VisionTower", "ClipTransformer", "Synchformer")
PER_TAKE = ("MMAudio", "Decoder1D", "AMPBlock1")


@contextmanager
def passes() -> Iterator[Counter[str]]:
    """The forward passes of all modules, by class."""
    found: Counter[str] = Counter()
    handle = register_module_forward_pre_hook(lambda module, arguments: found.update([type(module).__name__]))
    try:
        yield found
    finally:
        handle.remove()


def test_each_further_take_costs_flow_and_decoding_and_no_encoder(published: Path, clip: Clip) -> None:
    register_model_folders([published])
    generator = engines.generator("mmaudio_small_16k", Execution(device="cpu"))
    request = GenerationRequest(steps=2, seed=7)
    counts = {}
    for number in (1, 4):
        feature_cache().clear()
        with passes() as found:
            best_of(lambda one, progress: generator.generate(clip, one, progress), request, clip, TakeOptions(number))
        counts[number] = found
    for name in ENCODERS:
        assert counts[4][name] == counts[1][name] > 0, name
    for name in PER_TAKE:
        assert counts[4][name] == 4 * counts[1][name] > 0, name
    assert counts[1]["MMAudio"] == request.steps
