"""A person's decisions on nodes: voice decision, muted judge, depth, loudness, presets."""

import json
from types import SimpleNamespace

import pytest
import torch

from deepsound.errors import InputError
from tests.nodes.test_nodes import COARSE, JUDGE, LOUD, sound

pytestmark = pytest.mark.usefixtures("fake_engines")


@pytest.fixture
def video(nodes, host, make_video):
    make_video("input/clip.mp4", seconds=2.0)
    return nodes["DeepSoundLoadVideo"].execute("clip.mp4", 0.0, 0.0).args[0]


def notes_of(output):
    return output.ui["deepsound"][0]["notes"]


@pytest.mark.parametrize(("decision", "engine", "counts"), [("always", "no", True), ("never", "yes", False)])
def test_the_judge_node_takes_a_decision_in_place_of_an_engine(nodes, video, monkeypatch, decision, engine, counts):
    def judge(*given):
        raise AssertionError("a judge was asked")

    for name in ("YesReasoner", "NoReasoner"):
        monkeypatch.setattr(f"tests.fakes.{name}.judge", judge)
    node = nodes["DeepSoundVoiceOverCoT"]
    output = node.execute(video, sound(0.1), engine, **JUDGE, voice_decision=decision)
    assert output.args[0] == [counts]
    assert any("no judge is asked" in note for note in notes_of(output))


def test_never_keeps_the_sound_whatever_spans_say(nodes, video):
    output = nodes["DeepSoundVoiceOverCoT"].execute(
        video, sound(0.1), "yes", **JUDGE, spans="0.2-0.5", voice_decision="never"
    )
    assert output.args[0] == [False] and output.args[9] == ["[]"]
    assert any("span list is not used" in note for note in notes_of(output))


def test_without_a_verdict_the_sound_counts_as_voice_over_and_the_node_says_so(nodes):
    output = nodes["DeepSoundSilenceFallback"].execute("rep", COARSE, background=LOUD, scope="clip")
    assert output.args[2] == ["background"]
    assert any("No verdict arrived at voice_over" in note for note in notes_of(output))
    assert not any(
        "No verdict" in note for note in notes_of(nodes["DeepSoundSilenceFallback"].execute("rep", COARSE, False))
    )


def test_a_muted_judge_and_a_muted_separator_end_in_one_clear_sentence(nodes):
    node = nodes["DeepSoundSilenceFallback"]
    node.hidden = SimpleNamespace(unique_id="7", dynprompt=SimpleNamespace(get_node={"7": {"inputs": {}}}.get))
    assert node.check_lazy_status(mode=["rep"], coarse=[COARSE]) == [], (
        "an input that is not there cannot be waited for"
    )
    with pytest.raises(InputError, match=r"background: no sound arrived.*switch it on where it is muted"):
        node.execute("rep", COARSE)


def test_the_separator_leaves_as_much_of_the_voice_as_asked(nodes):
    def separate(**more):
        return nodes["DeepSoundVocalSeparate"].execute(
            sound(0.5), "halving", True, False, scope="clip", spans="0-1", **more
        )

    everything, lower = separate(), separate(removal_db=20.0)
    assert torch.allclose(everything.args[0][0]["waveform"], torch.tensor(0.25))
    assert torch.allclose(lower.args[0][0]["waveform"], torch.tensor(0.275), atol=1e-6)
    assert torch.allclose(lower.args[1][0]["waveform"] + lower.args[0][0]["waveform"], torch.tensor(0.5))


def test_the_pipeline_brings_its_sound_to_a_loudness(nodes, video):
    from deepsound.media.loudness import measure
    from deepsound.types import Audio

    engines = ("noise", "no", "halving")
    output = nodes["DeepSoundPipeline"].execute(
        video, *engines, "s4", "rm", "", "", 3, 0.0, loudness="ebu_r128", prompt_preset="rain"
    )
    final = output.args[0]
    measured = measure(Audio(final["waveform"][0], final["sample_rate"])).integrated_lufs
    assert measured == pytest.approx(-23.0, abs=0.5)


def test_a_preset_comes_before_ones_own_words(nodes, video, fake_engines):
    prompt, negative = nodes["DeepSoundPromptPreset"].execute("rain", "on a tin roof").args
    assert prompt == "rain, downpour, on a tin roof" and "voice" in negative
    assert nodes["DeepSoundPromptPreset"].execute("rain", "").args[0] == "rain, downpour"
    nodes["DeepSoundGenerateAudio"].execute(video, "noise", "soft", "", 1, 0.0, prompt_preset="sea")
    assert fake_engines.requests[-1].prompt == "sea, waves, beach, soft"
    with pytest.raises(InputError, match="prompt_preset is 'thunder'; choose one of"):
        nodes["DeepSoundGenerateAudio"].execute(video, "noise", "", "", 1, 0.0, prompt_preset="thunder")


def test_everything_of_a_judgement_is_one_json_beside_the_single_outputs(nodes, video):
    output = nodes["DeepSoundVoiceOverCoT"].execute(video, sound(0.1), "yes", **JUDGE)
    (details,) = map(json.loads, output.args[10])
    single = dict(zip(("verdict", "category"), (values[0] for values in output.args[1:3]), strict=True))
    assert {**details, **single} == details and details["conclusion"] == output.args[7][0]
    assert details["raw"] == output.args[8][0] and details["inference"] == output.args[6][0]
