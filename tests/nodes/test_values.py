"""Tests of bad input values: NaN, lone surrogates, long prefixes, before any work."""

import math

import pytest

from deepsound.errors import InputError
from deepsound.mix.settings import RANGES as MIX_RANGES

HALF = "rain \ud83d"
REQUEST = ("prompt", "negative_prompt", "duration")
NUMBERS = {
    "DeepSoundLoadVideo": ("start", "duration"),
    "DeepSoundGenerateAudio": ("duration", "cfg", "window"),
    "DeepSoundMMAudioGenerate": ("duration", "cfg", "fps", "window", "lora_strength"),
    "DeepSoundFoleyCrafterGenerate": ("duration", "cfg", "temporal_scale", "semantic_scale", "fps"),
    "DeepSoundVoiceOverCoT": ("fps",),
    "DeepSoundMuxVideo": ("fps",),
    "DeepSoundSeeingHearing": ("duration", "cfg", "rate", "warmup", "prompt_rate", "fps"),
    "DeepSoundAudioToVideo": ("fps", "video_cfg", "video_rate", "warmup", "prompt_rate"),
    "DeepSoundJoint": ("fps", "video_cfg", "video_rate", "warmup", "prompt_rate", "audio_cfg", "audio_rate"),
    "DeepSoundVocalSeparate": ("overlap", "removal_db"),
    "DeepSoundCompare": ("render_seconds",),
    "DeepSoundRegenerateSpan": ("duration",),
    "DeepSoundMixMaster": tuple(MIX_RANGES),
    "DeepSoundScore": ("duration",),
    "DeepSoundFolder": ("duration",),
    "DeepSoundPipeline": ("duration", "cfg", "window", "removal_db", "fps"),
}
LEAST = {"window": -1.0, "lora_strength": -10.0, **{name: low for name, (low, _) in MIX_RANGES.items()}}
GENERATORS = ("GenerateAudio", "RegenerateSpan", "MMAudioGenerate", "FoleyCrafterGenerate", "Pipeline")


def unconnected(node):
    """`validate_inputs` of a graph in which everything is connected, and so not known yet."""
    import inspect

    return dict.fromkeys(inspect.signature(node.validate_inputs).parameters)


def test_every_float_of_every_node_is_checked(nodes):
    floats = {
        node_id: tuple(item.id for item in node.define_schema().inputs if item.io_type == "FLOAT")
        for node_id, node in nodes.items()
    }
    assert {node_id: ids for node_id, ids in floats.items() if ids} == NUMBERS


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "below", 1e9])
@pytest.mark.parametrize(("node_id", "name"), [(node_id, name) for node_id, ids in NUMBERS.items() for name in ids])
def test_a_number_that_is_none_is_refused_before_the_run(nodes, node_id, name, value):
    node = nodes[node_id]
    assert node.validate_inputs(**unconnected(node)) is True
    least = LEAST.get(name, 0.0)
    wrong = least - 2 if value == "below" else value
    answer = node.validate_inputs(**{**unconnected(node), name: wrong})
    assert isinstance(answer, str) and answer.startswith(f"{name}: expected a number from {least:g} to ")


@pytest.mark.parametrize("name", ["prompt", "negative_prompt"])
@pytest.mark.parametrize("kind", GENERATORS)
def test_half_a_character_in_a_prompt_is_refused_before_the_run(nodes, kind, name):
    node = nodes[f"DeepSound{kind}"]
    answer = node.validate_inputs(**{**unconnected(node), name: HALF})
    assert answer == f"{name}: expected Unicode text, got half of a character (U+D83D) at place 6; type the text again."
    assert node.validate_inputs(**{**unconnected(node), name: "雨 😀 naïve"}) is True


@pytest.mark.parametrize(
    ("prompt", "duration", "wrong"), [(HALF, 0.0, "prompt"), ("rain", math.nan, "duration"), ("rain", -2.0, "duration")]
)
@pytest.mark.usefixtures("fake_engines")
def test_what_arrives_over_a_wire_is_checked_before_the_work(nodes, fake_engines, prompt, duration, wrong):
    with pytest.raises(InputError, match=rf"^{wrong}: expected"):
        nodes["DeepSoundGenerateAudio"].execute("no video", "noise", prompt, "", 7, duration)
    with pytest.raises(InputError, match=rf"^{wrong}: expected"):
        nodes["DeepSoundPipeline"].execute("no video", "noise", "no", "halving", "s4", "rm", prompt, "", 7, duration)
    assert not fake_engines.requests


@pytest.mark.parametrize(
    ("prefix", "reason"),
    [
        ("a/" * 2000 + "x", "at most 32 subfolders"),
        ("/".join("x" * 100 for _ in range(12)), "at most 32 subfolders and 1000 bytes, got 11 and 1211"),
        ("雨" * 100, "is not a file name"),
        ("clip \ud83d", "got half of a character"),
        ("\udce9", "got half of a character"),
    ],
)
def test_a_prefix_that_no_path_can_have_is_refused_before_any_folder_is_made(nodes, host, prefix, reason):
    node = nodes["DeepSoundMuxVideo"]
    assert reason in node.validate_inputs(prefix)
    assert not list((host.root / "output").iterdir())


def test_a_prefix_with_subfolders_and_other_scripts_is_taken(nodes):
    assert nodes["DeepSoundMuxVideo"].validate_inputs("视频/雨/" + "雨" * 60) is True


@pytest.mark.parametrize("name", ["\ud800.mp4", "雨" * 2000, "a/" * 2000 + "x.mp4"])
def test_a_file_name_that_no_file_can_have_is_refused(nodes, name):
    answer = nodes["DeepSoundLoadVideo"].validate_inputs(name, None, None)
    assert isinstance(answer, str) and len(answer) < 400


def test_text_that_cannot_be_sent_does_not_end_a_run(nodes, host):
    from deepsound_pack_under_test.nodes import comfy_host

    comfy_host.show_text(HALF, "7")
    assert host.texts == [("7", "rain ?")]


@pytest.mark.parametrize("extra", [["no mapping"], "text", 7, None, {"workflow": {1, 2}}])
def test_extras_of_another_type_are_not_kept_and_no_error(nodes, host, extra):
    from types import SimpleNamespace

    from deepsound_pack_under_test.nodes import comfy_host

    hidden = SimpleNamespace(extra_pnginfo=extra, prompt={"7": {}}, unique_id="7")
    assert comfy_host.metadata(hidden) == {"prompt": '{"7": {}}'}
    assert comfy_host.node_key(hidden) == "/7"


def test_braces_in_a_prompt_leave_those_of_the_saved_graph_alone_in_balance(nodes, host):
    """ComfyUI's page found no graph in a webm file with one brace in a prompt or a note."""
    import json
    from types import SimpleNamespace

    from deepsound_pack_under_test.nodes import comfy_host

    workflow = {"nodes": [{"widgets_values": ['a } in \\"it\\" {', "\\", "}", "雨 }", 'said "}"']}], "{": {"}": "{{"}}
    hidden = SimpleNamespace(extra_pnginfo={"workflow": workflow}, prompt={"7": {"inputs": {"prompt": "}{}"}}})
    saved = comfy_host.metadata(hidden)
    assert json.loads(saved["workflow"]) == workflow and json.loads(saved["prompt"]) == hidden.prompt
    assert [saved["workflow"].count(brace) for brace in "{}"] == [3, 3]
    assert saved["prompt"] == '{"7": {"inputs": {"prompt": "\\u007d\\u007b\\u007d"}}}'
