"""Tests of each node: one call into the library, clear errors for bad inputs."""

import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from deepsound.errors import DeepSoundError, InputError

CLIPS = sorted(path.name for path in (Path(__file__).parents[2] / "demo").glob("*.mp4"))

pytestmark = pytest.mark.usefixtures("fake_engines")


def sound(*values: float, batch: int = 1, sample_rate: int = 16000):
    """An AUDIO whose channels hold steady values, one second long."""
    waveform = torch.tensor(values).reshape(1, -1, 1).repeat(batch, 1, sample_rate)
    return {"waveform": waveform, "sample_rate": sample_rate}


JUDGE = {
    "undecided": "no",
    "whole_trace": True,
    "published_parser": False,
    "precision": "auto",
    "offload": False,
    "download": False,
}


def judge(nodes, video, engine, **changed):
    return nodes["DeepSoundVoiceOverCoT"].execute(video, sound(0.1), engine, **{**JUDGE, **changed})


@pytest.fixture
def in_input(host, make_video, tone):
    """A clip of two seconds with a tone, in the input folder, by name."""

    def put(name="clip.mp4", **wanted):
        make_video(f"input/{name}", **{"seconds": 2.0, "audio": tone(seconds=2.0), **wanted})
        return name

    return put


@pytest.fixture
def video(nodes, host, in_input):
    return nodes["DeepSoundLoadVideo"].execute(in_input(), 0.0, 0.0).args[0]


def test_load_video_gives_picture_and_sound(nodes, in_input):
    video, audio, duration, fps = nodes["DeepSoundLoadVideo"].execute(in_input(), 0.0, 0.0).args
    assert video.get_stream_source().endswith("clip.mp4") and video.get_active_trim_window() == (0, 0)
    assert audio["waveform"].shape == (1, 1, 96000) and audio["sample_rate"] == 48000
    assert (duration, fps) == (2.0, 10.0)


def test_the_page_learns_what_the_whole_video_is(nodes, host, in_input):
    nodes["DeepSoundLoadVideo"].execute(in_input(), 0.5, 1.0)
    facts = {"fps": 10.0, "duration": 2.0}
    assert host.events == [("deepsound.video", {"node": "7", "file": "clip.mp4", "facts": facts})]


def test_load_video_trims_picture_and_sound_alike(nodes, in_input):
    video, audio, duration, _ = nodes["DeepSoundLoadVideo"].execute(in_input(), 0.5, 1.0).args
    assert video.get_active_trim_window() == (0.5, 1.0)
    assert duration == 1.0 and audio["waveform"].shape[2] == 48000


def test_load_video_without_sound_gives_silence_and_says_so(nodes, host, in_input):
    _, audio, duration, _ = nodes["DeepSoundLoadVideo"].execute(in_input(audio=None), 0.0, 0.0).args
    assert not audio["waveform"].any()
    assert audio["waveform"].shape[2] / audio["sample_rate"] == duration
    assert host.texts[-1][1].startswith("note: This video has no sound of its own: the audio output is silence.")


def test_load_video_reads_again_when_the_file_changes(nodes, host, in_input):
    load, name = nodes["DeepSoundLoadVideo"], in_input()
    before = load.fingerprint_inputs(name, start=None, duration=None)
    assert load.fingerprint_inputs(name) == before
    os.utime(host.root / "input" / name, ns=(1, 1))
    assert load.fingerprint_inputs(name) != before


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("absent.mp4", "upload it on this node"),
        ("../secret.mp4", "leads out"),
        ("../input_of_another/clip.mp4", "leads out"),
        ("/etc/passwd", "leads out"),
        ("../secret.mp4 [output]", "leads out"),
        ("clip\0.mp4", "not usable"),
        ("", "not usable"),
        ("a\nb.mp4", "not usable"),
        (7, "not usable"),
        ("x" * 5000 + ".mp4", "not in ComfyUI's input folder"),
    ],
)
def test_a_file_outside_the_folders_is_refused(nodes, host, name, reason):
    (host.root / "secret.mp4").write_bytes(b"x")
    answer = nodes["DeepSoundLoadVideo"].validate_inputs(name)
    assert isinstance(answer, str) and reason in answer and len(answer) < 400
    with pytest.raises(InputError, match=reason):
        nodes["DeepSoundLoadVideo"].execute(name, 0.0, 0.0)


