"""Table of the JSON that programs read: schema versions, and the commands and files of each.

A schema describes one record. Where a command prints a list, or a file has a record a line, every record has its own
`schema_version` and fits the schema, so that a list stays a list. The schemas are deepsound/schemas/NAME.schema.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VERSION_KEY = "schema_version"


@dataclass(frozen=True)
class JsonSchema:
    """One kind of record: what it is, the commands whose `--json` prints it, and the files that hold it.

    `version` is raised when a reader of the version before would misunderstand a record; fields may be added without.
    `many` says how several stand together: "" (one record alone), "list", "lines", or "list of several" where one
    alone is printed as it is.
    """

    what: str
    commands: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    many: str = ""
    version: int = 1


SCHEMAS: dict[str, JsonSchema] = {
    "result": JsonSchema("a video's finished sound", ("run",), ("<stem>.result.json",), "list of several"),
    "sound": JsonSchema(
        "a sound of words alone or of one picture", ("run",), ("<stem>.result.json",), "list of several"
    ),
    "dry_run": JsonSchema("what a run would do, by --dry-run", ("run",), (), "list of several"),
    "aligned_video": JsonSchema(
        "a video made for a sound, or with it", ("audio-to-video", "joint"), ("<stem>.result.json",)
    ),
    "batch": JsonSchema("the sums of a batch", ("batch",), ("summary.json",)),
    "clip": JsonSchema("how a clip of many ended", (), ("<stem>.batch.json", "<stem>.submit.json")),
    "submission": JsonSchema("what came of a clip on a ComfyUI server", ("comfy submit",), (), "list"),
    "evaluation": JsonSchema("metrics and voice rates of folders of clips", ("evaluate",), ("report.json",)),
    "calibration": JsonSchema("judges measured on labelled clips", ("calibrate",), ("calibration.json",)),
    "reproduction": JsonSchema("the rows of the paper's tables", ("reproduce",), ("tables.json",)),
    "training_data": JsonSchema("counts of a labelled data set", ("train data",), ("report.json",)),
    "training_item": JsonSchema("a question about a clip, and its answer", (), ("data.jsonl",), "lines"),
    "training_log": JsonSchema("the numbers of a training's step", (), ("train_log.jsonl",), "lines"),
    "reasoner_training": JsonSchema("a reasoner's training", ("train reasoner",), ("training.json",)),
    "separator_training": JsonSchema("a separator's training", ("train separator",), ("report.json",)),
    "generator_training": JsonSchema("a generator's training", ("train generator",), ("training.json",)),
    "engine": JsonSchema("an engine of a step", ("engines",), (), "list"),
    "prompt": JsonSchema("a prompt preset", ("prompts",), (), "list"),
    "weights": JsonSchema("published weights, and whether they are here", ("models list",), (), "list"),
    "weights_places": JsonSchema("which files are used, and where downloads go", ("models where",)),
    "weights_download": JsonSchema("weights that were fetched or are here", ("models download",), (), "list"),
    "weights_check": JsonSchema("a file of weights compared with what is published", ("models verify",), (), "list"),
    "weights_conversion": JsonSchema("weights in another precision", ("models convert",)),
    "weights_removal": JsonSchema("downloaded weights that were deleted", ("models remove",), (), "list"),
    "cache": JsonSchema("how much the cache folder takes", ("cache size",)),
    "cache_entry": JsonSchema("a file or folder of the cache folder", ("cache list", "cache prune"), (), "list"),
    "setting": JsonSchema("a setting that is not the default, and its source", ("config show",), (), "list"),
    "finding": JsonSchema("what the installation has or lacks", ("doctor",), (), "list"),
}


def versioned(name: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with the version of the schema `name` as its first key; one that has it stays as it is."""
    return dict(record) if VERSION_KEY in record else {VERSION_KEY: SCHEMAS[name].version, **record}


def json_schema(name: str) -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of one record of `name`, a key of SCHEMAS."""
    import json
    from importlib.resources import files

    text = (files("deepsound") / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
