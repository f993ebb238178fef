"""Tests of the nodes' schemas: ids, inputs and outputs stay as saved workflows need."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).with_name("schemas.json")
NODE_IDS = [
    "DeepSoundLoadVideo",
    "DeepSoundPromptPreset",
    "DeepSoundCoTPlan",
    "DeepSoundGenerateAudio",
    "DeepSoundMMAudioGenerate",
    "DeepSoundFoleyCrafterGenerate",
    "DeepSoundSeeingHearing",
    "DeepSoundVoiceOverCoT",
    "DeepSoundVerdictFromText",
    "DeepSoundVocalSeparate",
    "DeepSoundSilenceFallback",
    "DeepSoundRegenerateSpan",
    "DeepSoundMixMaster",
    "DeepSoundMuxVideo",
    "DeepSoundExportStems",
    "DeepSoundCompare",
    "DeepSoundScore",
    "DeepSoundBestTake",
    "DeepSoundPipeline",
    "DeepSoundFolder",
    "DeepSoundAudioToVideo",
    "DeepSoundJoint",
]


def described(schema) -> dict:
    """What a saved workflow depends on."""
    return {
        "inputs": [
            {
                "id": item.id,
                "type": item.io_type,
                "default": item.keywords.get("default"),
                "optional": item.keywords.get("optional", False),
                "lazy": item.keywords.get("lazy", False),
            }
            for item in schema.inputs
        ],
        "outputs": [{"id": item.id, "type": item.io_type} for item in schema.outputs],
        "is_output_node": schema.is_output_node,
    }


def test_all_nodes_are_there(nodes):
    assert list(nodes) == NODE_IDS


def test_schemas_are_as_workflows_know_them(nodes):
    found = {node_id: described(node.define_schema()) for node_id, node in nodes.items()}
    if os.environ.get("DEEPSOUND_WRITE_SCHEMAS"):
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n")
    assert found == json.loads(GOLDEN.read_text()), (
        "a node's contract changed and saved workflows may break; if that is meant, run this test once with "
        "DEEPSOUND_WRITE_SCHEMAS=1 and read the difference"
    )


@pytest.mark.parametrize("node_id", NODE_IDS)
def test_every_node_explains_itself(nodes, node_id):
    schema = nodes[node_id].define_schema()
    assert schema.category == "DeepSound"
    assert schema.description.endswith(".")
    assert schema.search_aliases
    for item in (*schema.inputs, *schema.outputs):
        assert item.tooltip, f"{node_id}.{item.id} has no tooltip"


@pytest.mark.parametrize("node_id", NODE_IDS)
def test_ids_are_unique_across_inputs_and_outputs(nodes, node_id):
    schema = nodes[node_id].define_schema()
    ids = [item.id for item in (*schema.inputs, *schema.outputs)]
    assert len(ids) == len(set(ids)), "the oldest core refuses a node whose input and output share an id"


@pytest.mark.parametrize("node_id", NODE_IDS)
def test_execute_takes_exactly_the_inputs(nodes, node_id):
    import inspect

    node = nodes[node_id]
    parameters = inspect.signature(node.execute).parameters
    inputs = {item.id: item for item in node.define_schema().inputs}
    assert set(parameters) == set(inputs)
    for name, item in inputs.items():
        may_be_absent = item.keywords.get("optional") or item.keywords.get("lazy")
        # A graph saved before the input was there comes without it: the widget's default stands in.
        expected = item.keywords.get("default") if may_be_absent else inspect.Parameter.empty
        if (node_id, name) == ("DeepSoundPipeline", "save"):
            expected = False  # A new node saves; a graph from before it could has another node that does.
        assert parameters[name].default == expected


def test_keywords_an_old_core_does_not_know_are_dropped(pack, nodes):
    from deepsound_pack_under_test.nodes.schema import supported_kwargs

    def old_schema(node_id, display_name):
        return node_id, display_name

    kept = supported_kwargs(old_schema, node_id="A", display_name="B", search_aliases=["c"])
    assert kept == {"node_id": "A", "display_name": "B"}


def test_menus_explain_every_engine(nodes):
    menu = nodes["DeepSoundGenerateAudio"].define_schema().inputs[1]
    assert menu.options[:2] == ["draft", "source"]
    assert all(f"{name}: " in menu.tooltip for name in menu.options)


def test_every_node_has_a_help_page(nodes):
    for node_id, node in nodes.items():
        page = (ROOT / "web" / "docs" / f"{node_id}.md").read_text(encoding="utf-8")
        for item in (*node.define_schema().inputs, *node.define_schema().outputs):
            label = item.keywords.get("display_name", item.id)
            assert f"`{label}`" in page, f"{node_id}.md does not mention {label}"


def test_chinese_covers_every_text(nodes):
    texts = json.loads((ROOT / "locales" / "zh" / "nodeDefs.json").read_text(encoding="utf-8"))
    assert list(texts) == list(nodes)
    for node_id, node in nodes.items():
        schema, text = node.define_schema(), texts[node_id]
        assert text["display_name"] and text["description"]
        assert list(text["inputs"]) == [item.id for item in schema.inputs]
        assert list(text["outputs"]) == [str(index) for index in range(len(schema.outputs))]
        for entry in (*text["inputs"].values(), *text["outputs"].values()):
            assert entry["name"] and entry["tooltip"]


def test_importing_the_root_without_comfyui_is_harmless():
    code = (
        "import importlib.util, sys; "
        f"spec = importlib.util.spec_from_file_location('pack', {str(ROOT / '__init__.py')!r}, "
        f"submodule_search_locations=[{str(ROOT)!r}]); "
        "pack = importlib.util.module_from_spec(spec); sys.modules['pack'] = pack; spec.loader.exec_module(pack); "
        "assert callable(pack.comfy_entrypoint) and pack.WEB_DIRECTORY == './web'; "
        "assert not {'torch', 'comfy_api', 'deepsound', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True, cwd="/")


def test_the_library_is_found_beside_the_pack_without_touching_sys_path(tmp_path):
    code = (
        "import importlib.util, sys; "
        f"spec = importlib.util.spec_from_file_location('pack', {str(ROOT / '__init__.py')!r}, "
        f"submodule_search_locations=[{str(ROOT)!r}]); "
        "pack = importlib.util.module_from_spec(spec); spec.loader.exec_module(pack); before = list(sys.path); "
        "pack._adopt_library(); import deepsound.errors; "
        f"assert deepsound.__file__.startswith({str(ROOT)!r}), deepsound.__file__; assert sys.path == before"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True, cwd=tmp_path)
