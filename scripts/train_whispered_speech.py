"""Trains the network that finds whispered speech, on synthetic whispers.

`python scripts/train_whispered_speech.py WORK [--steps 900] [--recordings FOLDER] [--export FILE]`.

Whispers are spoken by espeak-ng's variant `whisper`, or made from its other voices: their spectral envelope over noise,
flatter and with raised formants as in whispering. Voices that are spoken aloud are shown too, as what is no whisper.
Backgrounds are those of `deepsound.train.backgrounds`, the draft's recordings that no benchmark is measured on, and the
files below FOLDER, such as Debian's sonic-pi-samples (CC0). What is rendered is kept in WORK.
"""

# ruff: noqa: S311, S603

from __future__ import annotations

import argparse
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from benchmarks._voices import RECORDED_BEDS
from deepsound.generate.draft.recordings import embedded, load_take
from deepsound.media.audio import decode_audio, resample
from deepsound.models.whispered_speech import (
    LEVEL_RMS,
    SAMPLE_RATE,
    WhisperedSpeechNet,
    band_edges,
    sound_of,
    spectrum_of,
    to_bands,
)
from deepsound.train import backgrounds
from deepsound.train.voices import in_place
from deepsound.types import Audio
from scripts.render_speech import ESPEAK, ESPEAK_VARIANTS, sentence

SECONDS, SEED = 4.0, 2027
SAMPLES = round(SECONDS * SAMPLE_RATE)
WHISPERS, ALOUD, MADE_UP, TAKES = 500, 500, 600, 6
BATCH, LEARNING_RATE = 16, 3e-3
# Shares of what is shown: whispers, nothing but backgrounds, voices aloud.
WHISPERED, SILENT = 0.55, 0.25
# Recordings of voices among the files of sonic-pi-samples.
VOCAL = ("choir", "vox", "robot", "phone", "haunted", "voxy")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--recordings", type=Path, help="folder of further sounds without a voice")
    parser.add_argument("--export", type=Path, help="write the weights here, in half precision")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    material = [load_or_render(options.work / f"{name}.npy", make) for name, make in _kinds(options.recordings)]
    network = fit([spectrum_of(torch.from_numpy(kind)) for kind in material], options.steps, options.work)
    if options.export:
        save_file({name: value.half() for name, value in network.state_dict().items()}, options.export)


def _kinds(recordings: Path | None) -> Iterator[tuple[str, Iterator[np.ndarray]]]:
    yield "whispers", whispers()
    yield "aloud", (_fit(spoken(number, "aloud"), number) for number in range(ALOUD))
    yield "beds", beds(recordings)


def load_or_render(file: Path, make: Iterator[np.ndarray]) -> np.ndarray:
    """The sounds of `make`, [sounds, samples], kept in `file`."""
    if not file.is_file():
        np.save(file, np.stack([sound.astype(np.float32) for sound in make]))
        print(file, flush=True)
    return np.asarray(np.load(file))


def spoken(number: int, kind: str) -> np.ndarray:
    """A sentence of pseudo-words by espeak-ng, mono at 16 kHz; `kind` is 'whisper' or 'aloud'."""
    rng = random.Random(f"{SEED} {kind} {number}")
    language, variant = ESPEAK[number % len(ESPEAK)], "whisper" if kind == "whisper" else rng.choice(ESPEAK_VARIANTS)
    text = sentence("en" if language.startswith("en") else "xx", rng)
    tempo = ("-p", str(rng.randint(15, 85)), "-s", str(rng.randint(110, 210)))
    command = ("espeak-ng", "-v", f"{language}+{variant}", *tempo, "--stdout", text)
    wave = np.frombuffer(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout[44:], "<i2")
    return _at_rate(wave / 32768, round(22_050 * (rng.uniform(0.9, 1.3) if kind == "whisper" else 1)))


def _at_rate(wave: np.ndarray, rate: int) -> np.ndarray:
    return np.asarray(resample(Audio.from_numpy(wave[None].astype(np.float32), rate), SAMPLE_RATE).numpy()[0])


def whispers() -> Iterator[np.ndarray]:
    """Half of them espeak-ng's own, half resynthesised."""
    for number in range(WHISPERS):
        rng = np.random.default_rng([SEED, 1, number])
        yield _fit(whisper_of(spoken(number, "aloud again"), rng) if number % 2 else spoken(number, "whisper"), number)


