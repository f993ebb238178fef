"""Writes the machine-made locales (ja, ko, ru, fr, de, es) from terms.txt.

`python scripts/locales/draw.py`. Tooltips stay English, and so does a name that terms.txt lacks: ComfyUI shows the
schema's own text wherever a locale has none.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
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
    """The rows of terms.txt: texts by language, by kind (node, about, input, option) and key."""
    lines = Path(__file__).with_name("terms.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return {(kind, key): dict(zip(LANGUAGES, texts, strict=True)) for kind, key, *texts in rows}


def draw(language: str) -> dict[str, Any]:
    """The nodeDefs of a language, for the nodes and inputs that the Chinese one has."""
    terms = read_terms()
    chinese = json.loads((ROOT / "locales" / "zh" / "nodeDefs.json").read_text(encoding="utf-8"))

    def text(kind: str, key: str) -> str:
        return terms.get((kind, key), {}).get(language, "")

    def input_of(key: str, options: dict[str, str]) -> dict[str, Any]:
        named = {value: found for value in options if (found := text("option", value))}
        return {**({"name": text("input", key)} if text("input", key) else {}), **({"options": named} if named else {})}

    drawn = {}
    for node, entry in chinese.items():
        inputs = {key: input_of(key, item.get("options", {})) for key, item in entry["inputs"].items()}
        drawn[node] = {
            "display_name": f"{text('node', node)} (DeepSound)",
            "description": text("about", node),
            "inputs": {key: item for key, item in inputs.items() if item},
        }
    return {node: entry for node, entry in drawn.items() if entry["description"]}


def commands(language: str) -> dict[str, Any]:
    """The command of the page's menu; front ends look it up with its dots as underscores."""
    return {"DeepSound_Weights": {"label": f"DeepSound: {WEIGHTS[language]}"}}


def main() -> None:
    for language in (*LANGUAGES, "zh"):
        folder = ROOT / "locales" / language
        folder.mkdir(exist_ok=True)
        _write(folder / "commands.json", commands(language))
        if language != "zh":
            _write(folder / "nodeDefs.json", draw(language))


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
