"""Tests of compatibility with 0.3.0: nodes, flags, record keys, imports, fingerprints."""

import json
import warnings
from pathlib import Path

import pytest

from tests.compat import snapshot

HERE = Path(__file__).parent
THEN = json.loads((HERE / "0.3.0.json").read_text())
NODES = json.loads((HERE / "0.3.0-nodes.json").read_text())
BECAME_OUTPUT_NODES = {"DeepSoundPipeline"}
# A verdict of a node that is muted does not arrive: the input may stay empty.
BECAME_OPTIONAL = {("DeepSoundSilenceFallback", "voice_over")}


@pytest.mark.parametrize("node_id", NODES)
def test_a_saved_workflow_finds_each_node_as_it_was(node_id):
    """Saved values go by position, links by position too: what is new may only come after what was there."""
    now = json.loads((HERE.parent / "nodes" / "schemas.json").read_text())[node_id]
    for kind, fields in (("inputs", ("id", "type", "optional", "lazy")), ("outputs", ("id", "type"))):
        then = [_described(node_id, item, fields) for item in NODES[node_id][kind]]
        found = [_described(node_id, item, fields) for item in now[kind]][: len(then)]
        # A socket may take more types than it did.
        assert [{**item, "type": item["type"].split(",")[0]} for item in found] == then
        assert all(item["optional"] for item in now[kind][len(then) :] if kind == "inputs")
    # An output node stays one; one that became one lets a graph of it alone run, and saves nothing more in old graphs.
    assert now["is_output_node"] == (NODES[node_id]["is_output_node"] or node_id in BECAME_OUTPUT_NODES)


def _described(node_id, item, fields):
    described = {name: item[name] for name in fields}
    return {**described, "optional": True} if (node_id, item["id"]) in BECAME_OPTIONAL else described


def test_every_flag_is_still_understood():
    now = snapshot.command_line()
    for command, flags in THEN["command_line"].items():
        for flag, was in flags.items():
            found = now[command][flag]
            # One video or none before, any number now.
            assert found["values"] in (was["values"], {"?": "*"}.get(was["values"])), f"{command} {flag}"
            assert was["choices"] is None or set(was["choices"]) <= set(found["choices"] or was["choices"])


def test_every_key_of_a_record_is_still_written():
    assert set(THEN["record_keys"]) - set(snapshot.record_keys()) == set()


@pytest.mark.parametrize("module", THEN["public_names"])
def test_every_public_name_can_still_be_imported(module):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for name, members in THEN["public_names"][module].items():
            found = snapshot.members(snapshot.named(module, name))
            assert set(members) <= set(found), f"{module}.{name}"
            order = [member for member in found if member in members]
            assert order == members, f"{module}.{name}: arguments given by position would be mixed up"


@pytest.mark.parametrize(("name", "becomes"), [("View", "FrameConsumer"), ("Watcher", "FrameCollector")])
def test_a_moved_name_warns_and_is_the_new_one(name, becomes):
    from deepsound.media import views

    with pytest.warns(DeprecationWarning, match=becomes):
        assert getattr(views, name) is getattr(views, becomes)


def test_the_settings_of_a_batch_can_be_imported_by_their_earlier_name():
    from deepsound.batch import settings

    with pytest.warns(DeprecationWarning, match="BatchSettings"):
        assert settings.Settings is settings.BatchSettings


def test_the_result_of_a_submission_can_be_imported_by_its_earlier_name():
    from deepsound import comfy

    with pytest.warns(DeprecationWarning, match="SubmissionResult"):
        assert comfy.Submitted is comfy.SubmissionResult


def test_a_run_in_memory_can_be_called_by_its_earlier_name(monkeypatch):
    from deepsound import Pipeline

    monkeypatch.setattr(Pipeline, "run_in_memory", lambda self, *given, **named: (given, named))
    with pytest.warns(DeprecationWarning, match="run_in_memory"):
        assert Pipeline().think("clip", mode="s3") == (("clip",), {"mode": "s3"})


def test_engines_and_variables_keep_their_names():
    assert set(THEN["engine_names"]) <= set(snapshot.engine_names())
    assert set(THEN["variables"]) <= set(snapshot.variables())


def test_a_batch_begun_with_0_3_0_goes_on():
    assert snapshot.fingerprints() == THEN["fingerprints"]
