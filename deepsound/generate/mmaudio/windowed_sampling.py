"""Windowed sampling and decoding of long sounds, one section between scene cuts at a time."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from deepsound.generate.mmaudio.compilation import compiled_field
from deepsound.generate.mmaudio.components import MMAudioStage
from deepsound.generate.mmaudio.request import MMAudioRequest
from deepsound.generate.mmaudio.window_features import WindowFeatures
from deepsound.generate.mmaudio.window_plan import JOINT_S, ConditionWindow, Section
from deepsound.models.bigvgan.chunks import FRAMES_AT_ONCE, decode
from deepsound.models.mmaudio.conditions import PreprocessedConditions
from deepsound.models.mmaudio.flow_matching import Field, classifier_free_guidance, initial_noise
from deepsound.models.mmaudio.lengths import MEL_FRAMES_PER_LATENT, LatentRate, SequenceLengths
from deepsound.models.mmaudio.model import MMAudio
from deepsound.models.mmaudio.windowed import WindowedState, overlap_add, sample_windows
from deepsound.runtime.progress import Progress
from deepsound.runtime.spill import TensorStore

# Windows whose projected conditions stay in memory, some 2 MB each; those of the others are projected at every step.
_CONDITIONS_HELD = 64
# Work between two savings of a sampling's state, which are 7 kB per second of sound.
SAVE_EVERY_S = 20.0
# Mel frames that the vocoder turns into samples at a time, and those that it needs on each side: its reach is some 20.
_PIECE_FRAMES = 4 * FRAMES_AT_ONCE
_MARGIN_FRAMES = 32


@dataclass(frozen=True)
class LongRun:
    """The sections of a long sound, what leads their windows, and where what is made is stored."""

    sections: tuple[Section, ...]
    features: WindowFeatures
    rate: LatentRate
    request: MMAudioRequest
    store: TensorStore

    @property
    def latents(self) -> int:
        return self.sections[-1].stop


def sample_latents(stage: MMAudioStage, run: LongRun, seed: int, progress: Progress) -> None:
    """Put into the store, for each section, latents [1, length, latent_dim] as the autoencoder takes them.

    One noise is drawn for the whole sound, of which each section has its part.
    """
    network = stage.flow()
    noise = initial_noise((1, run.latents, network.config.latent_dim), seed, stage.dtype, stage.device)
    for number, section in enumerate(run.sections):
        part = progress.part(section.start / run.latents, section.stop / run.latents)
        key = ("latents", seed, number)
        if run.store.load(key) is None:
            sampled = _sample(stage, run, (seed, number), noise[:, section.start : section.stop], part)
            run.store.save(key, {"tensor": network.unnormalise(sampled)})
            run.store.drop(("state", seed, number))
        part.update(1.0)


def _sample(stage: MMAudioStage, run: LongRun, which: tuple[int, int], noise: Tensor, progress: Progress) -> Tensor:
    section, steps = run.sections[which[1]], run.request.steps
    fields = _WindowFields(stage, run, section, progress)
    saved_at = time.monotonic()

    def on_window(reached: WindowedState) -> None:
        nonlocal saved_at
        progress.update((reached.step + reached.window / len(section.windows)) / steps)
        if run.store.survives and time.monotonic() - saved_at >= SAVE_EVERY_S:
            place = torch.tensor([reached.step, reached.window])
            run.store.save(("state", *which), {"state": reached.state, "total": reached.total, "place": place})
            saved_at = time.monotonic()

    begin = _begin(run.store.load(("state", *which)), noise)
    return sample_windows([window.latent for window in section.windows], fields.field, begin, steps, on_window)


def _begin(saved: dict[str, Tensor] | None, noise: Tensor) -> WindowedState:
    if saved is None or saved["state"].shape != noise.shape:
        return WindowedState(0, 0, noise, torch.zeros_like(noise))
    step, window = saved["place"].tolist()
    return WindowedState(step, window, saved["state"].to(noise), saved["total"].to(noise))


class _WindowFields:
    """The classifier_free_guidance fields of a section's windows; conditions of the first ones stay in memory."""

    def __init__(self, stage: MMAudioStage, run: LongRun, section: Section, progress: Progress) -> None:
        self._stage, self._run, self._section, self._progress = stage, run, section, progress
        self._network: MMAudio = stage.flow()
        self._held: dict[int, Field] = {}
        self._empty: dict[SequenceLengths, PreprocessedConditions] = {}

    def field(self, index: int) -> Field:
        """The field of a window."""
        if index in self._held:
            return self._held[index]
        made = self._build_field(self._section.windows[index])
        if len(self._held) < _CONDITIONS_HELD:
            self._held[index] = made
        return made

    def _build_field(self, window: ConditionWindow) -> Field:
        features, lengths, request = self._run.features, window.lengths, self._run.request
        wanted = self._network.preprocess_conditions(
            lengths,
            self._to_device(features.clip(window)),
            self._to_device(features.sync(self._section, window)),
            self._to_device(features.text(window.text)),
        )
        if lengths not in self._empty:
            negative = self._to_device(features.text(request.negative_prompt))
            self._empty = {lengths: self._network.preprocess_conditions(lengths, text=negative)}
        guided = classifier_free_guidance(self._network, wanted, self._empty[lengths], request.guidance)
        return compiled_field(guided, self._stage, self._progress)

    def _to_device(self, tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor.to(self._stage.device, self._stage.dtype)


def decode_spectrograms(stage: MMAudioStage, run: LongRun, seeds: Sequence[int], progress: Progress) -> None:
    """Put into the store, for each seed and section, a log-mel spectrogram [1, bins, frames] in float32.

    Each window is decoded with its own overlaps as context, and these are averaged.
    """
    autoencoder = stage.autoencoder()
    keys = [(seed, number) for seed in seeds for number in range(len(run.sections))]
    for seed, number in progress.track(keys, len(keys)):
        section, store = run.sections[number], run.store
        if store.load(("mel", seed, number)) is not None:
            continue
        latents = (store.load(("latents", seed, number)) or {})["tensor"].transpose(1, 2)
        windows = [window.latent for window in section.windows]

        def piece(index: int, latents: Tensor = latents, section: Section = section) -> Tensor:
            progress.check()
            window = section.windows[index].latent
            return autoencoder.decode(latents[:, :, window.start : window.stop].to(stage.device, stage.dtype))

        mel = overlap_add(windows, piece, section.length, MEL_FRAMES_PER_LATENT)
        store.save(("mel", seed, number), {"tensor": mel})


def decode_waveform(stage: MMAudioStage, run: LongRun, seed: int, samples: int, progress: Progress) -> Tensor:
    """[1, samples] float32: the sections' sounds, joined across cuts; silence where the picture ended early."""
    sound = torch.zeros(1, samples)
    for number, section in enumerate(run.sections):
        mel = (run.store.load(("mel", seed, number)) or {})["tensor"]
        frames, per_frame = mel.shape[-1], run.rate.hop_length
        origin = run.rate.samples(section.start)
        cut = round(section.span.start_s * run.rate.sample_rate) if number else None
        for first in range(0, frames, _PIECE_FRAMES):
            last = min(first + _PIECE_FRAMES, frames)
            piece = run.store.get(
                ("sound", seed, number, first),
                lambda mel=mel, first=first, last=last: _vocode_range(stage, mel, first, last, progress),  # type: ignore[misc]
            )
            _place(sound, piece[0], origin + first * per_frame, cut, run.rate.sample_rate)
            if not run.store.survives:
                run.store.drop(("sound", seed, number, first))
            progress.update((section.start + last / MEL_FRAMES_PER_LATENT) / run.latents)
    return sound


def _vocode_range(stage: MMAudioStage, mel: Tensor, first: int, last: int, progress: Progress) -> Tensor:
    """[1, 1, samples] of mel frames [first, last), each with the frames around it that the vocoder needs."""
    begin, end = max(0, first - _MARGIN_FRAMES), min(mel.shape[-1], last + _MARGIN_FRAMES)
    vocoder = stage.vocoder()
    part = mel[:, :, begin:end].to(stage.device, stage.dtype)
    waveform = decode(vocoder, part, FRAMES_AT_ONCE, lambda done, frames: progress.check())
    hop = vocoder.config.hop
    return waveform[..., (first - begin) * hop : (last - begin) * hop].float().cpu().contiguous()


def _place(sound: Tensor, piece: Tensor, start: int, cut: int | None, sample_rate: int) -> None:
    """Put `piece` [1, n] into `sound` at `start`; across a `cut` what is there fades out as it fades in."""
    first, last = start, min(start + piece.shape[1], sound.shape[1])
    half = round(JOINT_S / 2 * sample_rate)
    if cut is not None:
        first = max(first, cut - half)
    if first >= last:
        return
    new = piece[:, first - start : last - start]
    if cut is None or first >= cut + half:
        sound[:, first:last] = new
        return
    at = (torch.arange(first, last, dtype=torch.float32) - (cut - half) + 0.5) / (2 * half)
    angle = at.clamp(0.0, 1.0) * (math.pi / 2)
    sound[:, first:last] = sound[:, first:last] * angle.cos() + new * angle.sin()
