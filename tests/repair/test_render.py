"""Tests of repair rendering: exact outside spans, as published for one span, no clicks."""

import pytest
import torch

from deepsound.errors import InputError
from deepsound.fallback import FALLBACKS
from deepsound.media.loudness import measure as loudness
from deepsound.repair.render import apply_actions, gate_stems, match_format, treated_spans, with_actions
from deepsound.segments import Segment
from deepsound.silence import measure
from deepsound.types import Audio, Silence, Span, Stems, Verdict

RATE = 16_000
WHOLE = Span(0.0, 4.0)


def noise(seed: int, level: float = 0.1, channels: int = 2) -> Audio:
    return Audio(torch.randn(channels, 4 * RATE, generator=torch.Generator().manual_seed(seed)) * level, RATE)


COARSE, BACKGROUND, AGAIN = noise(0), noise(1, 0.05), noise(2, 0.08)


def never(mode, spans):
    raise AssertionError("nothing is to be generated")


def samples(span: Span) -> slice:
    return slice(round(span.start_s * RATE), round(span.end_s * RATE))


def outside(*spans: Span) -> torch.Tensor:
    mask = torch.ones(4 * RATE, dtype=torch.bool)
    for span in spans:
        mask[samples(span)] = False
    return mask


def inside(span: Span) -> slice:
    """Without the ramps of 20 ms."""
    return slice(round((span.start_s + 0.02) * RATE), round((span.end_s - 0.02) * RATE))


def test_no_segment_is_the_coarse_sound_bit_for_bit():
    made = apply_actions(COARSE, BACKGROUND, (), never)
    assert torch.equal(made.final.waveform, COARSE.waveform)
    assert made.source == "coarse"


def test_one_segment_of_everything_is_the_whole_clips_result():
    made = apply_actions(COARSE, BACKGROUND, (Segment(WHOLE, action="remove"),), never)
    assert made.final is BACKGROUND and made.source == "background"


@pytest.mark.parametrize("row", FALLBACKS, ids=lambda row: row.name)
def test_a_fallback_for_everything_is_the_whole_clips_result(row):
    made = apply_actions(COARSE, BACKGROUND, (Segment(WHOLE, action=row.name),), lambda mode, spans: AGAIN)
    published = row.rule(COARSE, lambda: AGAIN)
    assert made.final is published.audio and made.source == published.source


@pytest.mark.parametrize("action", ["remove", *(row.name for row in FALLBACKS)])
def test_outside_its_span_no_action_changes_a_sample(action):
    span = Span(1.0, 2.0)
    made = apply_actions(COARSE, BACKGROUND, (Segment(span, action=action),), lambda mode, spans: AGAIN)
    away = outside(span)
    assert torch.equal(made.final.waveform[:, away], COARSE.waveform[:, away])


def test_every_span_holds_what_its_action_makes():
    spans = {"keep": Span(0.0, 0.5), "remove": Span(0.6, 1.1), "rep": Span(1.2, 1.7), "rm": Span(1.8, 2.3)}
    spans |= {"neg": Span(2.4, 2.9), "mask": Span(3.0, 3.5)}
    asked = []

    def regenerate(mode, regenerated_spans):
        asked.append((mode.name, regenerated_spans))
        return AGAIN if mode.name == "neg" else noise(3)

    segments = tuple(Segment(span, action=action) for action, span in spans.items())
    final = apply_actions(COARSE, BACKGROUND, segments, regenerate).final.waveform
    expected = {
        "keep": COARSE.waveform,
        "remove": BACKGROUND.waveform,
        "rep": COARSE.waveform,
        "rm": torch.zeros_like(COARSE.waveform),
        "neg": AGAIN.waveform,
        "mask": noise(3).waveform,
    }
    for action, span in spans.items():
        assert torch.equal(final[:, inside(span)], expected[action][:, inside(span)]), action
    assert torch.equal(final[:, samples(spans["rep"])], COARSE.waveform[:, samples(spans["rep"])])
    assert asked == [("neg", (spans["neg"],)), ("mask", (spans["mask"],))]


def test_spans_of_one_mode_are_generated_once_and_touching_ones_are_one():
    asked = []

    def regenerate(mode, spans):
        asked.append(spans)
        return AGAIN

    segments = (
        Segment(Span(0.5, 1.0), action="neg"),
        Segment(Span(1.0, 1.5), action="neg"),
        Segment(Span(2.0, 2.5), action="neg"),
    )
    made = apply_actions(COARSE, BACKGROUND, segments, regenerate)
    assert asked == [(Span(0.5, 1.5), Span(2.0, 2.5))]
    across = slice(round(0.9 * RATE), round(1.1 * RATE))
    assert torch.equal(made.final.waveform[:, across], AGAIN.waveform[:, across])


@pytest.mark.parametrize("action", ["remove", *(row.name for row in FALLBACKS)])
def test_no_joint_steps_farther_than_twice_its_neighbours(action):
    at = torch.arange(4 * RATE) / RATE

    def tone(level, phase):
        return Audio((level * torch.sin(2 * torch.pi * 220 * at + phase))[None], RATE)

    coarse = tone(0.5, 0.0)
    segments = tuple(Segment(span, action=action) for span in (Span(0.3, 0.9), Span(1.5, 1.6), Span(3.2, 4.0)))
    made = apply_actions(coarse, tone(0.4, 1.0), segments, lambda mode, spans: tone(0.45, 2.0))
    steps = made.final.waveform.diff().abs()[0]
    # The steepest step of a tone of 0.5 is 0.0432; nowhere is one more than twice that.
    assert float(steps.max()) < 2 * 0.0432


