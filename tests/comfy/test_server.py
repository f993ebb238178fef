"""Tests of the pack inside a real ComfyUI, over HTTP and the websocket."""

import copy
import json
from pathlib import Path

import pytest

from deepsound.media.clip import Clip

pytestmark = pytest.mark.comfy

FOLDER = Path(__file__).parents[2] / "workflows" / "api"
NODE_IDS = {
    "DeepSoundLoadVideo",
    "DeepSoundPromptPreset",
    "DeepSoundCoTPlan",
    "DeepSoundGenerateAudio",
    "DeepSoundMMAudioGenerate",
    "DeepSoundVoiceOverCoT",
    "DeepSoundVerdictFromText",
    "DeepSoundVocalSeparate",
    "DeepSoundSilenceFallback",
    "DeepSoundMuxVideo",
    "DeepSoundExportStems",
    "DeepSoundFoleyCrafterGenerate",
    "DeepSoundSeeingHearing",
    "DeepSoundAudioToVideo",
    "DeepSoundJoint",
    "DeepSoundCompare",
    "DeepSoundScore",
    "DeepSoundBestTake",
    "DeepSoundRegenerateSpan",
    "DeepSoundMixMaster",
    "DeepSoundPipeline",
    "DeepSoundFolder",
}
LOAD, GENERATE, AGAIN, JUDGE, SEPARATE, FALLBACK, SAVE = "1", "2", "3", "4", "5", "6", "7"


def workflow(name, **changes):
    """A shipped workflow in API format; `changes` maps a node's id to the inputs to replace."""
    prompt = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    for node_id, inputs in changes.items():
        prompt[node_id]["inputs"].update(inputs)
    return prompt


def s4(server, seed, video, generator="hum", reasoner="says_no", separator="leaves_half", mode="neg", **more):
    """The s4 workflow with engines whose answers are known; the seed keeps one test's cache from another's."""
    prompt = workflow(
        "offline_draft",
        **{
            LOAD: {"file": video},
            GENERATE: {"engine": generator, "seed": seed},
            AGAIN: {"engine": generator, "seed": seed},
            JUDGE: {"engine": reasoner},
            SEPARATE: {"engine": separator},
            FALLBACK: {"mode": mode},
            SAVE: {"filename_prefix": f"test/{server.core.name}_{seed}"},
            **more,
        },
    )
    return {node_id: node for node_id, node in prompt.items() if node["class_type"] != "DeepSoundCompare"}


@pytest.fixture
def put(server, make_video, tone):
    """Make a clip in the server's input folder, two seconds with a tone unless told otherwise; gives its name."""

    def make(name, **wanted):
        source = make_video(name, **{"seconds": 2.0, "audio": tone(seconds=2.0), **wanted})
        target = server.base / "input" / name
        if not target.exists():
            target.write_bytes(source.read_bytes())
        return name

    return make


@pytest.fixture(autouse=True)
def nothing_in_the_log(request, server):
    """A run that succeeds or is refused leaves no traceback; tests of errors in a run are marked."""
    before = len(server.log)
    yield
    if "failing_run" not in request.keywords:
        assert "Traceback" not in server.log[before:]


def saved_clip(server, run, node_id=SAVE):
    shown = run.saved(node_id)
    assert shown["type"] == "output"
    return Clip.open(server.base / "output" / shown["subfolder"] / shown["filename"])


def test_the_nodes_are_registered(server):
    _, info = server.ask("/object_info")
    mine = {name: node for name, node in info.items() if node["python_module"] == "custom_nodes.deepsound_pack"}
    assert set(mine) == NODE_IDS
    assert mine["DeepSoundLoadVideo"]["output_name"] == ["video", "audio", "duration", "fps"]
    assert "IMPORT FAILED" not in server.log


def test_a_plugin_found_by_its_entry_point_is_on_the_menu(server):
    _, info = server.ask("/object_info/DeepSoundGenerateAudio")
    options = info["DeepSoundGenerateAudio"]["input"]["required"]["engine"][1]["options"]
    assert options[:2] == ["draft", "source"] and "hum" in options


