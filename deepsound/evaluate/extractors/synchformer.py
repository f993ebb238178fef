"""Synchformer's features and offset logits, for DeSync (arXiv 2401.16423)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepsound.errors import InputError
from deepsound.evaluate.extractors import DURATION_S
from deepsound.evaluate.extractors.base import (
    DTYPE,
    Network,
    NetworkExtractor,
    read_config,
    require_library,
    tensors_in,
)
from deepsound.evaluate.extractors.pictures import ConstantRateFrames
from deepsound.evaluate.extractors.sound import mono
from deepsound.media.clip import Clip
from deepsound.models.synchformer import weights as published
from deepsound.models.synchformer.audio import SynchformerAudio
from deepsound.models.synchformer.config import OFFSET, SYNC_AUDIO, SYNCHFORMER
from deepsound.models.synchformer.model import Synchformer
from deepsound.models.synchformer.offset import SynchformerOffset
from deepsound.models.synchformer.preprocess import sync_picture, sync_values
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress
from deepsound.types import Audio
from deepsound.weights.load import load_into_meta

_FILE = ("synchformer/visual",)
SAMPLE_RATE = 16000
PICTURES_PER_S = 25
# A segment is 16 pictures or as many samples, 0.64 s, and the next begins at its half.
SEGMENT_SAMPLES = 10240
_N_FFT, _WINDOW, _HOP = 1024, 400, 160
_FLOOR, _MEAN, _DEVIATION = 1e-6, -4.2677393, 4.5689974
# Segments that run at once, by kind of device.
_SEGMENTS_AT_ONCE = {"cpu": 2}
_SEGMENTS_AT_ONCE_ELSEWHERE = 32


class SynchformerVideoExtractor(NetworkExtractor):
    """`features` [segments, 8, 768] of 25 pictures a second."""

    name = "synchformer_video"
    input_kind = "clip"
    needs = _FILE
    outputs = ("features",)
    working_bytes = 2 << 30
    at_once_elsewhere = 4

    def __init__(self, duration_s: float = DURATION_S) -> None:
        super().__init__(duration_s)
        self._pictures = int(PICTURES_PER_S * duration_s)
        self.views = (ConstantRateFrames(PICTURES_PER_S, self._pictures, sync_picture),)

    def build(self, path: Path) -> nn.Module:
        tensors = tensors_in(path)
        config = read_config(path, published.config_of, tensors)
        return load_into_meta(lambda: Synchformer(config), published.state_dict(tensors), DTYPE, path)

    def prepare(self, subject: Clip, progress: Progress) -> Tensor:
        if self._pictures < SYNCHFORMER.segment_frames:
            raise InputError(
                f"Synchformer: expected {SYNCHFORMER.segment_frames / PICTURES_PER_S:g} s of video or more, got "
                f"{self.duration_s:g} s; choose a longer duration."
            )
        return subject.view(self.views[0], progress).first(self._pictures, "Synchformer")

    def run(self, network: Synchformer, batch: Tensor, progress: Progress) -> dict[str, Tensor]:
        """Of pictures uint8 [B, pictures, 3, 224, 224]."""
        segments = network.segments(sync_values(batch))
        return {"features": _in_pieces(network.encode, segments, progress)}


class SynchformerAudioExtractor(NetworkExtractor):
    """`features` [segments, 6, 768]; a sound that is shorter than is looked at is refused, as in the benchmark."""

    name = "synchformer_audio"
    needs = _FILE
    outputs = ("features",)
    libraries = ("torchaudio",)

    def build(self, path: Path) -> nn.Module:
        tensors = tensors_in(path)
        config = read_config(path, published.audio_config_of, tensors)
        return load_into_meta(lambda: SynchformerAudio(config), published.audio_state_dict(tensors), DTYPE, path)

    def prepare(self, subject: Audio, progress: Progress) -> Tensor:
        wanted = int(SAMPLE_RATE * self.duration_s)
        waveform = mono(subject, SAMPLE_RATE, self.duration_s, centred=False)
        if len(waveform) < max(wanted, SEGMENT_SAMPLES):
            raise InputError(
                f"The sound is too short for Synchformer: expected {max(wanted, SEGMENT_SAMPLES) / SAMPLE_RATE:g} s, "
                f"got {len(waveform) / SAMPLE_RATE:.2f} s; measure longer ones."
            )
        return spectrograms(waveform)

    def run(self, network: SynchformerAudio, batch: Tensor, progress: Progress) -> dict[str, Tensor]:
        """Of spectrograms [B, segments, mel bins, frames]."""
        return {"features": network(batch.flatten(0, 1)).unflatten(0, batch.shape[:2])}


class SynchformerOffsetScorer(Network):
    """`first` and `last`, offset logits [21] of the first and the last 14 segments."""

    name = "synchformer_offset"
    needs = _FILE

    def build(self, path: Path) -> nn.Module:
        tensors = tensors_in(path)
        config = read_config(path, published.offset_config_of, tensors)
        return load_into_meta(lambda: SynchformerOffset(config), published.offset_state_dict(tensors), DTYPE, path)

    def score(self, video: Tensor, audio: Tensor, execution: Execution, progress: Progress) -> dict[str, Tensor]:
        count, needed = min(len(video), len(audio)), OFFSET.segments
        if count < needed:
            raise InputError(
                f"Synchformer's offsets: expected {needed} segments (4.8 s) or more, got {count}; measure longer clips."
            )
        ends = [slice(0, needed), slice(count - needed, count)]
        with self.running(execution, progress) as (network, device):
            logits = network(*(torch.stack([side[end] for end in ends]).to(device, DTYPE) for side in (video, audio)))
        progress.update(1.0)
        return dict(zip(("first", "last"), logits.cpu().unbind(0), strict=True))


def spectrograms(waveform: Tensor) -> Tensor:
    """Scaled log-mel values [segments, 128, 66] of a waveform [samples] at 16 kHz, of at least one segment."""
    with require_library("torchaudio"):
        from torchaudio.transforms import MelSpectrogram
    mel = MelSpectrogram(SAMPLE_RATE, n_fft=_N_FFT, win_length=_WINDOW, hop_length=_HOP, n_mels=SYNC_AUDIO.mel_bins)
    powers = mel(waveform.unfold(0, SEGMENT_SAMPLES, SEGMENT_SAMPLES // 2))
    # Zeros after the logarithm, as in the original: 65 frames come of a segment, and the network takes 66.
    log_mel = F.pad((powers + _FLOOR).log(), (0, SYNC_AUDIO.frames - powers.shape[-1]))
    return (log_mel - _MEAN) / (2 * _DEVIATION)


def _in_pieces(encode: Callable[[Tensor], Tensor], segments: Tensor, progress: Progress) -> Tensor:
    at_once = _SEGMENTS_AT_ONCE.get(segments.device.type, _SEGMENTS_AT_ONCE_ELSEWHERE)
    starts = range(0, segments.shape[1], at_once)
    return torch.cat(
        [encode(segments[:, start : start + at_once]) for start in progress.track(starts, len(starts))], dim=1
    )
