"""Data types that every part shares: frozen dataclasses, units in the names.

Importing this module is cheap: torch is only needed once a waveform is made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from deepsound.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import torch


# As many as a layout of FFmpeg has; more are samples in the place of channels.
_MOST_CHANNELS = 64
# What silence and full scale are in a WAV file's samples, by NumPy's names.
_MIDDLE_AND_SCALE = {"uint8": (128, 2.0**7), "int16": (0, 2.0**15), "int32": (0, 2.0**31)}


@dataclass(frozen=True, eq=False)
class Audio:
    """A sound: `waveform` float32 [channels, samples], nominally in [-1, 1], and `sample_rate` in Hz.

    `layout` names what the channels are, in FFmpeg's words ("5.1", "7.1(wide)"); empty for the usual one of their
    number. Raises InputError for another rank or dtype, no channel or more than 64, or a rate that is not positive.
    """

    waveform: torch.Tensor
    sample_rate: int
    layout: str = ""

    def __post_init__(self) -> None:
        shape = tuple(self.waveform.shape)
        if len(shape) != 2 or shape[0] < 1:
            raise InputError(f"expected audio [channels, samples] with at least one channel, got {list(shape)}.")
        if shape[0] > _MOST_CHANNELS:
            raise InputError(f"expected audio [channels, samples], got {list(shape)}; transpose it.")
        if str(self.waveform.dtype) != "torch.float32":
            raise InputError(f"expected float32 audio, got {self.waveform.dtype}; convert it before use.")
        if self.sample_rate <= 0:
            raise InputError(f"expected a positive sample rate in Hz, got {self.sample_rate}.")

    @classmethod
    def from_numpy(cls, samples: np.ndarray, sample_rate: int, layout: str = "") -> Audio:
        """Wrap samples [channels, samples] or mono [samples]; copied to float32 when they are not.

        Whole numbers are read as a WAV file's, 8 to 32 bits: full scale is 1. Raises InputError for other kinds.
        """
        import numpy as np
        import torch

        array = np.atleast_2d(samples)
        if array.dtype.kind != "f":
            if array.dtype.name not in _MIDDLE_AND_SCALE:
                raise InputError(
                    f"expected samples in floating point, int16, int32 or uint8, got {array.dtype}; convert them, with "
                    "full scale at 1."
                )
            middle, scale = _MIDDLE_AND_SCALE[array.dtype.name]
            array = (array.astype(np.float64) - middle) / scale
        return cls(torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)), sample_rate, layout)

    @property
    def channels(self) -> int:
        return int(self.waveform.shape[0])

    @property
    def samples(self) -> int:
        return int(self.waveform.shape[1])

    @property
    def duration_s(self) -> float:
        return self.samples / self.sample_rate

    def is_same(self, other: Audio) -> bool:
        """Whether the other sound has this rate, and equal samples."""
        import torch

        return self.sample_rate == other.sample_rate and torch.equal(self.waveform, other.waveform)

    def numpy(self) -> np.ndarray:
        """The samples as float32 [channels, samples], sharing memory."""
        return self.waveform.detach().cpu().numpy()


@dataclass(frozen=True)
class Span:
    """A stretch of time in seconds, `start_s` inclusive and `end_s` exclusive."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s

    def __str__(self) -> str:
        return f"{self.start_s:.2f}-{self.end_s:.2f} s"


@dataclass(frozen=True)
class GenerationRequest:
    """What step 1 is asked for; None means the whole clip for `duration_s`, else the engine's own choice.

    `window_s` is for generators that make a long sound in windows: their length in seconds, 0 for one pass.
    In the spans of `avoid` the picture is not to lead: nothing that is seen there is to sound.
    """

    prompt: str = ""
    negative_prompt: str = ""
    seed: int = 42
    duration_s: float | None = None
    steps: int | None = None
    guidance: float | None = None
    window_s: float | None = None
    avoid: tuple[Span, ...] = ()