def test_help_texts_and_templates_are_served(server):
    for node_id in NODE_IDS:
        for page in (f"{node_id}.md", f"{node_id}/zh.md"):
            status, text = server.ask(f"/extensions/deepsound_pack/docs/{page}")
            assert status == 200 and text.startswith("# "), page
    assert server.ask("/i18n")[1]["zh"]["nodeDefs"]["DeepSoundLoadVideo"]["inputs"]["file"]["name"] == "文件"
    templates = server.ask("/workflow_templates")[1]["deepsound_pack"]
    assert sorted(templates) == sorted(path.stem for path in FOLDER.parent.glob("*.json"))


def test_a_verdict_of_no_runs_neither_separation_nor_the_fallback(server, put):
    run = server.run(s4(server, 1, put("a.mp4")))
    assert run.ending == "execution_success", run.error
    assert not {SEPARATE, AGAIN} & set(run.executed)
    assert {GENERATE, JUDGE, FALLBACK, SAVE} <= set(run.executed)
    assert run.history["outputs"]["8"]["text"] == ["coarse"]


def test_a_verdict_of_yes_separates_and_nothing_more(server, put):
    run = server.run(s4(server, 2, put("a.mp4"), reasoner="says_yes"))
    assert run.ending == "execution_success", run.error
    assert SEPARATE in run.executed and AGAIN not in run.executed
    assert run.history["outputs"]["8"]["text"] == ["background"]


@pytest.mark.parametrize(
    ("mode", "seed", "chosen"),
    [
        ("neg", 3, "regenerated"),
        ("rep", 4, "coarse"),
        ("rm", 5, "removed"),
    ],
)
def test_a_silent_background_falls_back(server, put, mode, seed, chosen):
    run = server.run(s4(server, seed, put("a.mp4"), reasoner="says_yes", separator="leaves_nothing", mode=mode))
    assert run.ending == "execution_success", run.error
    assert SEPARATE in run.executed and (AGAIN in run.executed) == (mode == "neg")
    assert run.history["outputs"]["8"]["text"] == [chosen]
    level = saved_clip(server, run).audio().waveform.abs().max()
    assert level == pytest.approx({"neg": 0.1, "rep": 0.4, "rm": 0.0}[mode], abs=0.03)


@pytest.mark.failing_run
def test_neg_without_a_second_generator_says_what_to_do(server, put):
    prompt = s4(server, 6, put("a.mp4"), reasoner="says_yes", separator="leaves_nothing")
    del prompt[FALLBACK]["inputs"]["regenerated"], prompt[AGAIN]
    run = server.run(prompt)
    assert run.ending == "execution_error" and "connect a second Generate Audio" in run.error


def test_a_second_run_is_cached(server, put):
    prompt = s4(server, 7, put("a.mp4"), reasoner="says_yes")
    assert server.run(prompt).ending == "execution_success"
    again = server.run(copy.deepcopy(prompt))
    assert again.ending == "execution_success" and again.executed == []
    assert {LOAD, GENERATE, JUDGE, SEPARATE, FALLBACK, SAVE} <= again.cached
    assert saved_clip(server, again).duration_s == pytest.approx(2.0)


def test_a_changed_file_is_read_again(server, put):
    prompt = s4(server, 8, put("changing.mp4"))
    assert server.run(prompt).ending == "execution_success"
    path = server.base / "input" / "changing.mp4"
    path.write_bytes((server.base / "input" / put("longer.mp4", seconds=3.0)).read_bytes())
    again = server.run(prompt)
    assert LOAD in again.executed and saved_clip(server, again).duration_s == pytest.approx(3.0)


