"""The shipped workflows run by a program, in API format, on real servers.

Those on embedded engines run as they are. The others name weights that are not here: MMAudio runs on tiny ones of the
same form, FoleyCrafter's node, the published reasoners and separators are replaced by engines whose answers are known.
What is proved of those workflows is the graph.
"""

from __future__ import annotations

import json
import shutil

import pytest

from deepsound.media.audio import decode_audio
from deepsound.media.clip import Clip
from scripts.workflows import DESCRIPTIONS
from tests.comfy.pages import FOLDER

pytestmark = pytest.mark.comfy

EMBEDDED = {"offline_draft", "clean_existing_footage", "another_generator", "api_automation", "best_of_four"}
EMBEDDED |= {"film_with_own_sound", "mix_and_master", "stems_for_an_editor"}
# Need diffusers, which no core brings: tests/comfy/test_seeing_hearing.py.
ALIGNED = {"seeing_hearing", "image_to_sound", "audio_to_video", "joint_video"}
PUBLISHED = sorted(set(DESCRIPTIONS) - EMBEDDED - ALIGNED - {"label_a_folder"})
KNOWN = {"videollama2_cot": "says_yes", "videollama2_qa": "says_yes", "bs_roformer": "leaves_half"}


def api(name):
    return json.loads((FOLDER / "api" / f"{name}.json").read_text(encoding="utf-8"))


def files(server, run):
    """Everything the run saved in the output folder."""
    return [
        server.base / "output" / item["subfolder"] / item["filename"]
        for output in run.history["outputs"].values()
        for kind in ("images", "audio")
        for item in output.get(kind, [])
        if item.get("type") == "output"
    ]


def of_kind(prompt, kind):
    return [node_id for node_id, node in prompt.items() if node["class_type"] == kind]


@pytest.mark.parametrize("name", sorted(EMBEDDED))
def test_it_runs_as_installed_to_a_finished_video(server, name):
    prompt = api(name)
    run = server.run(prompt)
    assert run.ending == "execution_success", run.error or run.answer
    source = Clip.open(server.base / "input" / prompt["1"]["inputs"]["file"])
    (saved,) = [Clip.open(path) for path in files(server, run)]
    assert saved.duration_s == pytest.approx(source.duration_s, abs=0.05)
    sound = saved.audio()
    assert sound is not None and sound.duration_s == pytest.approx(source.duration_s, abs=0.05)
    assert sound.waveform.abs().max() > 0.01
    for node_id in of_kind(prompt, "DeepSoundCompare"):
        assert run.history["outputs"][node_id]["deepsound"][0]["tracks"]


def test_results_of_the_labelling_template_become_training_data(server, tmp_path):
    from deepsound.cli.main import main
    from deepsound.train.cot_files import read_items

    (server.base / "input" / "to_label").mkdir()
    shutil.copy(FOLDER.parent / "demo" / "narrated_landscape.mp4", server.base / "input" / "to_label")
    prompt = api("label_a_folder")
    prompt["1"]["inputs"]["folder"] = "to_label"
    run = server.run(prompt)
    assert run.ending == "execution_success", run.error or run.answer
    results = server.base / "output" / "DeepSound" / "labels"
    command = ["train", "data", str(results), "--out", str(tmp_path), "--label", "records", "--split", "1,0,0"]
    assert main([*command, "-q"]) == 0
    (judged,) = [item for item in read_items(tmp_path) if item.task == "judge"]
    assert (judged.category, judged.sound, judged.label) == ("Yes", "own", "rules")


def made_small(prompt, seed):
    """The graph with tiny or known engines; the seed keeps one workflow's cache from another's."""
    for node in prompt.values():
        inputs = node["inputs"]
        if "seed" in inputs:
            inputs["seed"] = seed
        if node["class_type"] == "DeepSoundFoleyCrafterGenerate":
            node["class_type"] = "DeepSoundGenerateAudio"
            kept = ("video", "prompt", "negative_prompt", "seed", "duration")
            node["inputs"] = {"engine": "hum", **{key: inputs[key] for key in kept}}
        if node["class_type"] == "DeepSoundLoadVideo":
            inputs["duration"] = 1.0
        if isinstance(inputs.get("spans"), str) and inputs["spans"]:
            inputs["spans"] = "[[0.2, 0.6]]"
        if node["class_type"] == "DeepSoundMMAudioGenerate":
            inputs |= {"variant": "mmaudio_small_16k", "steps": 2, "duration": min(inputs["duration"], 1.0)}
        if node["class_type"] == "DeepSoundRegenerateSpan":
            inputs["engine"] = "mmaudio_small_16k"
        if inputs.get("engine") in KNOWN and node["class_type"] != "DeepSoundCoTPlan":
            inputs["engine"] = KNOWN[inputs["engine"]]
    return prompt


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_graph_of_published_engines_runs_to_its_files(server, name):
    prompt = made_small(api(name), 1000 + PUBLISHED.index(name))
    run = server.run(prompt)
    assert run.ending == "execution_success", run.error or run.answer
    saved = files(server, run)
    heard = [item for output in run.history["outputs"].values() for item in output.get("audio", [])]
    assert len(heard) >= len(of_kind(prompt, "PreviewAudio"))
    # One video for each take that reaches a Mux Video.
    videos = max((node["inputs"].get("takes", 1) for node in prompt.values()), default=1)
    assert len(saved) == videos * len(of_kind(prompt, "DeepSoundMuxVideo"))
    assert all(path.stat().st_size > 500 for path in saved)
    made = [node_id for kind in ("MMAudioGenerate", "GenerateAudio") for node_id in of_kind(prompt, f"DeepSound{kind}")]
    spared = {"deepsound_s4_neg": 1}.get(name, 0)  # The background is not silent: nothing is generated again.
    assert len(set(made) & set(run.executed)) == len(made) - spared


def test_with_mask_a_span_without_background_is_made_anew_and_the_rest_is_the_coarse_sound(server):
    prompt = made_small(api("deepsound_s4_mask"), 3000)
    (judge,), (remover,), (fallback,), (again,) = (
        of_kind(prompt, f"DeepSound{kind}")
        for kind in ("VoiceOverCoT", "VocalSeparate", "SilenceFallback", "RegenerateSpan")
    )
    assert prompt[fallback]["inputs"]["mode"] == "mask"
    prompt[judge]["inputs"]["spans"] = "0.3-0.6"
    prompt[remover]["inputs"]["engine"] = "leaves_nothing"
    coarse, final = "901", "902"
    for node_id, source in ((coarse, prompt[fallback]["inputs"]["coarse"]), (final, [fallback, 0])):
        inputs = {"filename_prefix": f"mask/{node_id}", "audio": source}
        prompt[node_id] = {"class_type": "SaveAudio", "inputs": inputs}
    run = server.run(prompt)
    assert run.ending == "execution_success", run.error or run.answer
    assert again in run.executed
    (segment,) = run.history["outputs"][fallback]["deepsound"][0]["segments"]
    assert (segment["start_s"], segment["end_s"], segment["action"]) == (0.3, 0.6, "mask")
    sounds = []
    for node_id in (coarse, final):
        (item,) = run.history["outputs"][node_id]["audio"]
        sounds.append(decode_audio(server.base / "output" / item["subfolder"] / item["filename"]))
    rate, (before, after) = sounds[0].sample_rate, (sound.waveform for sound in sounds)
    assert bool((before[:, : int(0.3 * rate)] == after[:, : int(0.3 * rate)]).all())
    assert bool((before[:, int(0.6 * rate) + 1 :] == after[:, int(0.6 * rate) + 1 :]).all())
    assert not bool((before == after).all())
