"""Tests of MMAudio in a real ComfyUI on tiny weights: batches, memory, cancellation, errors."""

import pytest

from deepsound.media.clip import Clip

pytestmark = pytest.mark.comfy

LOAD, MMAUDIO, JUDGE, SAVE = "1", "2", "3", "4"
NODE = {
    "variant": "mmaudio_small_16k",
    "prompt": "rain",
    "negative_prompt": "",
    "seed": 1,
    "duration": 0.0,
    "steps": 2,
    "cfg": 4.5,
    "fps": 0.0,
    "takes": 1,
    "mask_away_clip": False,
    "weights": "by variant",
    "precision": "auto",
    "offload": False,
    "download": False,
}


def graph(server, file="silent_impacts.mp4", start=0.0, length=2.0, **changed):
    """Load, generate, judge, save; `changed` are the MMAudio node's inputs."""

    def node(kind, **inputs):
        return {"class_type": f"DeepSound{kind}", "inputs": inputs}

    return {
        LOAD: node("LoadVideo", file=file, start=start, duration=length),
        MMAUDIO: node("MMAudioGenerate", **{**NODE, "video": [LOAD, 0], **changed}),
        JUDGE: node(
            "VoiceOverCoT",
            video=[LOAD, 0],
            audio=[MMAUDIO, 0],
            engine="says_what_is_held",
            undecided="no",
            whole_trace=True,
            published_parser=False,
            precision="auto",
            offload=False,
            download=False,
        ),
        "5": {"class_type": "PreviewAny", "inputs": {"source": [JUDGE, 3]}},
        SAVE: node(
            "MuxVideo",
            video=[LOAD, 0],
            audio=[MMAUDIO, 0],
            container="auto",
            codec="flac",
            filename_prefix=f"test/{server.core.name}_mmaudio_{changed.get('seed', 1)}",
        ),
    }


def held(run):
    """The names of the networks in memory when the judge was asked."""
    text = run.history["outputs"]["5"]["text"][0]
    return set(text.partition("<SUMMARY>")[2].partition("</SUMMARY>")[0].strip().split(",")) - {""}


def test_a_video_gets_its_sound_to_the_sample(server):
    server.free()  # other tests' networks, on a server that is shared
    run = server.run(graph(server))
    assert run.ending == "execution_success", run.error or run.answer
    shown = run.saved(SAVE)
    sound = Clip.open(server.base / "output" / shown["subfolder"] / shown["filename"]).audio()
    assert sound.sample_rate == 16000 and sound.samples == 32000
    assert held(run) == {"flow", "autoencoder", "vocoder", "clip", "synchformer"}


def test_own_weights_and_all_variants_are_on_the_node(server):
    required = server.ask("/object_info/DeepSoundMMAudioGenerate")[1]["DeepSoundMMAudioGenerate"]["input"]["required"]
    assert "mmaudio_small_16k" in str(required["variant"]) and "mmaudio_large_44k_v2" in str(required["variant"])
    assert "v1-16.pth" in str(required["weights"])


def test_the_unload_button_empties_the_cache(server):
    assert held(server.run(graph(server, seed=2)))
    server.free()
    prompt = graph(server, seed=2)
    prompt[JUDGE]["inputs"]["audio"] = [LOAD, 1]
    assert held(server.run(prompt)) == set()


def test_offload_leaves_nothing_in_memory(server):
    server.free()
    assert held(server.run(graph(server, seed=3, offload=True))) == set()


def test_cancel_ends_the_sampling_in_its_middle(server):
    """How soon is proved by counting: a network asks before each of its modules (tests/runtime/test_interruption)."""
    reports = []

    def interrupt(kind, data):
        if kind == "progress" and data["node"] == MMAUDIO:
            reports.append(data)
            if (
                data["value"] > 0.4 * data["max"]
                and sum(report["value"] > 0.4 * report["max"] for report in reports) == 1
            ):
                server.ask("/interrupt", {})

    run = server.run(graph(server, seed=4, steps=900), interrupt)
    assert run.ending == "execution_interrupted"
    assert 0.4 * reports[-1]["max"] < reports[-1]["value"] < reports[-1]["max"]


@pytest.mark.failing_run
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"duration": 30.0}, "past the end of the video"),
        ({"duration": 0.3}, "at least 0.64 s"),
        ({"variant": "mmaudio_large_44k_v2"}, "sets of weights are not on this machine"),
    ],
)
def test_what_cannot_be_done_is_one_clear_error_on_the_node(server, changed, message):
    run = server.run(graph(server, seed=5, **changed))
    assert run.ending == "execution_error"
    assert message in run.error
    assert run.messages[-1][1]["node_id"] == MMAUDIO
