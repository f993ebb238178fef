"""ImageBind embeddings, for the IB-score (arXiv 2305.05665)."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepsound.errors import InputError
from deepsound.evaluate.extractors import DURATION_S
from deepsound.evaluate.extractors.base import DTYPE, NetworkExtractor, read_config, require_library, tensors_in
from deepsound.evaluate.extractors.pictures import ConstantRateFrames, resize_short_side, three_crops
from deepsound.evaluate.extractors.sound import require_usable, resample_as_function
from deepsound.media.clip import Clip
from deepsound.models.imagebind.config import Modality
from deepsound.models.imagebind.model import ImageBind
from deepsound.models.imagebind.weights import config_of, state_dict
from deepsound.runtime.progress import Progress
from deepsound.types import Audio
from deepsound.weights.load import load_into_meta

SAMPLE_RATE = 16000
STRETCHES, STRETCH_S = 3, 2
_MEL_BINS, _FRAMES = 128, 204
_WINDOW_S = 0.025
PICTURES_PER_S = 0.5
_PICTURES_IN_A_PIECE = 2
# Pieces that run at once, by kind of device.
_PIECES_AT_ONCE = {"cpu": 1}


class _ImageBindExtractor(NetworkExtractor):
    needs = ("metrics/imagebind",)
    outputs = ("embedding",)
    modality: ClassVar[Modality]

    def build(self, path: Path) -> nn.Module:
        tensors = tensors_in(path)
        config = read_config(path, config_of, tensors)
        towers = [self.modality]
        return load_into_meta(partial(ImageBind, config, towers), state_dict(tensors, towers), DTYPE, path)


class ImageBindAudioExtractor(_ImageBindExtractor):
    """`embedding` [1024] of three stretches of 2 s, spread over the whole sound whatever the benchmark's length."""

    name = "imagebind_audio"
    modality = "audio"
    libraries = ("torchaudio",)

    def __init__(self, duration_s: float = DURATION_S) -> None:
        super().__init__(duration_s)
        self.version = self.revision

    def prepare(self, subject: Audio, progress: Progress) -> Tensor:
        waveform = resample_as_function(require_usable(subject), subject.sample_rate, SAMPLE_RATE)
        if waveform.shape[-1] < _WINDOW_S * SAMPLE_RATE:
            raise InputError(
                f"The sound is too short for ImageBind: expected {_WINDOW_S:g} s or more, got "
                f"{waveform.shape[-1] / SAMPLE_RATE:.2f} s; measure longer ones."
            )
        return spectrograms(waveform)

    def run(self, network: ImageBind, batch: Tensor, progress: Progress) -> dict[str, Tensor]:
        return {"embedding": network.embed_audio(batch)}


class ImageBindVideoExtractor(_ImageBindExtractor):
    """`embedding` [1024] of pictures two seconds apart: each pair of neighbours, in three crops."""

    name = "imagebind_video"
    input_kind = "clip"
    modality = "vision"
    working_bytes = 2 << 30
    at_once_elsewhere = 4

    def __init__(self, duration_s: float = DURATION_S) -> None:
        super().__init__(duration_s)
        self._pictures = int(PICTURES_PER_S * duration_s)
        self.views = (ConstantRateFrames(PICTURES_PER_S, self._pictures, resize_short_side),)

    def prepare(self, subject: Clip, progress: Progress) -> Tensor:
        if self._pictures < _PICTURES_IN_A_PIECE:
            raise InputError(
                f"ImageBind: expected {_PICTURES_IN_A_PIECE / PICTURES_PER_S:g} s of video or more, got "
                f"{self.duration_s:g} s; choose a longer duration."
            )
        return subject.view(self.views[0], progress).first(self._pictures, "ImageBind")

    def run(self, network: ImageBind, batch: Tensor, progress: Progress) -> dict[str, Tensor]:
        """Of pictures uint8 [B, pictures, 3, height, width]."""
        pieces = video_crops(batch)
        at_once = _PIECES_AT_ONCE.get(batch.device.type, pieces.shape[1])
        starts = range(0, pieces.shape[1], at_once)
        embedded = [
            network.embed_video(pieces[:, start : start + at_once] / 255)
            for start in progress.track(starts, len(starts))
        ]
        # Every part is of as many pieces, so the mean of their means is the mean of all.
        return {"embedding": torch.stack(embedded).mean(dim=0)}


def video_crops(pictures: Tensor) -> Tensor:
    """Pieces [B, 3 * pairs, 3, 2, 224, 224] of pictures [B, pictures, 3, height, width]."""
    pairs = pictures.unfold(1, _PICTURES_IN_A_PIECE, 1).movedim(-1, 3)  # [B, pairs, 3, 2, height, width]
    return three_crops(pairs).movedim(0, 2).flatten(1, 2)


def clip_bounds(samples: int) -> list[tuple[int, int]]:
    """First and one-past-last sample of each stretch of a sound of so many samples, the last one up to its end.

    A sound of up to one segment is encoded whole, three times. In fractions of a floating-point duration, as in the
    original (pytorchvideo's ConstantClipsPerVideoSampler): elsewhere a segment may begin a sample later.
    """
    spare = Fraction(max(samples / SAMPLE_RATE - STRETCH_S, 0.0))
    starts = [spare / (STRETCHES - 1) * index for index in range(STRETCHES)]
    return [(int(start * SAMPLE_RATE), int((start + STRETCH_S) * SAMPLE_RATE)) for start in starts]


def spectrograms(waveform: Tensor) -> Tensor:
    """Log-mel values [3, 128, 204] of a waveform [channels, samples] at 16 kHz.

    As in the original, only the first channel is encoded, less the mean of all of them, and where stretches overlap the
    mean of each is taken off what the one before has left.
    """
    with require_library("torchaudio"):
        from torchaudio.compliance import kaldi
    left = waveform.clone()
    heard = []
    for start, end in clip_bounds(waveform.shape[-1]):
        stretch = left[:, start:end]
        stretch -= stretch.mean()
        mel = kaldi.fbank(
            stretch[:1],
            htk_compat=True,
            sample_frequency=SAMPLE_RATE,
            use_energy=False,
            window_type="hanning",
            num_mel_bins=_MEL_BINS,
            dither=0.0,
            frame_length=25,
            frame_shift=10,
        )
        # Zeros after the logarithm: to the network, a rather loud noise where a stretch ends.
        heard.append(F.pad(mel.mT, (0, _FRAMES - len(mel))))
    return torch.stack(heard)