def test_the_reasons_are_shown_while_and_after_the_run(server, put):
    run = server.run(s4(server, 9, put("a.mp4"), reasoner="says_yes"))
    written = [data["text"] for kind, data in run.messages if kind == "deepsound.reasons" and data["text"]][-1]
    assert written.startswith("<SUMMARY> summary </SUMMARY>") and written.endswith("</CONCLUSION>")
    assert "verdict: yes" in run.texts
    shown = run.history["outputs"][JUDGE]["deepsound"][0]
    assert shown["verdict"] == "yes" and "<CONCLUSION> conclusion </CONCLUSION>" in shown["reasoning"]
    assert any(kind == "progress" and data["node"] == GENERATE for kind, data in run.messages)


@pytest.mark.parametrize("where", ["node", "pipeline"])
def test_cancel_ends_a_run_that_would_not_end(server, put, where):
    prompt = s4(server, 10, put("a.mp4"), generator="endless")
    if where == "pipeline":
        prompt = pipeline(server, 10, put("a.mp4"), generator="endless")
    asked = []

    def interrupt(kind, data):
        if kind == "progress" and not asked:
            asked.append(data)
            server.ask("/interrupt", {})

    run = server.run(prompt, interrupt)
    # The generator would go through its 1200 steps and succeed; it asks after each whether to go on.
    assert run.ending == "execution_interrupted"
    assert not list((server.base / "output" / "test").glob(f"{server.core.name}_10*"))


def pipeline(server, seed, video, **inputs):
    prompt = s4(server, seed, video)
    settings = {
        "video": [LOAD, 0],
        "generator": "hum",
        "reasoner": "says_yes",
        "separator": "leaves_half",
        "mode": "s4",
        "fallback": "neg",
        "prompt": "",
        "negative_prompt": "",
        "seed": seed,
        "duration": 0.0,
    }
    node = {"class_type": "DeepSoundPipeline", "inputs": {**settings, **inputs}}
    save = copy.deepcopy(prompt[SAVE])
    save["inputs"]["audio"] = ["2", 0]
    return {LOAD: prompt[LOAD], "2": node, SAVE: save}


def test_the_pipeline_card_does_it_all(server, put):
    run = server.run(pipeline(server, 11, put("a.mp4")))
    assert run.ending == "execution_success", run.error
    assert saved_clip(server, run).audio().waveform.abs().max() == pytest.approx(0.2, abs=0.03)
    assert run.history["outputs"]["2"]["deepsound"][0]["verdict"] == "yes"


def test_freeing_memory_between_runs_breaks_nothing(server, put):
    prompt = s4(server, 12, put("a.mp4"), reasoner="says_yes")
    assert server.run(prompt).ending == "execution_success"
    server.free(free_memory=True)
    again = server.run(prompt)
    assert again.ending == "execution_success" and LOAD in again.executed


def test_a_trimmed_video_stays_trimmed_through_core_nodes(server, put):
    name = put("long.mp4", seconds=6.0, audio=None)
    load = {"class_type": "DeepSoundLoadVideo", "inputs": {"file": name, "start": 2.0, "duration": 1.5}}
    parts = {"class_type": "GetVideoComponents", "inputs": {"video": ["1", 0]}}
    count = {"class_type": "PreviewAny", "inputs": {"source": ["1", 2]}}
    joined = {"class_type": "CreateVideo", "inputs": {"images": ["2", 0], "fps": 10.0}}
    save = {
        "class_type": "DeepSoundMuxVideo",
        "inputs": {
            "video": ["3", 0],
            "audio": ["1", 1],
            "container": "mp4",
            "filename_prefix": "test/trim",
            "codec": "auto",
        },
    }
    direct = copy.deepcopy(save)
    direct["inputs"]["video"] = ["1", 0]
    run = server.run({"1": load, "2": parts, "3": joined, "4": save, "5": count, "6": direct})
    assert run.ending == "execution_success", run.error
    assert float(run.history["outputs"]["5"]["text"][0]) == pytest.approx(1.5)
    for node in ("4", "6"):
        clip = saved_clip(server, run, node)
        assert clip.duration_s == pytest.approx(1.5, abs=0.11)
        assert clip.audio().duration_s == pytest.approx(1.5, abs=0.11)


