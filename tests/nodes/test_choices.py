"""Gate: every surface offers exactly the rows of the tables of choices."""

import argparse
import ast
import json
from pathlib import Path
from typing import get_args

import pytest

from deepsound import choices, fallback, pipeline, presets
from deepsound.app.request import RunRequest
from deepsound.cli.main import build_parser
from deepsound.errors import InputError
from deepsound.generate.aligner.guide import UPDATES
from deepsound.runtime.execution import PRECISIONS, Precision
from deepsound.types import Audio

ROOT = Path(__file__).parents[2]
TABLES = {
    "mode": choices.MODE_NAMES,
    "fallback": fallback.FALLBACK_NAMES,
    "undecided": choices.UNDECIDED_NAMES,
    "precision": choices.REASONER_PRECISIONS,
}
# Node and input, as workflows know them, and the table that the menu is.
MENUS = {
    ("DeepSoundPipeline", "mode"): choices.MODE_NAMES,
    ("DeepSoundPipeline", "fallback"): fallback.FALLBACK_NAMES,
    ("DeepSoundPipeline", "preset"): presets.PRESET_NAMES,
    ("DeepSoundPipeline", "undecided"): choices.UNDECIDED_NAMES,
    ("DeepSoundPipeline", "precision"): choices.NETWORK_PRECISIONS,
    ("DeepSoundVocalSeparate", "mode"): choices.SEPARATOR_MODE_NAMES,
    ("DeepSoundVocalSeparate", "precision"): choices.NETWORK_PRECISIONS,
    ("DeepSoundGenerateAudio", "precision"): choices.NETWORK_PRECISIONS,
    ("DeepSoundSilenceFallback", "mode"): fallback.FALLBACK_NAMES,
    ("DeepSoundVoiceOverCoT", "undecided"): choices.UNDECIDED_NAMES,
    ("DeepSoundVoiceOverCoT", "precision"): choices.REASONER_PRECISIONS,
    ("DeepSoundCoTPlan", "precision"): choices.REASONER_PRECISIONS,
    ("DeepSoundMMAudioGenerate", "precision"): choices.NETWORK_PRECISIONS,
    ("DeepSoundFoleyCrafterGenerate", "precision"): choices.NETWORK_PRECISIONS,
    **{
        (node, "precision"): choices.NETWORK_PRECISIONS
        for node in ("DeepSoundSeeingHearing", "DeepSoundAudioToVideo", "DeepSoundJoint")
    },
    **{(node, "update"): UPDATES for node in ("DeepSoundSeeingHearing", "DeepSoundAudioToVideo", "DeepSoundJoint")},
}


def command(parser: argparse.ArgumentParser, name: str) -> argparse.ArgumentParser:
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return groups[0].choices[name]


@pytest.mark.parametrize("name", ["run", "batch"])
@pytest.mark.parametrize("dest", TABLES)
def test_the_command_line_offers_the_table(name, dest):
    (action,) = [a for a in command(build_parser(), name)._actions if a.dest == dest and a.choices]
    assert tuple(action.choices) == TABLES[dest]
    assert action.default == TABLES[dest][0]
    assert all(f"{option}:" in action.help for option in TABLES[dest])


@pytest.mark.parametrize(("node_id", "input_id"), MENUS)
def test_the_nodes_offer_the_table(nodes, node_id, input_id):
    (menu,) = [item for item in nodes[node_id].define_schema().inputs if item.id == input_id]
    assert tuple(menu.options) == MENUS[node_id, input_id]
    assert menu.keywords["default"] == MENUS[node_id, input_id][0]


REVIEWED = {"zh"}


@pytest.mark.parametrize("language", sorted(folder.name for folder in (ROOT / "locales").iterdir() if folder.is_dir()))
@pytest.mark.parametrize(("node_id", "input_id"), MENUS)
def test_the_translations_cover_the_table(language, node_id, input_id):
    texts = json.loads((ROOT / "locales" / language / "nodeDefs.json").read_text(encoding="utf-8"))
    # A machine-made translation may lack a node that is newer; the page then shows English.
    inputs = texts[node_id]["inputs"] if language in REVIEWED else texts.get(node_id, {}).get("inputs", {})
    options = set(inputs.get(input_id, {}).get("options", ()))
    table = set(MENUS[node_id, input_id])
    # Where a machine-made translation has no word for a choice, the page shows the value itself.
    assert options == table if language in REVIEWED else options <= table


