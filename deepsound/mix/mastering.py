"""Mixes two sounds with ducking, fades and width; masters to loudness and true peak."""

from __future__ import annotations

from dataclasses import dataclass, replace

from deepsound.errors import InputError
from deepsound.media.audio import fit_length, resample
from deepsound.media.container import ThrottledProgress
from deepsound.media.length_policy import settle_lengths
from deepsound.media.limiter import limit
from deepsound.media.loudness import limit_to_loudness, measure
from deepsound.mix.envelopes import apply_fades, apply_width, ducking_gain
from deepsound.mix.settings import MixSettings
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, Loudness, Span

_DEFAULT = MixSettings()


@dataclass(frozen=True)
class Meter:
    """Loudness and true peak of one sound of the mix, by its `name`."""

    name: str
    loudness: Loudness


@dataclass(frozen=True)
class Master:
    """The finished sound; `meters` of what went in, of the mix and of the result; `spans` that were ducked; `notes`."""

    audio: Audio
    meters: tuple[Meter, ...]
    spans: tuple[Span, ...]
    notes: tuple[str, ...]


def mix_and_master(
    generated: Audio,
    original: Audio | None = None,
    settings: MixSettings = _DEFAULT,
    picture_s: float | None = None,
    progress: Progress = Progress(),
) -> Master:
    """`generated` over `original` as the settings say, as long as the picture where `picture_s` seconds are given.

    The higher rate of the two holds, and the larger number of channels: a mono sound is on all of them. Raises
    InputError for sounds whose channels cannot be joined, EngineError where ducking lacks its voice detector.
    """
    notes: list[str] = []
    sounds = {"generated": generated} | ({"original": original} if original is not None else {})
    meters = [Meter(name, measure(sound, progress)) for name, sound in sounds.items()]
    sounds = _matched(sounds, progress)
    sounds = _with_lengths(sounds, settings, picture_s, notes)
    spans = _ducked_spans(sounds.get("original"), settings, progress, notes)
    mixed = _sum(sounds, spans, settings, notes)
    meters.append(Meter("mix", measure(mixed, progress)))
    finished = _leveled(mixed, settings, progress, notes)
    meters.append(Meter("master", measure(finished, progress)))
    return Master(finished, tuple(meters), spans, tuple(notes))


def _matched(sounds: dict[str, Audio], progress: Progress) -> dict[str, Audio]:
    """The sounds at one rate, with one number of channels."""
    rate = max(sound.sample_rate for sound in sounds.values())
    channels = max(sound.channels for sound in sounds.values())
    layout = next(sound.layout for sound in sounds.values() if sound.channels == channels)
    matched = {}
    for name, sound in sounds.items():
        if sound.channels not in (1, channels):
            raise InputError(
                f"{name}: expected 1 or {channels} channels, as the other sound has, got {sound.channels}; mix it "
                "down first."
            )
        waveform = resample(sound, rate, progress).waveform
        matched[name] = Audio(waveform.expand(channels, -1), rate, layout)
    return matched


def _with_lengths(
    sounds: dict[str, Audio], settings: MixSettings, picture_s: float | None, notes: list[str]
) -> dict[str, Audio]:
    if picture_s is not None:
        settled = {name: settle_lengths(sound, picture_s, settings.length) for name, sound in sounds.items()}
        notes += [f"{name}: {lengths.said}." for name, lengths in settled.items() if lengths.said]
        sounds = {name: lengths.audio for name, lengths in settled.items() if lengths.audio is not None}
        rate = next(iter(sounds.values())).sample_rate
        longest = max(round(picture_s * rate), *(sound.samples for sound in sounds.values()))
    else:
        longest = max(sound.samples for sound in sounds.values())
        if len({sound.samples for sound in sounds.values()}) > 1:
            notes.append("The sounds do not last equally long: the shorter one ends in silence.")
    return {name: fit_length(sound, longest) for name, sound in sounds.items()}


def _ducked_spans(
    original: Audio | None, settings: MixSettings, progress: Progress, notes: list[str]
) -> tuple[Span, ...]:
    if original is None or not settings.ducking_db or not original.samples:
        return ()
    from deepsound.media.vad import voice_spans

    spans = voice_spans(original, progress)
    seconds = sum(span.end_s - span.start_s for span in spans)
    if spans:
        notes.append(f"Ducked by {settings.ducking_db:g} dB under {seconds:.1f} s of speech.")
    return spans


def _sum(sounds: dict[str, Audio], spans: tuple[Span, ...], settings: MixSettings, notes: list[str]) -> Audio:
    generated = sounds["generated"]
    rate, samples = generated.sample_rate, apply_width(generated.numpy(), settings.stereo_width)
    if settings.stereo_width != 1.0 and generated.channels != 2:
        notes.append(f"stereo_width is ignored: the sound has {generated.channels} channel(s), not 2.")
    mixed = samples * 10 ** (settings.generated_gain_db / 20)
    if spans:
        mixed = mixed * ducking_gain(spans, generated.samples, rate, settings.ducking_db)
    if "original" in sounds:
        mixed = mixed + sounds["original"].numpy() * 10 ** (settings.original_gain_db / 20)
    faded = apply_fades(mixed, rate, settings.fade_in_s, settings.fade_out_s)
    return Audio.from_numpy(faded, rate, generated.layout)


def _leveled(mixed: Audio, settings: MixSettings, progress: Progress, notes: list[str]) -> Audio:
    if settings.target_lufs is None:
        limited = limit(mixed.numpy(), mixed.sample_rate, settings.ceiling_dbtp, ThrottledProgress(progress))
        return replace(mixed, waveform=Audio.from_numpy(limited, mixed.sample_rate).waveform)
    finished, levelling = limit_to_loudness(mixed, settings.target_lufs, settings.ceiling_dbtp, progress)
    if not levelling.is_reached:
        notes.append(f"Loudness: {levelling}.")
    return finished