def test_cores_own_loader_fits(server, put):
    if "Video Slice" not in server.ask("/object_info")[1]:
        pytest.skip("this core cannot trim videos")
    prompt = s4(server, 13, put("long.mp4", seconds=6.0, audio=None))
    prompt["20"] = {"class_type": "LoadVideo", "inputs": {"file": "long.mp4"}}
    prompt[LOAD] = {
        "class_type": "Video Slice",
        "inputs": {"video": ["20", 0], "start_time": 1.0, "duration": 2.0, "strict_duration": False},
    }
    run = server.run(prompt)
    assert run.ending == "execution_success", run.error
    assert saved_clip(server, run).duration_s == pytest.approx(2.0, abs=0.05)


def test_the_graph_is_kept_in_the_saved_file(server, put):
    import av

    prompt = s4(server, 14, put("a.mp4"))
    clip = saved_clip(server, server.run(prompt))
    with av.open(str(clip.path)) as container:
        kept = json.loads(container.metadata["prompt"])
    assert {node_id: node["inputs"] for node_id, node in kept.items()} == {
        node_id: node["inputs"] for node_id, node in prompt.items()
    }


@pytest.mark.parametrize("name", ["absent.mp4", "../server.log", "/etc/passwd", "a\0.mp4", "../server.log [output]"])
def test_a_file_outside_the_folders_is_refused(server, name):
    run = server.run(s4(server, 15, name))
    assert run.status == 400
    refusals = run.refusals()
    assert any("input folder" in text or "leads out" in text or "not usable" in text for text in refusals), refusals


@pytest.mark.parametrize("prefix", ["../out", "/tmp/out", "a\0b", ""])
def test_a_prefix_outside_the_output_folder_is_refused(server, put, prefix):
    prompt = s4(server, 16, put("a.mp4"), **{SAVE: {"filename_prefix": prefix}})
    # The other outputs would still run.
    prompt = {node_id: node for node_id, node in prompt.items() if "Preview" not in node["class_type"]}
    run = server.run(prompt)
    assert run.status == 400 and any("filename_prefix" in text for text in run.refusals())


def test_a_negative_duration_is_refused(server, put):
    run = server.run(s4(server, 17, put("a.mp4"), **{LOAD: {"file": "a.mp4", "duration": -1.0}}))
    assert run.status == 400 and "duration: expected a number from 0" in run.refusals()[0]


@pytest.mark.failing_run
@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.mp4", b"", "empty.mp4 is empty"),
        ("text.mp4", b"this is no video" * 99, "text.mp4 cannot be read"),
    ],
)
def test_what_is_no_video_ends_with_one_clear_error(server, name, content, reason):
    (server.base / "input" / name).write_bytes(content)
    run = server.run(s4(server, 18, name))
    assert run.ending == "execution_error" and reason in run.error


@pytest.mark.failing_run
def test_sound_alone_ends_with_one_clear_error(server, tone):
    from deepsound.media.wav import write_wav

    write_wav(tone(), server.base / "input" / "sound.wav")
    run = server.run(s4(server, 19, "sound.wav"))
    assert run.ending == "execution_error" and "sound but no video" in run.error


@pytest.mark.failing_run
def test_a_start_beyond_the_end_ends_with_one_clear_error(server, put):
    run = server.run(s4(server, 20, put("a.mp4"), **{LOAD: {"file": "a.mp4", "start": 99.0}}))
    assert run.ending == "execution_error" and "past the end" in run.error


@pytest.mark.failing_run
def test_an_engine_not_on_the_menu_ends_with_one_clear_error(server, put):
    run = server.run(s4(server, 21, put("a.mp4"), generator="nonsense"))
    if run.status == 200:
        assert run.ending == "execution_error" and "Choose one of: draft, source" in run.error
    else:
        assert run.refusals()[0].startswith("value_not_in_list: ")


@pytest.mark.failing_run
def test_a_sound_that_is_not_finite_ends_with_one_clear_error(server, put):
    run = server.run(s4(server, 22, put("a.mp4"), generator="broken"))
    assert run.ending == "execution_error" and "are not finite (NaN or infinite)" in run.error
