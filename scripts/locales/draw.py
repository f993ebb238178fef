"""Writes the machine-made locales (ja, ko, ru, fr, de, es) from the tables beside it.

`python scripts/locales/draw.py`. English is english.json, which `tests/nodes/test_machine_locales.py` compares with the
nodes' schemas. Names and options are rows of terms.txt; descriptions and tooltips are in texts/, line by line.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
LANGUAGES = ("ja", "ko", "ru", "fr", "de", "es")
WEIGHTS = {
    "ja": "重み",
    "ko": "가중치",
    "ru": "веса",
    "fr": "poids",
    "de": "Gewichte",
    "es": "pesos",
    "zh": "权重",
}


def read_terms() -> dict[tuple[str, str], dict[str, str]]:
    """The rows of terms.txt: texts by language, by kind (node, input, output, option) and key."""
    lines = (HERE / "terms.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return {(kind, key): dict(zip(LANGUAGES, texts, strict=True)) for kind, key, *texts in rows}


def read_english() -> dict[str, Any]:
    """The texts of every node in English: description, tooltips, options of menus, names of outputs."""
    return json.loads((HERE / "english.json").read_text(encoding="utf-8"))


def read_texts(language: str) -> dict[str, str]:
    """A language's lines of descriptions and tooltips, by the English line."""
    return json.loads((HERE / "texts" / f"{language}.json").read_text(encoding="utf-8"))


def draw(language: str) -> dict[str, Any]:
    """The nodeDefs of a language: whatever the tables lack is left out, and a line that they lack stays English."""
    terms, lines = read_terms(), read_texts(language)

    def term(key: str, *kinds: str) -> str:
        return next((terms[kind, key][language] for kind in kinds if (kind, key) in terms), "")

    def prose(english: str) -> str:
        return "\n".join(lines.get(line, line) for line in english.split("\n"))

    def input_of(key: str, item: dict[str, Any]) -> dict[str, Any]:
        options = {value: found for value in item.get("options", []) if (found := term(value, "option"))}
        return _without_empty({"name": term(key, "input"), "tooltip": prose(item["tooltip"]), "options": options})

    def output_of(item: dict[str, str]) -> dict[str, Any]:
        return _without_empty({"name": term(item["name"], "output", "input"), "tooltip": prose(item["tooltip"])})

    return {
        node: {
            "display_name": f"{term(node, 'node')} (DeepSound)",
            "description": prose(entry["description"]),
            "inputs": {key: input_of(key, item) for key, item in entry["inputs"].items()},
            "outputs": {index: output_of(item) for index, item in entry["outputs"].items()},
        }
        for node, entry in read_english().items()
    }


def commands(language: str) -> dict[str, Any]:
    """The command of the page's menu; front ends look it up with its dots as underscores."""
    return {"DeepSound_Weights": {"label": f"DeepSound: {WEIGHTS[language]}"}}


def write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    for language in (*LANGUAGES, "zh"):
        folder = ROOT / "locales" / language
        folder.mkdir(exist_ok=True)
        write(folder / "commands.json", commands(language))
        if language != "zh":
            write(folder / "nodeDefs.json", draw(language))


def _without_empty(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if value}


if __name__ == "__main__":
    main()
