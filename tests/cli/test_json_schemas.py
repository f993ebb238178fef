"""The JSON that programs read: each kind has a version and a schema, which it fits.

What the tests of other commands print with `--json` is held against the schemas too, by a fixture of tests/conftest.py.
"""

import argparse
import json
from pathlib import Path

import jsonschema
import pytest

import deepsound
from deepsound.batch.records import DamagedRecord, Record
from deepsound.cli.formatting import print_json
from deepsound.cli.main import build_parser, main
from deepsound.cli.parser import subcommands
from deepsound.runtime.json_schemas import SCHEMAS, VERSION_KEY, json_schema, versioned
from deepsound.train.checkpoint_file import append_log
from deepsound.train.generator.overfitting import held_out_losses, over_fitting
from tests.json_records import fits, validator

FOLDER = Path(deepsound.__file__).parent / "schemas"
DOCUMENT = Path(__file__).parents[2] / "docs" / "run.md"
ENGINES = ["--generator", "noise", "--reasoner", "yes", "--separator", "halving"]
# Records of before had none.
WITHOUT_VERSION = {"clip", "training_item", "training_log"}


def commands_with_json(parser: argparse.ArgumentParser, name: str = "") -> set[str]:
    own = {name} if any("--json" in action.option_strings for action in parser._actions) else set()
    return own.union(
        *(commands_with_json(below, f"{name} {word}".strip()) for word, below in subcommands(parser).items())
    )


def described(schema: dict, place: str = "") -> list[str]:
    """Properties without a description, at any depth."""
    found = []
    for name, row in schema.get("properties", {}).items():
        found += [] if row.get("description") else [f"{place}/{name}"]
        found += described(row, f"{place}/{name}")
    for below in ("items", "additionalProperties"):
        if isinstance(schema.get(below), dict):
            found += described(schema[below], f"{place}/{below}")
    return found


def test_every_command_with_json_has_a_schema_and_every_schema_a_command_or_file():
    named = {command for row in SCHEMAS.values() for command in row.commands}
    assert commands_with_json(build_parser()) == named
    assert [name for name, row in SCHEMAS.items() if not row.commands and not row.files] == []