def test_a_link_out_of_the_input_folder_is_refused(nodes, host, tmp_path_factory):
    outside = tmp_path_factory.mktemp("elsewhere") / "secret.mp4"
    outside.write_bytes(b"x")
    (host.root / "input" / "link.mp4").symlink_to(outside)
    assert "leads out" in nodes["DeepSoundLoadVideo"].validate_inputs("link.mp4")


def test_a_video_in_a_subfolder_or_another_folder_is_accepted(nodes, in_input, make_video):
    assert nodes["DeepSoundLoadVideo"].validate_inputs(in_input("sub/clip.mp4")) is True
    make_video("output/made.mp4")
    assert nodes["DeepSoundLoadVideo"].validate_inputs("made.mp4 [output]") is True


def test_a_connected_name_is_checked_when_it_is_known(nodes):
    assert nodes["DeepSoundLoadVideo"].validate_inputs(None) is True
    again = nodes["DeepSoundLoadVideo"].fingerprint_inputs(None)
    assert again != again, "a name that is not known yet must never count as unchanged"
    assert nodes["DeepSoundMuxVideo"].validate_inputs(None) is True


def test_a_missing_input_folder_leaves_only_the_packs_clips_in_the_menu(nodes, host):
    shutil.rmtree(host.root / "input")
    assert nodes["DeepSoundLoadVideo"].define_schema().inputs[0].options == CLIPS


def test_only_videos_are_listed(nodes, host, in_input):
    in_input("b.mp4"), in_input("a.mkv")
    (host.root / "input" / "notes.txt").write_text("x")
    assert nodes["DeepSoundLoadVideo"].define_schema().inputs[0].options == sorted(["a.mkv", "b.mp4", *CLIPS])


def test_what_is_no_video_is_refused(nodes, host):
    (host.root / "input" / "text.mp4").write_text("not a video")
    (host.root / "input" / "empty.mp4").write_bytes(b"")
    with pytest.raises(DeepSoundError, match=r"text\.mp4 cannot be read"):
        nodes["DeepSoundLoadVideo"].execute("text.mp4", 0.0, 0.0)
    with pytest.raises(DeepSoundError, match=r"empty\.mp4 is empty"):
        nodes["DeepSoundLoadVideo"].execute("empty.mp4", 0.0, 0.0)


def test_a_window_that_cannot_be_is_refused(nodes, in_input):
    name = in_input()
    with pytest.raises(DeepSoundError, match="past the end"):
        nodes["DeepSoundLoadVideo"].execute(name, 9.0, 0.0)
    with pytest.raises(DeepSoundError, match=r"duration: expected a number from 0 to 1000000, got -1\.0"):
        nodes["DeepSoundLoadVideo"].execute(name, 0.0, -1.0)


def test_generate_passes_the_request_on(nodes, video, fake_engines):
    node = nodes["DeepSoundGenerateAudio"]
    (audio,) = node.execute(video, "noise", "rain", "voice", 7, 1.5).args
    request = fake_engines.requests[0]
    assert (request.prompt, request.negative_prompt, request.seed, request.duration_s) == ("rain", "voice", 7, 1.5)
    node.execute(video, "noise", "", "", 7, 0.0)
    assert fake_engines.requests[1].duration_s is None
    assert audio["waveform"].shape == (1, 1, 32000)


