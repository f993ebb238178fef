"""Tests of several takes of one video through steps 2 to 4 and the mux."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from deepsound.errors import InputError
from deepsound.types import Verdict
from tests import fakes

RATE = 16000
JUDGE = ("no", True, False, "auto", False, False)


def takes(*levels, seconds=1.0, channels=1, rate=RATE):
    waveform = torch.stack([torch.full((channels, round(seconds * rate)), float(level)) for level in levels])
    return {"waveform": waveform, "sample_rate": rate}


def levels(audio):
    return [round(float(take.max()), 3) for take in audio["waveform"]]


class LoudIsVoice(fakes.YesReasoner):
    """Hears a voice in what is louder than 0.3."""

    @property
    def verdict(self):
        return Verdict.YES if self.level > 0.3 else Verdict.NO

    def judge(self, clip, audio, progress):
        self.level = float(audio.waveform.max())
        return super().judge(clip, audio, progress)


@pytest.fixture(autouse=True)
def engines_of_tests(fake_engines, monkeypatch):
    from deepsound import engines

    added = engines.EngineInfo("reasoner", "loud", "made for tests", "tests.nodes.test_takes:LoudIsVoice")
    monkeypatch.setattr(engines, "EMBEDDED", (*engines.EMBEDDED, added))


@pytest.fixture
def video(load_video):
    return load_video(seconds=1.0)


def test_each_take_is_judged_by_itself_and_shown(nodes, video, host):
    """0.3.0 refused a batch at step 2."""
    output = nodes["DeepSoundVoiceOverCoT"].execute(video, takes(0.1, 0.5, 0.2), "loud", *JUDGE)
    assert output.args[:3] == ([False, True, False], ["no", "yes", "no"], ["No1", "Yes", "No1"])
    assert [row["verdict"] for row in output.ui["deepsound"]] == ["no", "yes", "no"]
    assert [max(row["sound"]["peaks"]) for row in output.ui["deepsound"]] == [10, 50, 20]
    assert host.texts[-1][1].splitlines()[1] == "take 2: verdict: yes"


def test_only_the_takes_whose_verdict_is_yes_are_separated(nodes):
    mix = takes(0.2, 0.4)
    (background,), (voice,), _ = (
        nodes["DeepSoundVocalSeparate"].execute([mix], ["halving"], [False, True], scope=["clip"]).args
    )
    assert levels(background) == [0.2, 0.2] and levels(voice) == [0.0, 0.2]


def test_a_list_of_sounds_of_several_lengths_stays_one(nodes):
    """Takes of one batch are alike; a list of AUDIOs may hold any lengths and rates, and comes out as it went in."""
    mix = [takes(0.2, 0.4), takes(0.6, seconds=0.5, rate=8000)]
    background, voice, segments = nodes["DeepSoundVocalSeparate"].execute(mix, ["halving"], [True]).args
    assert len(segments) == 3
    assert [levels(audio) for audio in background] == [[0.1, 0.2], [0.3]]
    assert [(audio["waveform"].shape, audio["sample_rate"]) for audio in voice] == [
        (audio["waveform"].shape, audio["sample_rate"]) for audio in mix
    ]


def test_the_fallback_is_chosen_for_each_take(nodes):
    node = nodes["DeepSoundSilenceFallback"]
    coarse, background, again = takes(0.4, 0.5, 0.6), takes(0.4, 0.0, 0.3), takes(0.1, 0.2, 0.3)
    output = node.execute(["neg"], [coarse], [False, True, True], [background], [again])
    assert levels(output.args[0][0]) == [0.4, 0.2, 0.3]
    assert output.args[1:3] == ([False, True, False], ["coarse", "regenerated", "background"])
    one = node.execute(["neg"], [coarse], [False, True, True], [background], [takes(0.7)])
    assert levels(one.args[0][0]) == [0.4, 0.7, 0.3], "one regenerated sound stands for every silent take"


def test_the_second_generator_runs_only_when_a_take_needs_it(nodes):
    node = nodes["DeepSoundSilenceFallback"]
    graph = {"7": {"inputs": {"background": ["8", 0], "regenerated": ["9", 0]}}}
    node.hidden = SimpleNamespace(unique_id="7", dynprompt=SimpleNamespace(get_node=graph.get))

    def wanted(voice_over, background, mode="neg"):
        return node.check_lazy_status(
            voice_over=voice_over, mode=[mode], coarse=[takes(0.4, 0.5)], background=background, regenerated=(None,)
        )

    assert wanted([False, False], (None,)) == []
    assert wanted([False, True], (None,)) == ["background"]
    assert wanted([False, True], [takes(0.0, 0.3)]) == [], "a silent take without voice-over is not measured"
    assert wanted([True, True], [takes(0.2, 0.0)]) == ["regenerated"]
    assert wanted([True, True], [takes(0.2, 0.0)], "rep") == []


def test_takes_that_became_unlike_are_one_batch_again_and_it_is_noted(nodes):
    again = takes(0.2, seconds=0.5, channels=2, rate=2 * RATE)
    output = nodes["DeepSoundSilenceFallback"].execute(
        ["neg"], [takes(0.4, 0.5)], [True, False], [takes(0.0, 0.0)], [again]
    )
    (audio,) = output.args[0]
    assert (audio["waveform"].shape, audio["sample_rate"]) == ((2, 2, 2 * RATE), 2 * RATE)
    assert not audio["waveform"][0, :, RATE + 10 :].any(), "the shorter take ends in silence"
    assert any("takes differ" in note for note in output.ui["deepsound"][0]["notes"])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"voice_over": [True, False, True]}, "voice_over: expected 1 or 2"),
        ({"background": [takes(0.1)]}, "background: expected 2 takes as in 'coarse', got 1"),
        ({"regenerated": [takes(0.1, 0.1, 0.1)], "background": [takes(0.0, 0.0)]}, "regenerated: expected 2 takes"),
    ],
)
def test_other_numbers_of_takes_are_refused(nodes, changed, said):
    given = {"voice_over": [True], "mode": ["neg"], "coarse": [takes(0.4, 0.5)], "background": [takes(0.1, 0.1)]}
    with pytest.raises(InputError, match=said):
        nodes["DeepSoundSilenceFallback"].execute(**{**given, **changed})


def test_each_take_becomes_a_video_with_a_number(nodes, video, host):
    from deepsound.media.clip import Clip

    output = nodes["DeepSoundMuxVideo"].execute(video, "out/take", "auto", "flac", takes(0.1, 0.3, rate=48000))
    names = [file["filename"] for file in output.ui["images"]]
    assert names == ["take_00001_.mp4", "take_00002_.mp4"] and len(output.args[0]) == 2
    found = [Clip.open(host.root / "output" / "out" / name).audio() for name in names]
    assert [round(float(sound.waveform.max()), 2) for sound in found] == [0.1, 0.3]
    assert all(name in output.ui["deepsound"][0]["note"] for name in names)


@pytest.mark.parametrize("node_id", ["DeepSoundCompare", "DeepSoundScore"])
def test_where_one_sound_belongs_a_batch_is_never_cut_to_its_first(nodes, video, node_id):
    node, batch = nodes[node_id], takes(0.1, 0.2)
    given = {"DeepSoundCompare": (batch, batch, "", False, 0.0), "DeepSoundScore": (batch, 0.0, False, False)}[node_id]
    with pytest.raises(InputError, match="a batch of 2 sounds"):
        node.execute(*given, video=video)


def pipeline(nodes, video, *engines, fallback="neg", seed=3, **more):
    return nodes["DeepSoundPipeline"].execute(video, *engines, "s4", fallback, "", "", seed, 0.0, **more)


def test_the_pipeline_alone_saves_and_plays_the_finished_video(nodes, video, host):
    """0.3.0's did nothing by itself: "Prompt has no outputs"."""
    schema = nodes["DeepSoundPipeline"].define_schema()
    assert schema.is_output_node and next(item for item in schema.inputs if item.id == "save").keywords["default"]
    output = pipeline(nodes, video, "noise", "yes", "halving", save=True, filename_prefix="out/film")
    (file,) = output.ui["images"]
    assert file == {"filename": "film_00001_.mp4", "subfolder": "out", "type": "output"}
    assert (host.root / "output" / "out" / "film_00001_.mp4").stat().st_size > 1000
    (shown,) = output.ui["deepsound"]
    assert shown["note"].startswith("out/film_00001_.mp4")
    tracks = shown["player"]["tracks"]
    assert [track["name"] for track in tracks] == ["coarse", "final", "voice"]
    assert all((host.root / "temp" / track["audio"]).is_file() for track in tracks)
    assert output.args[5][0].get_stream_source().endswith("film_00001_.mp4")