def test_the_page_offers_the_table_and_accepts_nothing_else():
    gradio = pytest.importorskip("gradio", reason="the page is an extra")
    from deepsound.app import page

    with gradio.Blocks():
        given, *_ = page._controls(gradio)
    menus = {item.elem_id: item for item in given}
    for elem_id, names in (("ds-mode", choices.MODE_NAMES), ("ds-fallback", fallback.FALLBACK_NAMES)):
        assert tuple(value for _, value in menus[elem_id].choices) == names
        assert menus[elem_id].value == names[0]
    for mode in choices.MODE_NAMES:
        for name in fallback.FALLBACK_NAMES:
            RunRequest.of("", "", "auto", "auto", "auto", mode, name, 0, 1)
    with pytest.raises(InputError, match=", ".join(fallback.FALLBACK_NAMES)):
        RunRequest.of("", "", "auto", "auto", "auto", "s4", "repeat", 0, 1)


def test_a_workflow_is_drawn_for_every_fallback():
    from scripts.workflows import published
    from scripts.workflows.titles import file_name

    assert set(published.FALLBACKS) == set(fallback.FALLBACK_NAMES)
    for name in fallback.FALLBACK_NAMES:
        drawn = f"deepsound_s4_{name}"
        for path in (ROOT / "workflows" / f"{file_name(drawn)}.json", ROOT / "workflows" / "api" / f"{drawn}.json"):
            assert f'"{name}"' in path.read_text(encoding="utf-8")


def test_a_batch_table_and_the_library_know_the_same_names():
    """Columns of a batch's table are handed to Pipeline.run, which refuses what is not in the table."""
    for option, names in (("mode", choices.MODES), ("undecided", choices.UNDECIDED)):
        with pytest.raises(InputError, match=", ".join(choices.names_of(names))):
            choices.option(option, "no such", names)
    with pytest.raises(InputError, match=", ".join(fallback.FALLBACK_NAMES)):
        fallback.fallback_mode("repeat")
    with pytest.raises(InputError, match="undecided is 'perhaps'"):
        pipeline.Pipeline(undecided="perhaps")


def test_precisions_of_the_table_are_those_that_networks_can_be_run_in():
    assert choices.REASONER_PRECISIONS == PRECISIONS == get_args(Precision)


def test_a_precision_whose_package_is_not_here_is_said_to_be_unusable(monkeypatch, nodes):
    """0.3.0 claimed "where bitsandbytes is installed" and listed int8 and nf4 always, without a word."""
    menus = lambda: [  # noqa: E731
        item.tooltip
        for node_id in ("DeepSoundVoiceOverCoT", "DeepSoundCoTPlan")
        for item in nodes[node_id].define_schema().inputs
        if item.id == "precision"
    ]
    monkeypatch.setattr(choices, "find_spec", lambda name: None)
    assert all("int8, nf4: not usable here" in text and "bitsandbytes" in text for text in menus())
    assert choices.precision_limits(choices.NETWORK_PRECISIONS) == ""
    monkeypatch.setattr(choices, "find_spec", lambda name: object())
    assert not any("not usable" in text for text in menus())


def test_a_new_fallback_is_one_row(monkeypatch):
    """The rule is a function of the table: nothing else has to know a mode for step 4 to take it."""
    half = fallback.FallbackMode(
        "half", "half as loud", "h", lambda coarse, _: fallback.FinalSound(Audio(coarse.waveform / 2, 8000), "coarse")
    )
    monkeypatch.setattr(fallback, "FALLBACKS", (*fallback.FALLBACKS, half))
    coarse = Audio.from_numpy([[0.5] * 800], 8000)
    final = fallback.fallback_mode("half").rule(coarse, lambda: coarse)
    assert final.audio is not None and float(final.audio.waveform.max()) == 0.25


NAMES = set(fallback.FALLBACK_NAMES) | set(choices.MODE_NAMES)
ALLOWED_IN = {"deepsound/fallback.py", "deepsound/choices.py"}


@pytest.mark.parametrize("folder", ["deepsound", "nodes"])
def test_no_other_file_spells_a_mode(folder):
    """A comparison with a mode's name outside the tables is a rule that a new row would not reach."""
    for path in (ROOT / folder).rglob("*.py"):
        name = path.relative_to(ROOT).as_posix()
        if name in ALLOWED_IN:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            spelled = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)} & NAMES
            compares = isinstance(node, ast.Compare) and spelled
            lists = isinstance(node, (ast.Tuple, ast.List, ast.Set)) and len(spelled) > 1
            assert not (compares or lists), f"{name}:{node.lineno} spells {sorted(spelled)}"
