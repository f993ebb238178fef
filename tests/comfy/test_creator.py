"""Creators' graphs on real servers: frames, a judge that is gone, stems, folders."""

from __future__ import annotations

import pytest

from tests.comfy.test_server import FALLBACK, JUDGE, SEPARATE, put, s4, saved_clip  # noqa: F401 - a fixture

pytestmark = pytest.mark.comfy


def node(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


def test_frames_of_core_nodes_are_judged_and_muxed_without_create_video(server, put):  # noqa: F811
    prompt = {
        "1": node("LoadVideo", file=put("frames.mp4")),
        "2": node("GetVideoComponents", video=["1", 0]),
        "3": node(
            "DeepSoundVoiceOverCoT",
            video=["2", 0],
            audio=["2", 1],
            engine="says_no",
            undecided="no",
            whole_trace=True,
            published_parser=False,
            precision="auto",
            offload=False,
            download=False,
            fps=["2", 2],
        ),
        "4": node(
            "DeepSoundMuxVideo",
            video=["2", 0],
            audio=["2", 1],
            filename_prefix="test/frames",
            container="mp4",
            codec="auto",
            fps=["2", 2],
        ),
        "5": node("PreviewAny", source=["3", 1]),
    }
    run = server.run(prompt)
    assert run.ending == "execution_success", run.error or run.answer
    assert saved_clip(server, run, "4").duration_s == pytest.approx(2.0, abs=0.05)
    assert run.history["outputs"]["5"]["text"] == ["no"]
    assert any("encoded as H.264" in note for note in run.history["outputs"]["4"]["deepsound"][0]["notes"])


def test_a_graph_whose_judge_is_gone_takes_the_voice_out_and_says_so(server, put):  # noqa: F811
    prompt = s4(server, 811, put("muted.mp4"), mode="rep")
    del prompt[JUDGE]
    for inputs in (each["inputs"] for each in prompt.values()):
        for name in [name for name, value in inputs.items() if isinstance(value, list) and value[0] == JUDGE]:
            del inputs[name]
    prompt[SEPARATE]["inputs"]["enabled"] = True
    run = server.run(prompt)
    assert run.ending == "execution_success", run.error or run.answer
    shown = run.history["outputs"][FALLBACK]["deepsound"][0]
    assert any("No verdict arrived" in note for note in shown["notes"])


def test_a_decision_runs_no_judge_and_a_depth_leaves_some_voice(server, put):  # noqa: F811
    prompt = s4(server, 812, put("decided.mp4"), reasoner="says_no", mode="rep")
    prompt[JUDGE]["inputs"]["voice_decision"] = "always"
    prompt[SEPARATE]["inputs"] |= {"removal_db": 6.0, "keep_ambience": True}
    run = server.run(prompt)
    assert run.ending == "execution_success", run.error or run.answer
    assert run.history["outputs"][JUDGE]["deepsound"][0]["verdict"] == "yes"


def test_stems_are_saved_aligned_beside_each_other(server, put):  # noqa: F811
    prompt = {
        "1": node("DeepSoundLoadVideo", file=put("stems.mp4"), start=0.0, duration=0.0),
        "2": node(
            "DeepSoundExportStems",
            final=["1", 1],
            original=["1", 1],
            video=["1", 0],
            filename_prefix="test/stems",
            stem_format="flac",
            timeline=False,
        ),
        "3": node("PreviewAny", source=["2", 0]),
    }
    run = server.run(prompt)
    assert run.ending == "execution_success", run.error or run.answer
    names = run.history["outputs"]["3"]["text"][0].splitlines()
    assert [name.rpartition(".0")[2] for name in names] == ["1_final.flac", "6_original.flac"]
    assert all((server.base / "output" / name).is_file() for name in names)


def test_a_folder_of_videos_is_finished_and_goes_on(server, put, tmp_path):  # noqa: F811
    folder = server.base / "input" / "many"
    folder.mkdir(exist_ok=True)
    for name in ("one", "two"):
        (folder / f"{name}.mp4").write_bytes((server.base / "input" / put(f"many_{name}.mp4")).read_bytes())
    batch = node(
        "DeepSoundFolder",
        folder="many",
        generator="hum",
        reasoner="says_no",
        separator="leaves_half",
        preset="auto",
        fallback="rep",
        prompt="",
        negative_prompt="",
        seed=1,
        duration=0.0,
        output_folder="test/many",
        download=False,
    )
    for expected in ("done", "already"):
        run = server.run({"1": batch, "2": node("PreviewAny", source=["1", 1])})
        assert run.ending == "execution_success", run.error or run.answer
        shown = run.history["outputs"]["1"]["deepsound"][0]["clips"]
        assert [row["status"] for row in shown] == [expected] * 2
    assert (server.base / "output" / "test" / "many" / "two.mp4").is_file()