def test_the_pipeline_makes_several_takes_each_with_its_own_seed_and_video(nodes, video, fake_engines):
    output = pipeline(nodes, video, "noise", "no", "halving", takes=3, seed=2**64 - 1, save=True)
    assert [request.seed for request in fake_engines.requests] == [2**64 - 1, 0, 1]
    assert output.args[0]["waveform"].shape[0] == 3 and output.args[3] == [False] * 3
    assert [file["filename"][:11] for file in output.ui["images"]] == ["video_00001", "video_00002", "video_00003"]
    assert len({row["player"]["tracks"][0]["audio"] for row in output.ui["deepsound"]}) == 3


def test_what_the_pipeline_node_is_told_reaches_the_engines(nodes, video, fake_engines, monkeypatch):
    from deepsound import pipeline as library

    made = {}
    init = library.Pipeline.__init__

    def noted(self, *names, **settings):
        made.update(settings, names=names[:3], execution=names[3])
        init(self, *names, **settings)

    monkeypatch.setattr(library.Pipeline, "__init__", noted)
    pipeline(
        nodes, video, "noise", "undecided", "halving", steps=7, cfg=2.5, undecided="yes", precision="fp32",
        offload=True, preset="embedded", separator_mode="published", tta=True,
    )  # fmt: skip
    assert (fake_engines.requests[0].steps, fake_engines.requests[0].guidance) == (7, 2.5)
    assert (made["undecided"], made["preset"]) == ("yes", "embedded")
    assert (made["separation"].mode, made["separation"].augment) == ("published", True)
    assert (made["execution"].precision, made["execution"].offload) == ("fp32", True)