class Verdict(str, Enum):
    """The closed set of answers to "does the audio contain voice-over?"."""

    YES = "yes"
    NO = "no"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class ChainOfThought:
    """The four tagged sections of the paper's CoT detail (section 3.2, Figure 4), as plain text."""

    summary: str = ""
    caption: str = ""
    reasoning: str = ""
    conclusion: str = ""

    def tagged(self) -> str:
        """The sections as the published model writes them: SUMMARY, CAPTION, REASONING, CONCLUSION."""
        rows = (
            ("SUMMARY", self.summary),
            ("CAPTION", self.caption),
            ("REASONING", self.reasoning),
            ("CONCLUSION", self.conclusion),
        )
        return "\n".join(f"<{tag}> {text} </{tag}>" for tag, text in rows)


@dataclass(frozen=True)
class WindowVerdict:
    """What a reasoner answered about one window of a long clip, and the conclusion it wrote."""

    span: Span
    verdict: Verdict
    category: str = ""
    conclusion: str = ""


@dataclass(frozen=True)
class Judgement:
    """Step 2's answer: the verdict, Figure 4's category (Yes, No1, No2, No3 or ""), the reasoning and what backs it.

    `voice_spans` are the stretches where a human voice was heard, `people_times_s` the frame times, in seconds from
    the clip's start, at which a person was seen; `raw` is the reasoner's untouched answer. `windows` are the verdicts
    of one that judged a long clip window by window. In `still_mouth_spans` of the voiced stretches faces are on screen
    and no mouth moves.
    """

    verdict: Verdict
    category: str = ""
    thought: ChainOfThought = field(default_factory=ChainOfThought)
    voice_spans: tuple[Span, ...] = ()
    people_times_s: tuple[float, ...] = ()
    raw: str = ""
    windows: tuple[WindowVerdict, ...] = ()
    still_mouth_spans: tuple[Span, ...] = ()

    def counts_as_voice_over(self, undecided: str) -> bool:
        """What the verdict means; `undecided` ("yes" or "no") is what one that is undecided counts as."""
        return undecided == "yes" if self.verdict is Verdict.UNDECIDED else self.verdict is Verdict.YES


@dataclass(frozen=True)
class Preferences:
    """How a reasoner is to go about it, where it has the choice.

    `model_plan` asks the model for the plan instead of taking the published one, which is the same for every video.
    Without `trace` the chain of thought is written no further than the verdict. `published_parser` reads answers by the
    original's own rules.
    """

    model_plan: bool = False
    trace: bool = True
    published_parser: bool = False


@dataclass(frozen=True)
class SeparationSettings:
    """How a separator cuts a sound into chunks and hears them; what is left out is the separator's own choice.

    `mode` is a name of `deepsound.choices.SEPARATOR_MODES`. `augment` (test-time augmentation) takes the mean of three
    passes. `overlap_s` is what neighbouring chunks of `equal_overlap` share, in seconds, and `batch` how many chunks
    are heard together, which the published cutting's fades depend on.
    """

    mode: str = ""
    augment: bool = False
    overlap_s: float | None = None
    batch: int | None = None

    def over(self, other: SeparationSettings) -> SeparationSettings:
        """These settings, with those of `other` where nothing was chosen."""
        return SeparationSettings(
            self.mode or other.mode,
            self.augment or other.augment,
            other.overlap_s if self.overlap_s is None else self.overlap_s,
            other.batch if self.batch is None else self.batch,
        )


@dataclass(frozen=True)
class Plan:
    """Step 0's answer: the ordered steps to take and the text they were read from."""

    steps: tuple[str, ...]
    raw: str = ""


@dataclass(frozen=True)
class Stems:
    """Step 3's answer: `background` = mix - `voice`, both with the mix's rate, length and channel count."""

    voice: Audio
    background: Audio


@dataclass(frozen=True)
class Silence:
    """Step 4's answer: whether the sound counts as silent, and the share of its frames that do, 0 to 1."""

    is_silent: bool
    ratio: float
    frames: int


@dataclass(frozen=True)
class Loudness:
    """Levels of a sound: integrated LUFS (None below the gate), true peak in dBTP (None for digital silence)."""

    integrated_lufs: float | None
    true_peak_dbtp: float | None