def test_the_published_schemas_are_those_of_the_table():
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(f"{name}.schema.json" for name in SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_says_what_it_is_of_and_describes_every_field(name):
    schema, row = json_schema(name), SCHEMAS[name]
    jsonschema.Draft202012Validator.check_schema(schema)
    for command in row.commands:
        assert f"deepsound {command} --json" in schema["description"]
    for file in row.files:
        assert file in schema["description"]
    assert ("list" in row.many) == ("a list of records" in schema["description"])
    assert schema["properties"][VERSION_KEY]["minimum"] == row.version
    assert (VERSION_KEY in schema["required"]) == (name not in WITHOUT_VERSION)
    assert described(schema) == []
    with pytest.raises(jsonschema.ValidationError):
        validator(name).validate({VERSION_KEY: 0})


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_document_lists_the_schema(name):
    row = SCHEMAS[name]
    (line,) = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith(f"| [`{name}`](")]
    assert [command for command in row.commands if f"`{command}`" not in line] == []
    assert [file for file in row.files if f"`{file}`" not in line] == []


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("engine", "engines"),
        ("engine", "engines draft"),
        ("prompt", "prompts"),
        ("weights", "models list"),
        ("weights_places", "models where"),
        ("weights_check", "models verify mmaudio/vae_16k"),
        ("weights_removal", "models remove mmaudio/vae_16k --yes"),
        ("cache", "cache size"),
        ("cache_entry", "cache list"),
        ("cache_entry", "cache prune"),
        ("setting", "config show"),
        ("finding", "doctor"),
    ],
)
def test_what_is_printed_fits(name, arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DEEPSOUND_HOME", str(tmp_path))
    monkeypatch.setenv("DEEPSOUND_TAKES", "2")
    (tmp_path / "hashes.json").write_text("{}")
    main([*arguments.split(), "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert isinstance(printed, list) == (SCHEMAS[name].many == "list") and printed
    for record in printed if isinstance(printed, list) else [printed]:
        assert next(iter(record)) == VERSION_KEY
        fits(name, record)


def test_a_run_a_dry_run_and_lists_of_them_fit(fake_engines, make_video, tmp_path, capsys):
    videos = [str(make_video(f"clips/{name}.mp4", seconds=0.5)) for name in "ab"]
    for name, flags in (("dry_run", ["--dry-run"]), ("result", [])):
        for given in (videos[:1], videos):
            assert main(["run", *given, *ENGINES, "-o", str(tmp_path / "out"), *flags, "--json"]) == 0
            printed = json.loads(capsys.readouterr().out)
            assert isinstance(printed, list) == (len(given) == 2)
            for record in printed if len(given) == 2 else [printed]:
                fits(name, record)


def test_a_batch_its_clips_and_its_sums_fit(fake_engines, make_video, tmp_path, capsys):
    make_video("clips/a.mp4", seconds=0.5)
    (tmp_path / "clips" / "b.mp4").write_bytes(b"no video")
    out = tmp_path / "out"
    assert main(["batch", str(tmp_path / "clips"), *ENGINES, "-o", str(out), "--json"]) == 6
    printed = fits("batch", json.loads(capsys.readouterr().out))
    assert printed == fits("batch", json.loads((out / "summary.json").read_text()))
    records = [fits("clip", json.loads((out / f"{stem}.batch.json").read_text())) for stem in "ab"]
    assert [record["status"] for record in records] == ["done", "failed"]
    assert Record.load(out / "a.batch.json").details["verdict"] == "yes"


def test_reports_of_evaluate_and_calibrate_fit(fake_engines, make_video, tone, tmp_path, capsys):
    make_video("clips/Yes/a.mp4", seconds=1.0, audio=tone())
    clips, out = str(tmp_path / "clips"), tmp_path / "out"
    assert (
        main(
            [
                "evaluate",
                f"{clips}/Yes",
                "--only",
                "voice,levels",
                "-o",
                str(out),
                "--cache",
                str(tmp_path),
                "--json",
                "-q",
            ]
        )
        == 0
    )
    assert fits("evaluation", json.loads(capsys.readouterr().out)) == json.loads((out / "report.json").read_text())
    assert main(["calibrate", clips, "--judge", "yes", "--judge", "no", "-o", str(out), "--json", "-q"]) == 0
    assert fits("calibration", json.loads(capsys.readouterr().out)) == json.loads(
        (out / "calibration.json").read_text()
    )


def test_a_data_set_and_its_lines_fit(fake_engines, make_video, tone, tmp_path, capsys):
    make_video("clips/a.mp4", seconds=1.0, audio=tone())
    out = tmp_path / "set"
    assert main(["train", "data", str(tmp_path / "clips"), "-o", str(out), "--label", "yes", "--json", "-q"]) == 0
    assert fits("training_data", json.loads(capsys.readouterr().out)) == json.loads((out / "report.json").read_text())
    lines = (out / "data.jsonl").read_text(encoding="utf-8").splitlines()
    assert [fits("training_item", json.loads(line))["task"] for line in lines] == ["plan", "judge", "silence"]


def test_records_of_clips_are_read_with_the_version_of_before_and_a_later_field_of_this_one(tmp_path):
    record = {"label": "a.mp4", "status": "done", "fingerprint": "f", "seconds": 1.0, "told": {}}
    for content in (record, versioned("clip", record), {**versioned("clip", record), "later": [1]}):
        (tmp_path / "a.batch.json").write_text(json.dumps(content))
        assert Record.load(tmp_path / "a.batch.json").label == "a.mp4"


@pytest.mark.parametrize("version", [2, 0, -1, "1", True, None])
def test_a_clips_record_of_a_newer_version_is_done_again(version, tmp_path):
    (tmp_path / "a.batch.json").write_text(
        json.dumps({VERSION_KEY: version, "label": "a", "status": "done", "fingerprint": "f", "seconds": 1})
    )
    with pytest.raises(DamagedRecord, match="newer version" if version == 2 else VERSION_KEY):
        Record.load(tmp_path / "a.batch.json")


def test_numbers_that_json_does_not_have_are_null(tmp_path, capsys):
    """A loss that was not finite stood as NaN in the log and on stdout, which parsers other than Python's refuse."""

    def refuse(constant):
        raise ValueError(constant)

    path, nan, infinite = tmp_path / "train_log.jsonl", float("nan"), float("inf")
    append_log(path, {"step": 3, "loss": nan, "held_out_loss": infinite, "lr": 0.5})
    line = json.loads(path.read_text(), parse_constant=refuse)
    logged = {"schema_version": 1, "step": 3, "loss": None, "held_out_loss": None, "lr": 0.5}
    assert fits("training_log", line) == logged
    # A held-out loss that is no number any more still counts as one that rose.
    assert held_out_losses(path) == {3: infinite}
    assert "over-fits" in over_fitting({1: 0.5, **held_out_losses(path)}, 3)
    report = {"base": "b", "steps": 1, "items": 2, "left_out": [], "trained_parameters": 3, "recipe": {"a": (1.5, nan)}}
    print_json("reasoner_training", {**report, "metrics": {"eval_loss": -infinite}})
    printed = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert printed["metrics"] == {"eval_loss": None} and printed["recipe"] == {"a": [1.5, None]}


def test_a_record_that_does_not_fit_is_found(capsys):
    """The fixture of tests/conftest.py looks at what every test prints."""
    with pytest.raises(jsonschema.ValidationError):
        print_json("prompt", [{"name": "rain"}])