def test_generate_audio_makes_takes_and_passes_steps_and_guidance_on(nodes, video, fake_engines):
    node = nodes["DeepSoundGenerateAudio"]
    (audio,) = node.execute(video, "noise", "", "", 5, 0.0, takes=2, steps=9, cfg=3.0).args
    assert audio["waveform"].shape[0] == 2 and not torch.equal(*audio["waveform"])
    assert [(row.seed, row.steps, row.guidance) for row in fake_engines.requests] == [(5, 9, 3.0), (6, 9, 3.0)]
    node.execute(video, "noise", "", "", 5, 0.0)
    assert (fake_engines.requests[-1].steps, fake_engines.requests[-1].guidance) == (None, None)


def test_settings_a_separator_does_not_use_and_foreign_weights_are_noted(nodes, host, monkeypatch):
    from deepsound_pack_under_test.nodes import run_inputs

    folder = host.root / "models" / "separation"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mine.ckpt").write_bytes(b"x")
    node = nodes["DeepSoundVocalSeparate"]
    output = node.execute([takes(0.2)], ["halving"], [True], tta=[True], weights=["mine.ckpt"])
    notes = " ".join(output.ui["deepsound"][0]["notes"])
    assert "does not use the separator's settings" in notes and "mine.ckpt are for a RoFormer separator" in notes
    assert run_inputs.separation_of("by preset", False).mode == ""


def test_own_weights_of_a_separator_have_the_names_the_engines_look_for():
    import json
    from pathlib import Path

    from deepsound.separate import checkpoints

    networks = json.loads(Path(checkpoints.__file__).with_name("networks.json").read_text(encoding="utf-8"))
    source = (Path(__file__).parents[2] / "nodes" / "run_inputs.py").read_text(encoding="utf-8")
    for name, row in networks.items():
        assert f'"{name}": "{row["weights"] or name}"' in source


def test_the_window_reaches_the_engines_and_without_one_the_preset_s_does(nodes, video, fake_engines):
    """The preset `published` makes the whole clip in one pass; the node made long sounds in windows all the same."""
    nodes["DeepSoundGenerateAudio"].execute(video, "noise", "", "", 5, 0.0, window=6.0)
    for preset, window in (("auto", 4.0), ("auto", -1.0), ("published", -1.0)):
        pipeline(nodes, video, "noise", "no", "halving", window=window, preset=preset, save=False)
    assert [request.window_s for request in fake_engines.requests] == [6.0, 4.0, None, 0.0]


def test_of_several_takes_the_pipeline_finishes_the_best_alone_where_that_is_picked(nodes, video, fake_engines):
    output = pipeline(nodes, video, "noise", "no", "halving", takes=3, pick="voice", save=False)
    assert [request.seed for request in fake_engines.requests] == [3, 4, 5]
    assert output.args[0]["waveform"].shape[0] == 1 and len(output.args[3]) == 1
    with pytest.raises(InputError, match="pick"):
        pipeline(nodes, video, "noise", "no", "halving", takes=2, pick="loudest", save=False)