@pytest.mark.parametrize("name", ["nonsense", "FoleyCrafter"])
def test_an_engine_that_is_not_there_is_never_stood_in_for(nodes, video, name):
    with pytest.raises(DeepSoundError, match=f"'{name}'.*Choose one of: draft, source"):
        nodes["DeepSoundGenerateAudio"].execute(video, name, "", "", 0, 0.0)


@pytest.mark.parametrize(
    ("engine", "voice_over", "verdict"),
    [
        ("yes", True, "yes"),
        ("no", False, "no"),
        ("undecided", False, "undecided"),
    ],
)
def test_the_verdict_and_its_reasons(nodes, video, host, engine, voice_over, verdict):
    output = judge(nodes, video, engine)
    assert output.args[:2] == ([voice_over], [verdict])
    assert "<SUMMARY> looking </SUMMARY>" in output.args[3][0]
    shown = output.ui["deepsound"][0]
    assert (shown["verdict"], shown["category"], shown["reasoning"]) == (verdict, *output.args[2], *output.args[3])
    assert shown["taken_as"] == "no" and shown["sound"]["duration"] == 1.0 and max(shown["sound"]["peaks"]) == 10
    written = {"node": "7", "text": "<SUMMARY> looking </SUMMARY>", "status": "judge"}
    assert ("deepsound.reasons", written) in host.events
    assert host.texts[-1] == ("7", f"verdict: {verdict}" + " (taken as no)" * (verdict == "undecided"))


def test_an_undecided_answer_counts_as_the_user_chose(nodes, video, host):
    assert judge(nodes, video, "undecided", undecided="yes").args[:2] == ([True], ["undecided"])
    assert host.texts[-1] == ("7", "verdict: undecided (taken as yes)")
    assert judge(nodes, video, "yes", undecided="no").args[0] == [True]
    with pytest.raises(InputError, match="undecided is 'maybe'; choose one of: no, yes"):
        judge(nodes, video, "undecided", undecided="maybe")


def test_the_four_sections_come_out_one_by_one(nodes, video):
    sections = judge(nodes, video, "rules").args[4:8]
    assert len(sections) == 4 and all(sections)
    assert sections[3] in (["A. Yes"], ["B. No"])


def test_the_plan_has_the_four_steps(nodes, video):
    (plan,) = nodes["DeepSoundCoTPlan"].execute(video, "rules", False, "auto", False, False).args
    assert [line.partition(":")[0] for line in plan.splitlines()] == ["Step1", "Step2", "Step3", "Step4"]


def test_separation_goes_item_by_item(nodes):
    batch = {"waveform": torch.tensor([[[0.2] * 8], [[0.4] * 8]]), "sample_rate": 16000}
    (background,), (voice,), _ = nodes["DeepSoundVocalSeparate"].execute(batch, "halving", True, scope="clip").args
    assert torch.allclose(background["waveform"], batch["waveform"] / 2)
    assert torch.allclose(voice["waveform"] + background["waveform"], batch["waveform"])


def test_separation_switched_off_loads_nothing(nodes):
    mix = sound(0.3, -0.3)
    (background,), (voice,), spans = nodes["DeepSoundVocalSeparate"].execute(mix, "no such engine", False).args
    assert spans == ["[]"]
    assert torch.equal(background["waveform"], mix["waveform"])
    assert voice["waveform"].shape == mix["waveform"].shape and not voice["waveform"].any()


LOUD, SILENT, AGAIN, COARSE = sound(0.5), sound(0.0), sound(0.25), sound(0.4)