def test_the_gated_background_is_exact_outside_and_both_stems_add_up():
    stems = Stems(Audio(COARSE.waveform - BACKGROUND.waveform, RATE), BACKGROUND)
    span = Span(1.0, 2.0)
    gate = gate_stems(COARSE, stems, (span,))
    away = outside(span)
    assert torch.equal(gate.background.waveform[:, away], COARSE.waveform[:, away])
    assert not bool(gate.voice.waveform[:, away].any())
    torch.testing.assert_close(gate.voice.waveform + gate.background.waveform, COARSE.waveform, rtol=0, atol=2**-24)
    assert gate_stems(COARSE, stems, (WHOLE,)) is stems


def published(coarse: Audio, background: Audio) -> Silence:
    return measure(background)


def test_silence_is_measured_span_by_span():
    """A silent span in a clip that is not: the published rule on the whole clip would say "not silent"."""
    background = BACKGROUND.waveform.clone()
    background[:, samples(Span(1.0, 1.5))] = 0.0
    sound = Audio(background, RATE)
    segments = (Segment(Span(1.0, 1.5)), Segment(Span(2.0, 3.0)), Segment(Span(3.5, 3.6), action="keep"))
    found, overall = with_actions(segments, COARSE, sound, "neg", published)
    assert not measure(sound).is_silent
    assert [(each.silence_ratio, each.action) for each in found] == [(1.0, "neg"), (0.0, "remove"), (None, "keep")]
    assert not overall.is_silent and 0 < overall.ratio < 1


def test_the_padding_of_a_span_does_not_hide_that_nothing_is_left_of_its_voice():
    background = BACKGROUND.waveform.clone()
    background[:, samples(Span(1.15, 1.85))] = 0.0
    (segment,), overall = with_actions((Segment(Span(1.0, 2.0)),), COARSE, Audio(background, RATE), "rm", published)
    assert segment.action == "rm" and overall.is_silent


@pytest.mark.parametrize("length_s", [0.2, 0.3, 0.5])
def test_a_short_span_of_which_nothing_is_left_is_silent(length_s):
    """The crossfades at its ends counted as sound that is left, so that a fallback never took its place."""
    segments = (Segment(Span(1.0, 1.0 + length_s)),)
    nothing_left = Stems(COARSE, Audio(COARSE.waveform * 0, RATE))
    gated = gate_stems(COARSE, nothing_left, [segment.span for segment in segments])
    (decided,), silence = with_actions(
        segments, COARSE, gated.background, "mask", lambda coarse, background: measure(background)
    )
    assert silence.is_silent and decided.action == "mask"


@pytest.mark.parametrize("level", [0.0, 1e-3, 1.0])
def test_one_span_of_everything_is_as_silent_as_the_whole_clip(level):
    background = BACKGROUND.waveform.clone()
    background[:, : round(3.7 * RATE)] *= level
    sound = Audio(background, RATE)
    (segment,), overall = with_actions((Segment(WHOLE),), COARSE, sound, "neg", published)
    assert overall == measure(sound)
    assert segment.action == ("neg" if overall.is_silent else "remove")


@pytest.mark.parametrize(
    ("actions", "source"),
    [
        (("keep",), "coarse"),
        (("remove", "remove"), "background"),
        (("neg", "mask"), "regenerated"),
        (("rep",), "coarse"),
        (("remove", "rep"), "mixed"),
        (("rm",), "mixed"),
    ],
)
def test_where_the_final_sound_is_from(actions, source):
    segments = [Segment(Span(number + 0.1, number + 0.6), action=action) for number, action in enumerate(actions)]
    assert apply_actions(COARSE, BACKGROUND, segments, lambda mode, spans: AGAIN).source == source


def test_a_regenerated_sound_of_another_form_is_brought_to_the_coarse_ones():
    other = Audio(torch.randn(1, 44_100 * 3, generator=torch.Generator().manual_seed(5)) * 0.1, 44_100)
    made = match_format(other, COARSE)
    assert (made.sample_rate, made.channels, made.samples) == (RATE, 2, 4 * RATE)
    apply_actions(COARSE, BACKGROUND, (Segment(Span(1, 2), action="neg"),), lambda mode, spans: other)


@pytest.mark.parametrize(("channels", "others"), [(2, 1), (1, 2), (2, 6)])
def test_a_regenerated_sound_is_as_loud_in_the_coarse_ones_channels(channels, others):
    """A draft of -23 LUFS came out at -27 in a clip with mono sound."""
    made, coarse = noise(5, 0.08, channels), noise(6, 0.1, others)
    fitted = match_format(made, coarse)
    assert fitted.channels == others
    assert loudness(fitted).integrated_lufs == pytest.approx(loudness(made).integrated_lufs, abs=0.1)


def test_an_action_that_is_no_fallback_names_the_choices():
    with pytest.raises(InputError, match=r"action is 'louder'; choose one of: neg"):
        apply_actions(COARSE, BACKGROUND, (Segment(Span(1, 2), action="louder"),), never)


def test_ten_thousand_spans_are_repaired():
    segments = [Segment(Span(at / 2500, at / 2500 + 0.0002), Verdict.YES, "remove") for at in range(10_000)]
    made = apply_actions(COARSE, BACKGROUND, segments, never)
    assert len(treated_spans(made.segments)) == 10_000
