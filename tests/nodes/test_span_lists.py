"""Span lists on the nodes: who decides, what the panel shows, what is refused."""

import json
from types import SimpleNamespace

import pytest
import torch

from deepsound.errors import InputError
from tests import fakes

pytestmark = pytest.mark.usefixtures("fake_engines")

RATE = 16_000
JUDGE = {
    "undecided": "no",
    "whole_trace": True,
    "published_parser": False,
    "precision": "auto",
    "offload": False,
    "download": False,
}


def sound(level: float = 0.1):
    """An AUDIO of one second of noise."""
    waveform = torch.randn(1, 1, RATE, generator=torch.Generator().manual_seed(3)) * level
    return {"waveform": waveform, "sample_rate": RATE}


SOUND, SILENT = sound(), sound(0.0)


@pytest.fixture
def video(load_video, tone):
    return load_video(seconds=1.0, audio=tone(seconds=1.0))


def judged(nodes, video, spans, engine="no"):
    return nodes["DeepSoundVoiceOverCoT"].execute(video, SOUND, engine, **JUDGE, spans=spans)


def test_spans_of_a_person_leave_the_judge_and_have_the_say_on_whether_to_repair(nodes, video):
    output = judged(nodes, video, "0.2-0.5")
    assert (output.args[0], output.args[1]) == ([True], ["no"])
    (row,) = json.loads(output.args[9][0])
    assert (row["start_s"], row["end_s"], row["action"], row["why"]) == (0.2, 0.5, "", "given")
    assert judged(nodes, video, "[]", "yes").args[0] == [False], "a list of no spans repairs nothing"


def test_drawing_spans_does_not_judge_the_same_sound_again(nodes, video, monkeypatch):
    asked = []
    judge = fakes.YesReasoner.judge
    monkeypatch.setattr(fakes.YesReasoner, "judge", lambda *given: asked.append(1) or judge(*given))
    judged(nodes, video, "")
    judged(nodes, video, "0.1-0.2")
    judged(nodes, video, "0.1-0.3")
    assert len(asked) == 1
    judged(nodes, video, "")
    assert len(asked) == 2, "without a list the judge is asked as ever"


def test_the_panel_shows_waveform_segments_and_the_actions_to_choose_from(nodes, video):
    shown = judged(nodes, video, "0.2-0.5").ui["deepsound"][0]
    assert shown["actions"] == ["keep", "remove", "neg", "rep", "rm", "mask"]
    separated = nodes["DeepSoundVocalSeparate"].execute(SOUND, "halving", True, spans="0.2-0.5").ui["deepsound"][0]
    assert separated["actions"] == ["keep", "remove"]
    chosen = nodes["DeepSoundSilenceFallback"].execute("rep", SOUND, True, SOUND, spans="0.2-0.5").ui["deepsound"][0]
    assert [each["action"] for each in chosen["segments"]] == ["remove"]
    for one in (shown, separated, chosen):
        assert one["sound"]["duration"] == 1.0 and len(one["sound"]["peaks"]) == 600
        assert [(each["start_s"], each["end_s"]) for each in one["segments"]] == [(0.2, 0.5)]


@pytest.mark.parametrize(
    ("verdict", "spans", "chosen"),
    [
        (False, "", "coarse"),
        (False, "0.2-0.5", "background"),
        (True, "[]", "coarse"),
        (True, '[{"start_s": 0.2, "end_s": 0.5, "verdict": "no"}]', "coarse"),
        (False, '[{"start_s": 0.2, "end_s": 0.5, "verdict": "yes"}]', "background"),
    ],
)
def test_a_span_list_decides_in_place_of_the_clips_verdict(nodes, verdict, spans, chosen):
    """`rules` may find voice-over in one span of a clip whose own verdict is no."""
    output = nodes["DeepSoundSilenceFallback"].execute("rep", SOUND, verdict, sound(0.05), spans=spans)
    assert output.args[2] == [chosen]


@pytest.mark.parametrize(("spans", "wanted"), [("", []), ("[]", []), ("0.2-0.5", ["background"])])
def test_the_background_is_made_where_a_list_needs_it(nodes, spans, wanted):
    node = nodes["DeepSoundSilenceFallback"]
    graph = {"7": {"inputs": {"background": ["8", 0]}}}
    node.hidden = SimpleNamespace(unique_id="7", dynprompt=SimpleNamespace(get_node=graph.get))
    assert node.check_lazy_status(voice_over=False, mode="rep", coarse=SOUND, spans=spans) == wanted


def test_without_spans_a_sound_passes_regenerate_span_and_can_be_drawn_on(nodes, video):
    arguments = (video, SOUND, " ", "noise", "", "", 1, 0.0)
    output = nodes["DeepSoundRegenerateSpan"].execute(*arguments)
    assert torch.equal(output.args[0]["waveform"], SOUND["waveform"])
    shown = output.ui["deepsound"][0]
    assert shown["sound"]["peaks"] and shown["notes"] == [
        "spans is empty, so that the sound passes unchanged: drag over the waveform, or write 1.2-3.4."
    ]


@pytest.mark.parametrize(
    ("spans", "words"),
    [
        ("0.5-0.2", "ends at 0.2 s; expected an end after its start"),
        ("[[-1, 0.5]]", "starts at -1 s"),
        ("3-4", "starts at 3 s; the clip has 0 to 1 s"),
        ("the rain", "expected START-END in seconds"),
        ('{"segments": 7}', "expected a JSON list"),
        ('[{"start_s": 0, "end_s": 1, "action": "louder"}]', "choose one of: keep, remove"),
        ('[{"start_s": 0, "end_s": 0.6, "action": "rm"}, [0.5, 0.9]]', "overlap and ask for different things"),
        (json.dumps([[0.1, 0.2]] * 10_001), "10,001 entries"),
    ],
)
def test_a_list_that_is_none_is_refused_by_every_node(nodes, video, spans, words):
    runs = (
        lambda: judged(nodes, video, spans),
        lambda: nodes["DeepSoundVocalSeparate"].execute(SOUND, "halving", True, spans=spans),
        lambda: nodes["DeepSoundSilenceFallback"].execute("rep", SOUND, True, SOUND, spans=spans),
        lambda: nodes["DeepSoundRegenerateSpan"].execute(video, SOUND, spans, "noise", "", "", 1, 0.0),
    )
    for run in runs:
        with pytest.raises(InputError, match=words):
            run()


def test_ten_thousand_spans_go_through_separation_and_fallback(nodes):
    spans = json.dumps([[at / 10_000, at / 10_000 + 0.00005] for at in range(10_000)])
    separated = nodes["DeepSoundVocalSeparate"].execute(SOUND, "halving", True, spans=spans)
    assert len(json.loads(separated.args[2][0])) == 10_000
    assert separated.args[0][0]["waveform"].shape == SOUND["waveform"].shape


@pytest.mark.parametrize("spans", ["0.2-0.5", json.dumps([[at / 100, at / 100 + 0.005] for at in range(100)])])
def test_cancelling_stops_each_node_that_repairs(nodes, host, video, spans):
    host.interrupted = True
    runs = (
        lambda: nodes["DeepSoundVoiceOverCoT"].execute(video, sound(0.07), "yes", **JUDGE, spans=spans),
        lambda: nodes["DeepSoundSilenceFallback"].execute("rep", SOUND, True, SOUND, spans=spans),
        lambda: nodes["DeepSoundRegenerateSpan"].execute(video, SOUND, spans, "endless", "", "", 1, 0.0),
    )
    for run in runs:
        with pytest.raises(Exception) as raised:
            run()
        assert type(raised.value).__name__ == "InterruptedByHost"
