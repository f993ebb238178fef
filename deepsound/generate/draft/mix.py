"""Mixdown of the draft: hits, textures, room reverb, loudness and true-peak limiting.

Works block by block, so that an hour needs no more memory than its samples and can be stopped at any time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import soxr

from deepsound.generate.draft.modal_synthesis import hit_wave, room_response
from deepsound.generate.draft.noise import BLOCK
from deepsound.generate.draft.prompt_parser import NEUTRAL_MATERIAL, Palette
from deepsound.generate.draft.recorded_layers import NO_RECORDINGS, RecordedLayers
from deepsound.generate.draft.score import FoleyScore
from deepsound.generate.draft.textures import Layer, is_audible, pan_mono, recorded_bed_layers, texture_sources
from deepsound.media.filters import RecursiveFilter, convolve, first_order_highpass
from deepsound.media.loudness import integrated_lufs, true_peak_dbtp
from deepsound.runtime.progress import Progress
from deepsound.runtime.sample_memory import peak_of, release_pages, zeros
from deepsound.types import Audio

SAMPLE_RATE = 44_100
CEILING_DBTP = -1.0
# EBU R 128's programme loudness. Single hits in silence get there with 3 to 9 dB of limiting.
TARGET_LUFS = -23.0
_NEAR_ENOUGH_LU = 0.5
_NOTED_BEYOND_LU = 2.0
_MOST_ROUNDS = 5
# Blocks of 400 ms are the shortest that a loudness is defined for; a shorter track is measured as if it went on.
_LEAST_MEASURED_S = 0.45
_OVERSAMPLING = 4
_LIMITER_STEP = 64
_LIMITER_HALF_STEPS = 8
_LIMITER_MARGIN_DB = 0.3
_FADE_S = 0.005
_LOWEST_HZ = 20.0
# A material that is named beside a recorded hit colours it.
_UNDER_RECORDED_HITS = 0.45
# Hits that the prompt does not speak of stay behind the sounds that it names: by 9 dB.
_BESIDE_NAMED_SOUNDS = 0.35


def render(
    score: FoleyScore, palette: Palette, seed: int, progress: Progress, recorded: RecordedLayers = NO_RECORDINGS
) -> Audio:
    """The score as sound: float32 [2, round(duration_s * 44100)], near -23 LUFS, true peak at most -1 dBTP.

    Where there is nothing to hear it stays as quiet as an empty room, and a note says so. The same score, palette,
    recordings and seed give the same samples.
    """
    track = compose(score, palette, seed, progress.part(0.0, 0.7), recorded)
    if recorded != NO_RECORDINGS or is_audible(score, palette):
        _level(track, progress.part(0.7, 0.95))
    else:
        progress.note(_silence_note(score))
    _fade_ends(track)
    return _under_ceiling(track, progress.part(0.95, 1.0))


def compose(
    score: FoleyScore, palette: Palette, seed: int, progress: Progress, recorded: RecordedLayers = NO_RECORDINGS
) -> np.ndarray:
    """The score's hits, recordings, room and textures as one track, float32 [2, samples], before it is levelled."""
    seed %= 1 << 64
    track = zeros(2, round(score.duration_s * SAMPLE_RATE))
    if not recorded.hits or palette.materials != (NEUTRAL_MATERIAL,):
        _add_impacts(track, score, palette, seed, progress.part(0.0, 0.4))
    if recorded.hits:
        _amplify(track, _UNDER_RECORDED_HITS, progress)
    elif recorded.lead(palette):
        _amplify(track, _BESIDE_NAMED_SOUNDS, progress)
    _add_recorded(track, score, palette, seed, recorded, progress.part(0.4, 0.5))
    _add_room(track, np.random.default_rng([seed, 5]), progress.part(0.5, 0.7))
    _add_textures(track, score, palette, seed, recorded, progress.part(0.7, 1.0))
    _remove_dc(track, progress)
    return track


def _silence_note(score: FoleyScore) -> str:
    why = "what moves was ruled out by the negative prompt" if score.moves else "nothing moves in the picture"
    return (
        f"There is next to nothing to hear: {why} and the prompt names no background that the draft knows, so the "
        "sound is a quiet room. Name one, such as 'rain' (`deepsound engines draft` lists the words)."
    )