@pytest.mark.parametrize(
    ("voice_over", "mode", "background", "level", "is_silent", "chosen"),
    [
        (False, "neg", None, 0.4, False, "coarse"),
        (True, "neg", LOUD, 0.5, False, "background"),
        (True, "neg", SILENT, 0.25, True, "regenerated"),
        (True, "rep", SILENT, 0.4, True, "coarse"),
        (True, "rm", SILENT, 0.0, True, "removed"),
    ],
)
def test_the_fallback_chooses(nodes, voice_over, mode, background, level, is_silent, chosen):
    output = nodes["DeepSoundSilenceFallback"].execute(mode, COARSE, voice_over, background, AGAIN)
    (audio,) = output.args[0]
    assert audio["waveform"].max() == pytest.approx(level)
    assert audio["waveform"].shape == COARSE["waveform"].shape
    assert output.args[1:3] == ([is_silent], [chosen])


@pytest.mark.parametrize(
    ("voice_over", "mode", "background", "linked", "wanted"),
    [
        (False, "neg", None, True, []),
        (True, "neg", None, True, ["background"]),
        (True, "rm", None, True, ["background"]),
        (True, "neg", LOUD, True, []),
        (True, "neg", SILENT, True, ["regenerated"]),
        (True, "neg", SILENT, False, []),
        (True, "rep", SILENT, True, []),
        (True, "rm", SILENT, True, []),
    ],
)
def test_only_what_is_needed_is_asked_for(nodes, voice_over, mode, background, linked, wanted):
    node = nodes["DeepSoundSilenceFallback"]
    inputs = {"background": ["8", 0], **({"regenerated": ["9", 0]} if linked else {})}
    node.hidden = SimpleNamespace(unique_id="7", dynprompt=SimpleNamespace(get_node={"7": {"inputs": inputs}}.get))
    assert node.check_lazy_status(voice_over=voice_over, mode=mode, coarse=COARSE, background=background) == wanted


def test_neg_without_a_second_generator_says_what_to_connect(nodes):
    with pytest.raises(InputError, match=r"mode 'neg'.*connect a second Generate Audio.*or choose rep or rm"):
        nodes["DeepSoundSilenceFallback"].execute("neg", COARSE, True, SILENT)


def test_a_mode_that_is_not_on_the_menu_is_refused(nodes):
    with pytest.raises(InputError, match="mode is 'drop'; choose one of: neg, rep, rm"):
        nodes["DeepSoundSilenceFallback"].execute("drop", COARSE, False)


def test_mux_saves_shows_and_returns_the_video(nodes, video, host):
    from deepsound.media.clip import Clip

    output = nodes["DeepSoundMuxVideo"].execute(video, "out/clip", "auto", "auto", sound(0.1, sample_rate=48000))
    shown = output.ui["images"][0]
    assert shown == {"filename": "clip_00001_.mp4", "subfolder": "out", "type": "output"}
    saved = Clip.open(host.root / "output" / shown["subfolder"] / shown["filename"])
    assert saved.duration_s == pytest.approx(2.0) and saved.audio() is not None
    assert [video.get_stream_source() for video in output.args[0]] == [str(saved.path)]
    told = output.ui["deepsound"][0]["note"].splitlines()
    assert told[:2] == ["out/clip_00001_.mp4", "picture copied as it is (h264)"]
    assert any(line.startswith("sound: aac") for line in told) and any(line.startswith("replaced: ") for line in told)


def test_mux_says_when_the_picture_had_to_be_encoded_again(nodes, host, in_input):
    pytest.importorskip("moviepy", reason="a picture is encoded again by MoviePy (extra render)")
    video = nodes["DeepSoundLoadVideo"].execute(in_input("vp8.mkv", codec="libvpx"), 0.0, 0.0).args[0]
    output = nodes["DeepSoundMuxVideo"].execute(video, "clip", "mp4", "auto", sound(0.1, sample_rate=48000))
    assert "picture encoded again as h264, because its codec is vp8" in output.ui["deepsound"][0]["note"]


