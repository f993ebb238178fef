"""Sounds in mapped memory: the same samples, and resident only while they are looked at."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch

from deepsound import silence
from deepsound.contracts import require_sound
from deepsound.media import audio as media_audio
from deepsound.media.audio import fit_length
from deepsound.media.encode import within_full_scale
from deepsound.media.loudness import limit_to_loudness, measure, normalise
from deepsound.media.plots import envelope
from deepsound.media.splice import splice
from deepsound.media.wav import write_wav
from deepsound.outputs.staged_files import is_same_sound
from deepsound.pipeline import Pipeline
from deepsound.runtime import sample_memory
from deepsound.runtime.sample_memory import difference, padded, release_pages, zeros
from deepsound.separate.voice_gate import apply_gate, gate_of
from deepsound.types import Audio, Span

MAPPED = pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system reserves no room for files")


@pytest.fixture
def all_mapped(monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPSOUND_HOME", str(tmp_path / "home"))
    for module in (sample_memory, media_audio):
        monkeypatch.setattr(module, "MAPPED_FROM_BYTES", 1)


def resident_mb(folder):
    """How much of the mapped files below a folder is resident; deleted ones are still named after it."""
    kilobytes, ours = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split()[0]:
            ours = str(folder) in line
        elif ours and line.startswith("Rss:"):
            kilobytes += int(line.split()[1])
    return kilobytes / 1024


@MAPPED
@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="resident memory is read from /proc")
def test_a_mapped_sound_is_no_longer_resident_once_its_pages_are_released(all_mapped, tmp_path):
    samples = zeros(2, 4 << 20)
    samples[:] = np.arange(4 << 20, dtype=np.float32) % 1000
    assert resident_mb(tmp_path) > 30
    release_pages()
    assert resident_mb(tmp_path) < 1
    assert samples[1, 3_000_999] == 3_000_999 % 1000
    assert list((sample_memory.own_cache()).iterdir()) == []


def test_without_room_on_the_disk_a_sound_is_held_in_memory(all_mapped, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    samples = zeros(2, 1000)
    samples[:] = 1.0
    assert samples.flags.writeable and "held in memory" in caplog.text


def test_a_short_sound_is_in_plain_memory(monkeypatch):
    monkeypatch.setattr(sample_memory, "_map", None)
    assert not zeros(2, 48000).any()


def test_a_run_in_mapped_memory_leaves_the_same_sounds(make_video, speech, tmp_path, monkeypatch, request):
    clip = make_video(seconds=3.0, audio=speech(44100))

    def sounds(name):
        run = Pipeline("source", "rules", "bs_roformer_tiny").run(clip, tmp_path / name, target_lufs=-20.0)
        return {path.name: path.read_bytes() for path in run.output_dir.glob("*.wav")}

    plain = sounds("plain")
    request.getfixturevalue("all_mapped")
    assert sounds("mapped") == plain and len(plain) >= 3


@pytest.mark.parametrize("seconds", [0.5, 7.0])
def test_the_draft_in_mapped_memory_is_the_same(make_video, monkeypatch, request, tmp_path, seconds):
    clip = make_video(seconds=seconds)
    plain = Pipeline("draft", "rules").run(clip, tmp_path / "plain", write_video=False)
    request.getfixturevalue("all_mapped")
    mapped = Pipeline("draft", "rules").run(clip, tmp_path / "mapped", write_video=False)
    assert mapped.final_audio_path.read_bytes() == plain.final_audio_path.read_bytes()


def test_a_long_sound_is_worked_on_in_a_fraction_of_its_size(all_mapped, tmp_path):
    rate, samples = 1000, 8 << 20
    made = np.random.default_rng(0).normal(0, 0.1, (2, 1 << 18)).astype(np.float32)
    sound = zeros(2, samples)
    for first in range(0, samples, 1 << 18):
        sound[:, first : first + (1 << 18)] = made
    mix = Audio(torch.from_numpy(sound), rate)
    tracemalloc.start()
    try:
        other = Audio(padded(mix.waveform[:, :-9], samples), rate)
        require_sound(mix, "A generator")
        gate = gate_of([Span(5.0, 8000.0)], mix, 20)
        apply_gate(other.waveform, gate)
        background = Audio(difference(mix.waveform, other.waveform), rate)
        silence.measure_residue(mix, background)
        joined = splice(mix, background, [Span(5.0, 8000.0)])
        assert not is_same_sound(mix, joined) and is_same_sound(mix, fit_length(mix, samples))
        envelope(mix.numpy(), 100)
        write_wav(mix, tmp_path / "long.wav")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # 4096 frames of 2048 samples, squared, and what they are cut from are 42 MB, whatever the length of these 67 MB.
    assert peak < 0.7 * 4 * mix.waveform.numel()
    assert float(normalise(mix, -20.0).waveform.abs().max()) > 0
    assert measure(fit_length(mix, 100_000)).integrated_lufs is not None


def test_a_loudness_target_needs_no_memory_for_each_sample(all_mapped, noise):
    """The limiter held 105 bytes for each sample of a channel: 16 GB for an hour."""
    sound = noise(40.0, 44_100, 2, level=0.05)
    sound.waveform[:, ::44_100] = 0.9
    tracemalloc.start()
    try:
        _, levelling = limit_to_loudness(sound, -10.0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert levelling.limited_db > 5
    # Ten seconds at a time, and blocks of 2**18 samples in float64; what grew with the length was 185 MB here.
    assert peak < 60e6


@MAPPED
@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="resident memory is read from /proc")
@pytest.mark.parametrize("peak", [0.5, 2.0])
def test_a_long_sound_is_fitted_to_full_scale_without_being_resident_as_a_whole(all_mapped, tmp_path, peak):
    """The look for its peak left 20 minutes in memory, 420 MB, while they were encoded: the peak of a run."""
    samples = zeros(2, 4 << 20)
    samples[:] = np.arange(4 << 20, dtype=np.float32) % 1000 / 999 * peak
    release_pages()
    fitted, gain_db = within_full_scale(Audio.from_numpy(samples, 44_100), "aac")
    assert resident_mb(tmp_path) < 8
    gain = min(10 ** (gain_db / 20), 1.0)
    assert (gain_db < 0) == (peak > 1) and np.allclose(fitted.numpy(), samples * np.float32(gain), atol=1e-6)