def _blocks(track: np.ndarray, progress: Progress) -> Iterator[np.ndarray]:
    """The track's blocks as views, in order."""
    samples = track.shape[1]
    for first in progress.track(range(0, samples, BLOCK), -(-samples // BLOCK)):
        yield track[:, first : first + BLOCK]
        release_pages()


def _add_impacts(track: np.ndarray, score: FoleyScore, palette: Palette, seed: int, progress: Progress) -> None:
    if not palette.impacts:
        return
    for index, impact in enumerate(progress.track(score.impacts, len(score.impacts))):
        at = round(impact.time_s * SAMPLE_RATE)
        if 0 <= at < track.shape[1]:
            wave = hit_wave(impact, palette.materials, SAMPLE_RATE, np.random.default_rng([seed, 4, index]))
            wave = wave[: track.shape[1] - at]
            track[:, at : at + len(wave)] += pan_mono(wave, impact.x)
            release_pages()


def _add_recorded(
    track: np.ndarray, score: FoleyScore, palette: Palette, seed: int, recorded: RecordedLayers, progress: Progress
) -> None:
    shown = replace(score, impacts=score.impacts if palette.impacts else ())
    for placed in recorded.placed(shown, palette.distant, seed, progress):
        if 0 <= placed.at < track.shape[1]:
            wave = placed.wave[:, : track.shape[1] - placed.at]
            track[:, placed.at : placed.at + wave.shape[1]] += wave
            release_pages()


def _add_room(track: np.ndarray, rng: np.random.Generator, progress: Progress) -> None:
    """Let a small room answer what is on the track so far."""
    response = room_response(SAMPLE_RATE, rng)
    ringing = np.zeros((2, response.shape[1] - 1), np.float32)
    for block in _blocks(track, progress):
        length = block.shape[1]
        mono = block.mean(axis=0, keepdims=True)
        reverb = convolve(mono, response) if mono.any() else np.zeros((2, length + ringing.shape[1]))
        reverb[:, : ringing.shape[1]] += ringing
        block += reverb[:, :length]
        ringing = reverb[:, length:].astype(np.float32)


def _add_textures(
    track: np.ndarray, score: FoleyScore, palette: Palette, seed: int, recorded: RecordedLayers, progress: Progress
) -> None:
    sources = texture_sources(score, palette, SAMPLE_RATE, seed, recorded.replaced)
    beds = recorded.bed_layers(score, seed)
    sources += [[bed] for bed in recorded_bed_layers(beds, score, palette, SAMPLE_RATE, recorded.lead(palette))]
    if not sources:
        return
    with ThreadPoolExecutor(len(sources), thread_name_prefix="deepsound-texture") as pool:
        # All are made at once and added in their order, on which the sum's last digits depend.
        for block in _blocks(track, progress):
            for made in pool.map(_next_blocks, sources):
                for each in made:
                    block += each[:, : block.shape[1]]


def _next_blocks(layers: list[Layer]) -> list[np.ndarray]:
    """The next block of each layer; they may share a random generator."""
    return [next(layer) for layer in layers]


def _amplify(track: np.ndarray, gain: float, progress: Progress) -> None:
    for block in _blocks(track, Progress(check=progress.check)):
        block *= np.float32(gain)


def _remove_dc(track: np.ndarray, progress: Progress) -> None:
    highpass = RecursiveFilter([first_order_highpass(_LOWEST_HZ, SAMPLE_RATE)], rows=2)
    for first in range(0, track.shape[1], BLOCK):
        progress.check()
        block = track[:, first : first + BLOCK]
        block[:] = highpass(block)
        release_pages()


def _level(track: np.ndarray, progress: Progress) -> None:
    """Bring the track to the target, in place: gain, then a limiter for what goes over the ceiling, until it is near.

    Limiting takes loudness away, so that sharp hits need some rounds. What stays 2 LU short is said.
    """
    for number in range(_MOST_ROUNDS):
        part = progress.part(number / _MOST_ROUNDS, (number + 1) / _MOST_ROUNDS)
        level_lufs = integrated_lufs(_long_enough(track), part.part(0.0, 0.6))
        if level_lufs is None:
            return
        missing_lu = TARGET_LUFS - level_lufs
        if abs(missing_lu) < _NEAR_ENOUGH_LU:
            return
        goes_over = _goes_over(track, CEILING_DBTP - missing_lu, progress)
        _amplify(track, 10 ** (missing_lu / 20), progress)
        if goes_over:
            _limit(track, part.part(0.6, 1.0))
    reached = integrated_lufs(_long_enough(track), Progress(check=progress.check))
    if reached is not None and abs(reached - TARGET_LUFS) > _NOTED_BEYOND_LU:
        progress.note(f"The draft reached {reached:.1f} of {TARGET_LUFS:.0f} LUFS: its hits are too short and sharp.")


def _goes_over(track: np.ndarray, ceiling_dbtp: float, progress: Progress) -> bool:
    """Whether the true peak is over the ceiling: where a sample is, nothing between samples need be looked at."""
    audio = _long_enough(track)
    sample_peak = peak_of(audio.waveform)
    if sample_peak > 0 and 20 * math.log10(sample_peak) > ceiling_dbtp:
        return True
    peak_dbtp = true_peak_dbtp(audio, Progress(check=progress.check))
    return peak_dbtp is not None and peak_dbtp > ceiling_dbtp


def _long_enough(track: np.ndarray) -> Audio:
    repeats = math.ceil(_LEAST_MEASURED_S * SAMPLE_RATE / max(track.shape[1], 1))
    return Audio.from_numpy(np.tile(track, repeats) if 1 < repeats < 10_000 else track, SAMPLE_RATE)


def _limit(track: np.ndarray, progress: Progress) -> None:
    """Turn down smoothly around peaks, looking ahead, so that even between samples they stay under the ceiling."""
    ceiling = 10 ** ((CEILING_DBTP - _LIMITER_MARGIN_DB) / 20)
    gains = np.minimum(1.0, ceiling / np.maximum(_peaks(track, progress), 1e-9))
    # The least gain near each step, then a mean over fewer steps: smooth, and nowhere above what is needed.
    half = _LIMITER_HALF_STEPS
    padded = np.pad(gains, 2 * half + 1, mode="edge")
    least = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 3).min(axis=-1)
    window = np.hanning(2 * half + 3)[1:-1]
    smooth = np.convolve(least, window / window.sum(), mode="valid")
    middles = (np.arange(len(smooth)) + 0.5) * _LIMITER_STEP
    for number, block in enumerate(_blocks(track, progress)):
        positions = np.arange(number * BLOCK, number * BLOCK + block.shape[1]) + 0.5
        block *= np.interp(positions, middles, smooth).astype(np.float32)


def _peaks(track: np.ndarray, progress: Progress) -> np.ndarray:
    """The largest value, also between samples, in each step of _LIMITER_STEP samples."""
    step = _LIMITER_STEP * _OVERSAMPLING * 2
    stream = soxr.ResampleStream(SAMPLE_RATE, SAMPLE_RATE * _OVERSAMPLING, 2, dtype="float32", quality="HQ")
    peaks = np.zeros(-(-track.shape[1] // _LIMITER_STEP))
    done, remainder = 0, np.zeros(0, np.float32)
    for first in range(0, track.shape[1], BLOCK):
        progress.check()
        last = first + BLOCK >= track.shape[1]
        between = stream.resample_chunk(np.ascontiguousarray(track[:, first : first + BLOCK].T), last=last)
        # Left and right stay side by side: one maximum over both and a step, not two.
        levels = np.concatenate([remainder, np.abs(between).ravel()])
        if last:
            levels = np.pad(levels, (0, -len(levels) % step))
        whole = len(levels) // step
        block_peaks = levels[: whole * step].reshape(whole, step).max(axis=1)[: len(peaks) - done]
        peaks[done : done + len(block_peaks)] = block_peaks
        done, remainder = done + len(block_peaks), levels[whole * step :]
        release_pages()
    return peaks


def _fade_ends(track: np.ndarray) -> None:
    length = min(round(_FADE_S * SAMPLE_RATE), track.shape[1] // 2)
    ramp = ((np.arange(length) + 0.5) / max(length, 1)).astype(np.float32)
    track[:, :length] *= ramp
    track[:, track.shape[1] - length :] *= ramp[::-1]


def _under_ceiling(track: np.ndarray, progress: Progress) -> Audio:
    """What the limiter left over the ceiling, a few hundredths of a decibel, is taken from the whole track."""
    audio = Audio.from_numpy(track, SAMPLE_RATE)
    peak_dbtp = true_peak_dbtp(audio, progress)
    if peak_dbtp is not None and peak_dbtp > CEILING_DBTP:
        _amplify(track, 10 ** ((CEILING_DBTP - peak_dbtp - 0.001) / 20), progress)
    return audio