def test_a_pipeline_whose_video_cannot_be_written_is_refused_before_its_work(
    nodes, host, in_input, fake_engines, monkeypatch
):
    """A GIF was generated for, judged and repaired, and then refused for the lack of MoviePy."""
    from deepsound.errors import MissingPackage

    video = nodes["DeepSoundLoadVideo"].execute(in_input("vp8.mkv", codec="libvpx"), 0.0, 0.0).args[0]
    monkeypatch.setitem(sys.modules, "moviepy", None)
    inputs = ("noise", "no", "halving", "s4", "neg", "", "", 7, 0.0)
    with pytest.raises(MissingPackage, match=r"encoded again .*choose a container that takes it as it is"):
        nodes["DeepSoundPipeline"].execute(video, *inputs, container="mp4")
    assert fake_engines.requests == []


def test_mux_without_a_sound_keeps_the_videos_own(nodes, video, host):
    from deepsound.media.clip import Clip

    nodes["DeepSoundMuxVideo"].execute(video, "clip", "auto", "auto")
    own = Clip.open(host.root / "output" / "clip_00001_.mp4").audio()
    assert own is not None and own.waveform.abs().max() > 0.4


@pytest.mark.parametrize(("container", "codec"), [("mkv", "flac"), ("mov", "pcm"), ("mp4", "aac"), ("mkv", "opus")])
def test_mux_writes_what_was_asked_for(nodes, video, host, container, codec):
    from deepsound.media.probe import probe

    nodes["DeepSoundMuxVideo"].execute(video, "clip", container, codec, sound(0.1, sample_rate=48000))
    info = probe(host.root / "output" / f"clip_00001_.{container}")
    assert info.audio is not None and info.audio.codec.startswith(codec)


def test_the_graph_is_kept_in_the_file(nodes, video, host):
    import av

    nodes["DeepSoundMuxVideo"].execute(video, "clip", "auto", "auto", sound(0.1))
    with av.open(str(host.root / "output" / "clip_00001_.mp4")) as container:
        assert container.metadata["workflow"] == '{"nodes": []}' and container.metadata["prompt"] == '{"7": {}}'
    host.arguments.disable_metadata = True
    nodes["DeepSoundMuxVideo"].execute(video, "clip", "auto", "auto", sound(0.1))
    with av.open(str(host.root / "output" / "clip_00002_.mp4")) as container:
        assert "workflow" not in container.metadata


@pytest.mark.parametrize(
    "prefix",
    [
        "../out",
        "a/../../out",
        "/tmp/out",
        "a\0b",
        "",
        "sub/",
        "C:\\out",
        "..\\out",
        "\\out",
        "a\nb",
        "x" * 300,
        7,
    ],
)
def test_a_prefix_outside_the_output_folder_is_refused(nodes, video, host, prefix):
    answer = nodes["DeepSoundMuxVideo"].validate_inputs(prefix)
    assert isinstance(answer, str) and "filename_prefix" in answer and "'DeepSound/video'" in answer
    with pytest.raises(InputError, match="filename_prefix"):
        nodes["DeepSoundMuxVideo"].execute(video, prefix, "auto", "auto", sound(0.1))
    assert not any((host.root / "output").iterdir())


@pytest.mark.parametrize(
    ("container", "codec", "reason"),
    [
        ("exe", "auto", "container is 'exe'; choose one of: auto, mp4"),
        ("auto", "mp3", "codec is 'mp3'; choose one of: auto, aac"),
    ],
)
def test_a_container_or_codec_not_on_the_menu_is_refused(nodes, video, container, codec, reason):
    with pytest.raises(InputError, match=reason):
        nodes["DeepSoundMuxVideo"].execute(video, "clip", container, codec, sound(0.1))


