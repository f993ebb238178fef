"""How much of a voice is removed, and the room tone in its place."""

import pytest
import torch

from deepsound.runtime.progress import Progress
from deepsound.separate.removal import RemovalSettings, apply_removal
from deepsound.types import Audio, Stems

RATE = 16_000


def hollow(voiced=(2.0, 4.0), seconds=6.0, room=0.01):
    """A voice over room tone, separated by one that takes the room tone with the voice."""
    generator = torch.Generator().manual_seed(1)
    tone = torch.randn(2, round(seconds * RATE), generator=generator) * room
    inside = slice(round(voiced[0] * RATE), round(voiced[1] * RATE))
    mix = tone.clone()
    mix[:, inside] += torch.randn(mix[:, inside].shape, generator=generator) * 0.2
    background = tone.clone()
    background[:, inside] = 0
    return Audio(mix, RATE), Stems(Audio(mix - background, RATE), Audio(background, RATE))


def test_by_default_the_stems_stay_the_separators_own():
    mix, stems = hollow()
    assert apply_removal(mix, stems) is stems
    assert apply_removal(mix, stems, RemovalSettings(100.0)) is stems


def test_kept_ambience_fills_the_hole_at_the_room_tones_level_and_touches_nothing_else():
    mix, stems = hollow()
    kept = apply_removal(mix, stems, RemovalSettings(keep_ambience=True))
    level = kept.background.waveform[:, round(2.3 * RATE) : round(3.7 * RATE)].std()
    # 1.4 s of noise: its level is known to 1 %, the tone's median of some 90 frames to 5 %.
    assert level == pytest.approx(0.01, rel=0.1)
    outside = slice(0, round(1.7 * RATE))
    assert torch.equal(kept.background.waveform[:, outside], stems.background.waveform[:, outside])
    assert torch.allclose(kept.background.waveform + kept.voice.waveform, mix.waveform, atol=1e-6)
    again = apply_removal(mix, stems, RemovalSettings(keep_ambience=True))
    assert torch.equal(again.background.waveform, kept.background.waveform)


def test_ambience_that_is_there_already_is_not_doubled():
    mix, stems = hollow()
    whole = Audio(torch.randn(2, mix.samples, generator=torch.Generator().manual_seed(3)) * 0.01, RATE)
    kept = apply_removal(mix, Stems(stems.voice, whole), RemovalSettings(keep_ambience=True))
    level = kept.background.waveform[:, round(2.3 * RATE) : round(3.7 * RATE)].std()
    assert level < 0.01 * 1.25


def test_a_voice_without_pause_leaves_nothing_to_take_the_ambience_from_and_that_is_noted():
    notes = []
    progress = Progress(on_event=lambda event: notes.append(event.text))
    mix, stems = hollow(voiced=(0.0, 6.0))
    kept = apply_removal(mix, stems, RemovalSettings(keep_ambience=True), progress)
    assert torch.equal(kept.background.waveform, stems.background.waveform)
    assert any("ambience is not kept" in note for note in notes)


@pytest.mark.parametrize("samples", [1, 200, 3000])
def test_a_sound_shorter_than_a_frame_passes(samples):
    mix = Audio(torch.randn(1, samples), RATE)
    stems = Stems(mix, Audio(torch.zeros(1, samples), RATE))
    kept = apply_removal(mix, stems, RemovalSettings(6.0, True))
    assert kept.background.samples == samples and torch.isfinite(kept.background.waveform).all()
