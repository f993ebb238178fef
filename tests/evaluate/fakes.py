"""Fake extractors: quick, deterministic by content, counting their calls."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import ClassVar

import torch

from deepsound.errors import DeepSoundError, EngineError, InputError, MediaError
from deepsound.evaluate import extractors
from deepsound.evaluate.extractors import Entry
from deepsound.media.clip import Clip

SHORTEST_S = 0.5


class Fake:
    """Width 3 features, 5 classes; a subject under half a second is too short."""

    name, input_kind, version = "", "audio", "1"
    outputs: tuple[str, ...] = ("features", "logits")
    needs: tuple[str, ...] = ()
    # Reset by `use`.
    seen: ClassVar[Counter[str]] = Counter()
    absent: ClassVar[dict[str, str]] = {}
    broken: ClassVar[set[str]] = set()

    def __init__(self, duration_s: float = 8.0) -> None:
        self.duration_s = duration_s

    def available(self, execution):
        return self.absent.get(self.name)

    def identity(self, execution, progress=None):
        return f"{self.name} {self.version} {self.duration_s}"

    def extract(self, subject, execution, progress):
        progress.check()
        if self.name in self.broken:
            raise EngineError(f"the weights of {self.name} are damaged")
        self.seen[self.name] += 1
        if subject.duration_s < SHORTEST_S:
            raise InputError(f"{subject.duration_s:.2f} s are too short for {self.name}")
        generator = torch.Generator().manual_seed(self._seed(subject))
        return {output: torch.randn(self.shape(output), generator=generator) for output in self.outputs}

    def extract_many(self, subjects, execution, progress):
        def one(subject) -> dict[str, torch.Tensor] | DeepSoundError:
            try:
                return self.extract(subject, execution, progress)
            except (InputError, MediaError) as error:
                return error

        return [one(subject) for subject in subjects]

    def shape(self, output: str) -> tuple[int, ...]:
        return {"logits": (5,), "embedding": (4,)}.get(output, (3,))

    def _seed(self, subject) -> int:
        content = str(subject.path.stat().st_size) if isinstance(subject, Clip) else subject.numpy().tobytes().hex()
        return int(hashlib.sha256(f"{self.name} {content}".encode()).hexdigest()[:8], 16)


class Passt(Fake):
    name = "passt"


class Panns(Fake):
    name = "panns"


class Vggish(Fake):
    name, outputs = "vggish", ("features",)

    def shape(self, output):
        return (4, 3)


class ImageBindAudio(Fake):
    name, outputs = "imagebind_audio", ("embedding",)


class ImageBindVideo(ImageBindAudio):
    name, input_kind = "imagebind_video", "clip"


class SyncAudio(Fake):
    name, outputs = "synchformer_audio", ("features",)


class SyncVideo(SyncAudio):
    name, input_kind = "synchformer_video", "clip"


class Scorer(Fake):
    """Says 0.4 s for the beginning and nothing for the end."""

    name = "synchformer_offset"

    def score(self, video, audio, execution, progress):
        self.seen[self.name] += 1
        first, last = torch.zeros(21), torch.zeros(21)
        first[12], last[10] = 1.0, 1.0
        return {"first": first, "last": last}


FAKES = (Passt, Panns, Vggish, ImageBindAudio, ImageBindVideo, SyncAudio, SyncVideo)


def use(monkeypatch) -> type[Fake]:
    """Put the fakes in the place of all networks; gives back their common class, which counts."""
    monkeypatch.setattr(
        extractors, "EXTRACTORS", {fake.name: Entry(fake.name, "", f"{__name__}:{fake.__name__}") for fake in FAKES}
    )
    monkeypatch.setattr(extractors, "OFFSET_SCORER", Entry(Scorer.name, "", f"{__name__}:Scorer"))
    monkeypatch.setattr(Fake, "seen", Counter())
    monkeypatch.setattr(Fake, "absent", {})
    monkeypatch.setattr(Fake, "broken", set())
    return Fake