@pytest.mark.parametrize(
    ("engines", "fallback", "voice_over", "final_is"),
    [
        (("noise", "no", "halving"), "neg", False, "coarse"),
        (("noise", "yes", "halving"), "neg", True, "background"),
        (("noise", "yes", "silencing"), "rm", True, "silence"),
        (("noise", "yes", "silencing"), "rep", True, "coarse"),
    ],
)
def test_the_pipeline_node_takes_all_steps(nodes, video, host, engines, fallback, voice_over, final_is):
    output = nodes["DeepSoundPipeline"].execute(video, *engines, "s4", fallback, "", "", 3, 0.0, scope="clip")
    final, coarse, voice, (is_voice_over,), (reasoning,), (result,), (segments,) = output.args
    assert (segments != "[]") == voice_over
    expected = {"coarse": 1.0, "background": 0.5, "silence": 0.0}[final_is] * coarse["waveform"]
    assert torch.allclose(final["waveform"], expected)
    assert voice["waveform"].shape == coarse["waveform"].shape
    assert bool(voice["waveform"].any()) == voice_over == is_voice_over
    assert result.get_stream_source().startswith(str(host.root / "temp")), "without save nothing is left behind"
    assert not any((host.root / "output").iterdir())
    assert "<CONCLUSION>" in reasoning and output.ui["deepsound"][0]["steps"][0].startswith("plan: ")


@pytest.mark.parametrize(
    "run",
    [
        lambda nodes, video: nodes["DeepSoundGenerateAudio"].execute(video, "endless", "", "", 0, 0.0),
        lambda nodes, video: judge(nodes, video, "yes"),
        lambda nodes, video: nodes["DeepSoundMuxVideo"].execute(video, "clip", "auto", "auto", sound(0.1)),
        lambda nodes, video: nodes["DeepSoundPipeline"].execute(
            video, "endless", "no", "halving", "s4", "rm", "", "", 0, 0.0
        ),
    ],
)
def test_the_hosts_interruption_passes_through(nodes, video, host, run):
    host.interrupted = True
    with pytest.raises(Exception) as caught:
        run(nodes, video)
    assert type(caught.value).__name__ == "InterruptedByHost"
    assert not any((host.root / "output").iterdir())


def test_the_bar_moves_and_belongs_to_the_node(nodes, video, host):
    nodes["DeepSoundGenerateAudio"].execute(video, "noise", "", "", 0, 0.0)
    assert ("7", 100, 200) in host.bars


def notes_on(output):
    return output.ui["deepsound"][0].get("notes", [])


def test_what_the_engine_does_not_use_stays_on_the_node_after_the_run(nodes, video, host):
    output = nodes["DeepSoundGenerateAudio"].execute(video, "source", "applause", "", 7, 0.5)
    (note,) = [note for note in notes_on(output) if "prompt" in note]
    assert any(note in text for _, text in host.texts)


def test_the_pipelines_notes_are_shown_on_it(nodes, video):
    output = nodes["DeepSoundPipeline"].execute(video, "source", "no", "halving", "s4", "neg", "rain", "", 7, 0.0)
    assert any("prompt" in note for note in notes_on(output))


def test_a_chosen_sound_track_and_mix_reach_the_nodes_behind(nodes, host, in_input, tone):
    from deepsound.runtime.progress import Progress

    name = in_input(audio=tone(seconds=2.0, channels=2))
    video, audio, _, _ = nodes["DeepSoundLoadVideo"].execute(name, 0.0, 0.0, 1, "mono").args
    assert audio["waveform"].shape[1] == 1
    from deepsound_pack_under_test.nodes import convert

    assert convert.clip_of(video, Progress()).audio().channels == 1
    with pytest.raises(InputError, match="there is no sound track"):
        nodes["DeepSoundLoadVideo"].execute(name, 0.0, 0.0, 9)
    with pytest.raises(InputError, match="downmix is 'quad'"):
        nodes["DeepSoundLoadVideo"].execute(name, 0.0, 0.0, 0, "quad")