def whisper_of(voice: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The voice's envelope by cepstral liftering over noise: no pitch, weak lows, higher formants, even loudness."""
    sound = torch.from_numpy(np.stack([voice, rng.standard_normal(len(voice)).astype(np.float32)]))
    spectrum = spectrum_of(sound)
    log = spectrum[0].abs().clamp_min(1e-6).log()
    cepstrum = torch.fft.irfft(log, dim=0)
    kept = int(rng.integers(14, 26))
    cepstrum[kept:-kept] = 0
    envelope = torch.fft.rfft(cepstrum, dim=0).real
    hz = torch.linspace(0, SAMPLE_RATE / 2, len(envelope))
    source = (torch.arange(len(hz)) / rng.uniform(1.0, 1.2)).round().long()
    envelope = envelope[source] + rng.uniform(0.2, 1.0) * (hz.clamp(100, 2000) / 2000).log()[:, None]
    loudness = envelope.mul(2).exp().mean(0).log() / 2
    envelope = envelope - loudness * (1 - rng.uniform(0.5, 0.9))
    noise = spectrum[1] / spectrum[1].abs().mean()
    return sound_of((noise * envelope.exp())[None], len(voice))[0].numpy()


def _fit(voice: np.ndarray, number: int) -> np.ndarray:
    """Four seconds of the voice in some room, with pauses before and after it at times."""
    rng = np.random.default_rng([SEED, 2, number])
    out = np.zeros(SAMPLES, np.float32)
    part = voice[: SAMPLES if rng.random() < 0.6 else int(rng.integers(SAMPLES // 4, SAMPLES))]
    at = int(rng.integers(SAMPLES - len(part) + 1))
    out[at : at + len(part)] = part
    wide = resample(Audio.from_numpy(out[None], SAMPLE_RATE), backgrounds.SAMPLE_RATE).numpy()[0]
    return backgrounds.scale_to_rms(_at_rate(in_place(wide, rng), backgrounds.SAMPLE_RATE)[:SAMPLES], 0.03)


def beds(recordings: Path | None) -> Iterator[np.ndarray]:
    """Backgrounds: made up, and recorded ones again and again with pauses as they come."""
    for number in range(MADE_UP):
        made = backgrounds.background(SECONDS, np.random.default_rng([SEED, 3, number]))
        yield _at_rate(made, backgrounds.SAMPLE_RATE)[:SAMPLES]
    takes = [load_take(source.paths[0]) for name, source in embedded().items() if name not in RECORDED_BEDS]
    waves = [_at_rate(take.mean(axis=0), backgrounds.SAMPLE_RATE) for take in takes if take is not None]
    for file in sorted(recordings.rglob("*.flac")) if recordings else ():
        if not any(name in file.stem for name in VOCAL):
            waves.append(resample(decode_audio(file), SAMPLE_RATE).numpy().mean(axis=0))
    for place, wave in enumerate(waves):
        for take in range(TAKES if place < len(takes) else 2):
            yield _again_and_again(wave, np.random.default_rng([SEED, 4, place, take]))


def _again_and_again(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    out, at = np.zeros(SAMPLES, np.float32), int(rng.integers(SAMPLES // 8))
    begin = int(rng.integers(max(len(wave) - SAMPLES, 0) + 1))
    wave = wave[begin : begin + SAMPLES]
    while at < SAMPLES:
        part = wave[: SAMPLES - at]
        out[at : at + len(part)] += part
        at += max(len(wave), round(rng.uniform(0.2, 1.0) * SAMPLE_RATE))
    return backgrounds.scale_to_rms(out, 0.1)


def fit(material: list[Tensor], steps: int, work: Path) -> WhisperedSpeechNet:
    """The network after `steps` batches of mixtures that are drawn as it goes."""
    torch.manual_seed(SEED)
    network, rng = WhisperedSpeechNet(), np.random.default_rng(SEED)
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=1e-3)
    rise, fall = 0.1 * steps, 0.45 * steps
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda at: min((at + 1) / rise, 1, (steps - at) / fall))
    sums = torch.zeros(3)
    for step in range(1, steps + 1):
        losses = torch.stack(batch_losses(network, material, rng))
        optimiser.zero_grad()
        losses.sum().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        sums += losses.detach()
        if step % 100 == 0:
            print(step, "whisper {:.3f} harm {:.3f} presence {:.3f}".format(*(sums / 100)), flush=True)
            sums.zero_()
            torch.save(network.state_dict(), work / "last.pt")
    return network.eval()


def batch_losses(network: WhisperedSpeechNet, material: list[Tensor], rng: np.random.Generator) -> tuple[Tensor, ...]:
    """Error of the background under a whisper and harm to one without (both in bels), and entropy of the presence."""
    kinds = rng.random(BATCH)
    is_whispered, is_silent = torch.from_numpy(kinds < WHISPERED), torch.from_numpy(kinds >= 1 - SILENT)
    voice = torch.where(is_whispered[:, None, None], _drawn(material[0], rng), _drawn(material[1], rng))
    voice = voice * (~is_silent)[:, None, None]
    bed = _drawn(material[2], rng)
    bed = bed + (0.7 * _drawn(material[2], rng)) * torch.from_numpy(rng.random(BATCH) < 0.25)[:, None, None]
    voice, bed = _scaled(voice, bed, rng)
    mixed = voice + bed
    gains, logits = network(to_bands(_power(mixed)))
    bed_power, voice_power = to_bands(_power(bed)), to_bands(_power(voice))
    common = to_bands((bed * voice.conj()).real)
    widths = _widths()
    error = gains.square() * bed_power + (1 - gains).square() * voice_power - 2 * gains * (1 - gains) * common
    bed_sum, voice_sum = ((power * widths).sum((1, 2)) for power in (bed_power, voice_power))
    bels = ((error * widths).sum((1, 2)).clamp_min(0) / (bed_sum + 1e-4 * voice_sum + 1e-9) + 1e-3).log10()
    loudness = (voice_power * widths).sum(1)
    active = F.max_pool1d(loudness[:, None], 25, 1, 12)[:, 0] > 3e-3 * loudness.amax(1, keepdim=True).clamp_min(1e-9)
    target = torch.stack([active & is_whispered[:, None], active & ~is_silent[:, None]], dim=1).float()
    presence = F.binary_cross_entropy_with_logits(logits, target)
    whisper = (bels * is_whispered).sum() / BATCH
    return whisper, 0.5 * (bels * is_silent).sum() / BATCH, presence


def _widths() -> Tensor:
    return torch.tensor(band_edges()).diff().float()[:, None]


def _drawn(sounds: Tensor, rng: np.random.Generator) -> Tensor:
    """A batch of `sounds` [B, 257, frames], rolled in time and coloured at random."""
    picked = sounds[torch.from_numpy(rng.integers(len(sounds), size=BATCH))]
    rolled = torch.stack([part.roll(int(rng.integers(part.shape[1])), 1) for part in picked])
    points = torch.from_numpy(rng.normal(0, 4, (BATCH, 1, 6)).astype(np.float32))
    octaves = torch.linspace(0, 1, 257).sqrt() * 2 - 1
    grid = torch.stack([octaves, torch.zeros(257)], dim=1).expand(BATCH, 1, -1, -1)
    curve = F.grid_sample(points[:, :, None], grid, align_corners=True, padding_mode="border")[:, 0, 0]
    return rolled * 10 ** (curve / 20)[..., None]


def _scaled(voice: Tensor, bed: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Both at a drawn ratio (voice 10 dB below to 20 above the bed, now and then nearly alone) and a drawn level."""
    decibels = np.where(rng.random(BATCH) < 0.12, rng.uniform(20, 45, BATCH), rng.normal(3, 7, BATCH).clip(-12, 20))
    ratio = torch.from_numpy(10 ** (decibels / 20)).float()[:, None, None]
    voice_rms, bed_rms = (_power(part).mean((1, 2), keepdim=True).sqrt().clamp_min(1e-9) for part in (voice, bed))
    voice = voice / voice_rms * ratio
    bed = bed / bed_rms
    level = LEVEL_RMS * 14 * torch.from_numpy(10 ** (rng.normal(0, 4, (BATCH, 1, 1)) / 20)).float()
    mixed = _power(voice + bed).mean((1, 2), keepdim=True).sqrt().clamp_min(1e-9)
    return voice * level / mixed, bed * level / mixed


def _power(spectrum: Tensor) -> Tensor:
    return spectrum.real.square() + spectrum.imag.square()


if __name__ == "__main__":
    main()
