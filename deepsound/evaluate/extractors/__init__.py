"""Feature extractors of the metrics: one network each, inputs as in av-benchmark.

An extractor hears one file's sound, or sees one clip, and gives named tensors on the CPU. They depend on the file's
content and on `identity` alone, so they can be kept. Nothing heavy is imported before an extractor is made.

Measured beside av-benchmark and the packages it takes its networks from, on the same seeded weights and sounds, on a
CPU: what precedes the networks is equal to the last bit, and so are Cnn14 and VGGish; Synchformer, and PaSST and
ImageBind of two blocks, differ by less than 1e-6 of the largest value. The published weights were not tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from deepsound.errors import DeepSoundError, InputError
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

if TYPE_CHECKING:
    from torch import Tensor

    from deepsound.media.clip import Clip

InputKind = Literal["audio", "clip"]
# The published benchmark's own length: what is beyond is not analysed.
DURATION_S = 8.0


class Extractor(Protocol):
    """One network's features of a sound (`input_kind` "audio") or of a video's pictures ("clip").

    `needs` are ids of the weights' catalogue, `outputs` the names of the tensors, `version` changes whenever the same
    input would give other numbers, the length that is looked at included.
    """

    name: str
    input_kind: InputKind
    needs: tuple[str, ...]
    outputs: tuple[str, ...]
    version: str

    def available(self, execution: Execution) -> str | None:
        """None where it can run; else why not and what to do, for a person to read. Nothing is downloaded for it."""

    def identity(self, execution: Execution, progress: Progress = Progress()) -> str:
        """What the numbers depend on beside the input, for cache keys: version, precision, and the weights' content.

        Weights are fetched for it where `execution` says so, and read once. Raises EngineError where they are nowhere.
        """

    def extract(self, subject: Audio | Clip, execution: Execution, progress: Progress) -> dict[str, Tensor]:
        """The outputs of one sound or clip, float32 on the CPU.

        Raises InputError for one that is too short or not finite, MediaError where it cannot be decoded, EngineError
        where weights or a library are missing.
        """

    def extract_many(
        self,
        subjects: Sequence[Audio | Clip],
        execution: Execution,
        progress: Progress,
    ) -> list[dict[str, Tensor] | DeepSoundError]:
        """For each its outputs, or the InputError or MediaError that says what is wrong with it; the rest goes on.

        Several run at once where the device gains by it. Raises EngineError and Cancelled.
        """


class OffsetScorer(Protocol):
    """Synchformer's head: how far a sound is off a picture, from what was extracted of each."""

    name: str
    needs: tuple[str, ...]
    version: str

    def available(self, execution: Execution) -> str | None: ...

    def identity(self, execution: Execution, progress: Progress = Progress()) -> str: ...

    def score(
        self,
        video: Tensor,
        audio: Tensor,
        execution: Execution,
        progress: Progress,
    ) -> dict[str, Tensor]:
        """`first` and `last`, logits [21] of offsets -2 to 2 s for the first and the last 14 segments of both.

        `video` is [segments, 8, width] of `synchformer_video`, `audio` [segments, 6, width] of `synchformer_audio`;
        the longer is cut to the shorter. Raises InputError for fewer than 14 segments, 4.8 s.
        """


@dataclass(frozen=True)
class Entry:
    """An extractor as a menu shows it; `target` is `module:Class`."""

    name: str
    summary: str
    target: str


_HERE = "deepsound.evaluate.extractors"
EXTRACTORS: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry("passt", "PaSST: features [768] and AudioSet logits [527] of a sound", f"{_HERE}.passt:PasstExtractor"),
        Entry(
            "panns",
            "PANNs Cnn14 at 16 kHz: features [2048] and AudioSet logits [527] of a sound",
            f"{_HERE}.panns:PannsExtractor",
        ),
        Entry(
            "vggish",
            "VGGish: features [examples, 128], one for every 0.96 s of a sound",
            f"{_HERE}.vggish:VggishExtractor",
        ),
        Entry(
            "imagebind_audio", "ImageBind: embedding [1024] of a sound", f"{_HERE}.imagebind:ImageBindAudioExtractor"
        ),
        Entry(
            "imagebind_video",
            "ImageBind: embedding [1024] of a clip's pictures",
            f"{_HERE}.imagebind:ImageBindVideoExtractor",
        ),
        Entry(
            "synchformer_audio",
            "Synchformer: features [segments, 6, 768] of a sound",
            f"{_HERE}.synchformer:SynchformerAudioExtractor",
        ),
        Entry(
            "synchformer_video",
            "Synchformer: features [segments, 8, 768] of a clip's pictures",
            f"{_HERE}.synchformer:SynchformerVideoExtractor",
        ),
    )
}
OFFSET_SCORER = Entry(
    "synchformer_offset",
    "Synchformer's head: 21 offsets of sound against picture",
    f"{_HERE}.synchformer:SynchformerOffsetScorer",
)


def extractor(name: str, duration_s: float = DURATION_S) -> Extractor:
    """The extractor of that name, for the first `duration_s` seconds. Raises InputError for an unknown name."""
    if name not in EXTRACTORS:
        raise InputError(f"There is no extractor {name!r}; choose one of: {', '.join(EXTRACTORS)}.")
    return cast(Extractor, _build(EXTRACTORS[name], duration_s))


def offset_scorer() -> OffsetScorer:
    """What turns Synchformer's features of picture and sound into offset logits."""
    return cast(OffsetScorer, _build(OFFSET_SCORER))


def _build(entry: Entry, *arguments: Any) -> Any:
    module, _, made = entry.target.partition(":")
    return getattr(import_module(module), made)(*arguments)