def test_all_that_a_pipeline_lacks_is_named_before_any_work(nodes, fake_engines):
    from deepsound.errors import EngineError

    inputs = ("mmaudio_large_44k_v2", "videollama2_cot", "bs_roformer", "s4", "neg", "", "", 7, 0.0)
    with pytest.raises(EngineError) as missing:
        nodes["DeepSoundPipeline"].execute("no video", *inputs)
    said = str(missing.value)
    assert all(name in said for name in ("mmaudio_large_44k_v2", "videollama2_cot", "bs_roformer"))
    assert "GB" in said and "licence" in said and "switch on *download* and run again." in said
    assert "deepsound models" not in said and "--download" not in said and len(said) < 1500, len(said)


@pytest.mark.parametrize("node_id", ["DeepSoundGenerateAudio", "DeepSoundVocalSeparate", "DeepSoundPipeline"])
def test_every_node_that_runs_engines_can_download(nodes, node_id):
    inputs = nodes[node_id].define_schema().inputs
    (place,) = [index for index, item in enumerate(inputs) if item.id == "download"]
    download = inputs[place]
    assert all(item.keywords["optional"] for item in inputs[place:]), "an added input comes last and may be absent"
    assert download.keywords["optional"] and download.keywords["default"] is False


def mux_note(nodes, video, audio, **choices):
    output = nodes["DeepSoundMuxVideo"].execute(
        video, "clip", choices.pop("container", "auto"), "auto", audio, **choices
    )
    return output.ui["deepsound"][0]["note"], output.args[0][0].get_stream_source()


@pytest.mark.parametrize(("length", "seconds"), [("hold", 3.0), ("trim", 2.0), ("loop", 3.0)])
def test_a_sound_longer_than_the_picture_is_settled_as_chosen_and_said(nodes, video, length, seconds):
    from deepsound.media.probe import probe

    audio = {"waveform": 0.1 * torch.ones(1, 1, 144000), "sample_rate": 48000}
    note, path = mux_note(nodes, video, audio, length=length)
    assert "length: " in note
    assert probe(path).duration_s == pytest.approx(seconds, abs=0.11)


def test_the_sound_is_mixed_down_before_it_is_saved(nodes, video):
    from deepsound.media.clip import Clip

    _, path = mux_note(nodes, video, sound(0.2, 0.4, sample_rate=48000), downmix="mono")
    own = Clip.open(path).audio()
    assert own.channels == 1 and own.waveform[0, 20000].item() == pytest.approx(0.3, abs=0.02)


def test_the_menu_of_containers_is_the_librarys_table(nodes):
    from deepsound.media.formats import CONTAINER_NAMES

    (menu,) = [item for item in nodes["DeepSoundMuxVideo"].define_schema().inputs if item.id == "container"]
    assert tuple(menu.options) == CONTAINER_NAMES


def test_what_the_container_cannot_hold_is_refused_before_the_sound_is_read(nodes, video):
    class Unread:
        def __getitem__(self, key):
            raise AssertionError("the sound was read")

    with pytest.raises(InputError, match="webm cannot hold the sound codec 'aac'"):
        nodes["DeepSoundMuxVideo"].execute(video, "clip", "webm", "aac", Unread())


def test_an_input_that_was_deleted_is_named_with_what_to_do_before_the_run(nodes, host, in_input):
    name = in_input()
    node = nodes["DeepSoundLoadVideo"]
    assert node.validate_inputs(name) is True
    (host.root / "input" / name).unlink()
    said = f"The video '{name}' is not in ComfyUI's input folder; upload it on this node"
    assert node.validate_inputs(name).startswith(said)
    for late in (lambda: node.fingerprint_inputs(name), lambda: node.execute(name, 0.0, 0.0)):
        with pytest.raises(InputError, match="upload it on this node"):
            late()


def test_a_sound_without_a_video_is_refused_in_words(nodes, host, tone):
    from deepsound.media.wav import write_wav

    write_wav(tone(seconds=0.5), host.root / "input" / "sound.wav")
    with pytest.raises(DeepSoundError, match=r"sound\.wav.*no video"):
        nodes["DeepSoundLoadVideo"].execute("sound.wav", 0.0, 0.0)
