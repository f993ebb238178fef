"""Texts of the Python source that a node can show: errors, notes, other whole sentences."""

from __future__ import annotations

import ast
import json
import re
from functools import cache

from tests.gates.test_messages import error_classes
from tests.gates.test_names import ROOT, modules

# What a node reaches by its imports and yet never runs.
COMMAND_LINE_ONLY = {
    "deepsound/batch/clips.py": "shards are an option of the command line",
    "deepsound/batch/records.py": "records of a batch are read again by the command line",
    "deepsound/batch/settings.py": "the folder node has its own file names",
    "deepsound/batch/sources.py": "the folder node checks its folder itself",
    "deepsound/batch/table.py": "tables of clips are for the command line",
    "deepsound/batch/table_rows.py": "tables of clips are for the command line",
    "deepsound/evaluate/clips.py": "the Score node measures one clip, not folders",
    "deepsound/evaluate/extractors/__init__.py": "the Score node names its extractors itself",
    "deepsound/evaluate/frechet_distance.py": "distances between sets need folders",
    "deepsound/evaluate/metrics.py": "described in tables of the command line",
    "deepsound/prompt_presets.py": "words for a generator, which understands English",
    "deepsound/reason/prompts.py": "words for a model, as published",
    "deepsound/reason/untuned.py": "words for a model",
    "deepsound/generate/draft/prompt_parser.py": "lists of words that the draft knows",
    "deepsound/runtime/environment.py": "a table of variables for the command line and its documentation",
    "deepsound/runtime/json_schemas.py": "titles of schemas, which programs read",
    "nodes/search_aliases.py": "words to search for, Chinese ones beside them",
}
# Texts that look like parts of messages, and why none of them is shown on a node.
NOT_SHOWN = {
    "application/json, text/event-stream": "a header of HTTP",
    "can't allocate memory": "looked for in torch's errors",
    "cannot allocate memory": "looked for in torch's errors",
    "model name": "looked for in /proc/cpuinfo",
    "core media": "looked for in the files of cameras",
    "iso media": "looked for in the files of cameras",
    "deepsound models download {}": "a command",
    "bytes {}-": "a header of HTTP",
    '^name = "deepsound"': "looked for in pyproject.toml",
    "Bearer {}": "a header of HTTP",
    "deepsound {} {}": "a thread's name",
    "download {}": "a stage's name, the weights' id in it",
    "mux plan": "a key of a cache",
    "own flow": "a version in a cache's key",
    "OpenCV {}": "a version in a cache's key",
    "{} silero-vad {} {}": "a version in a cache's key",
    "{} | torch {} | {} threads": "a key of a cache",
    "Seeing and Hearing": "a model's name",
    "DeSync (Synchformer)": "a metric's name",
    "MMAudio: {}": "a model's name before its description, which is translated",
    "LoRA {} at {}": "names a file in the record",
    "flow with {}": "names a network in the log",
    "seeing_hearing {}": "names a network in the log",
    "foleycrafter {}": "names a network in the log",
    "videollama2 {}": "names a network in the log",
    "videollama2_{} {} of {}": "names a file in the record",
    "{} {} of {}": "names a file in the record",
    "human voice": "a prompt",
    "In turn, at equal loudness  |  DeepSound": "drawn into a picture, whose letters are Latin",
    "Mel spectrograms on one colour scale, waveforms on one height": "drawn into a picture, whose letters are Latin",
    "What was generated, and what was kept": "drawn into a picture, whose letters are Latin",
    "You hear: {}": "drawn into a picture, whose letters are Latin",
    "voice heard": "drawn into a picture, whose letters are Latin",
    "{} kHz, {}": "drawn into a picture, whose letters are Latin",
    "{} x {}, {} fps": "drawn into a picture, whose letters are Latin",
    "compared ({})": "a file's name",
    "Step{}: {}": "the published model's own form",
    "{} {} {}The video shows {}{} {}": "sentences, each of which is translated",
    "{} of {}": "names the members of a combination",
    '{"conclusion": "': "the beginning of an answer",
    '", "voice_spans": ': "the middle of an answer",
}
# Parts of a node's schema, whose texts are in locales/zh/nodeDefs.json.
_SCHEMA = re.compile(r"io\.|(?:\w+\.)?(?:_?output|_?\w+_input|_?\w+_inputs)$")
_DOTTED = re.compile(r"(?:deepsound|generate|reason|separate|evaluate)(?:\.\w+)+(?::\w+)?")


def template(node: ast.AST) -> str:
    """A text's literal parts with {} for each value; empty for what is no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"\{\w*(?:![rs])?(?::[^}]*)?\}", "{}", node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return ""


@cache
def reached() -> dict[str, ast.Module]:
    """The modules that the nodes import, at once, later or by name as engines are; networks have no texts."""
    sources, todo = modules(), [name for name in modules() if name.startswith("nodes/")]
    found: dict[str, ast.Module] = {}
    while todo:
        name = todo.pop()
        if name in found or name not in sources:
            continue
        found[name] = sources[name]
        todo += [file for dotted in _imports(name, sources[name]) for file in _files(dotted)]
    return {name: tree for name, tree in found.items() if not name.startswith("deepsound/models/")}


def _imports(name: str, tree: ast.Module) -> set[str]:
    package, found = name.split("/")[:-1], set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            found |= {source, *(f"{source}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _DOTTED.fullmatch(node.value):
            dotted = node.value.split(":")[0]
            dotted = dotted if dotted.startswith("deepsound") else f"deepsound.{dotted}"
            found |= {dotted, dotted.rpartition(".")[0]}
    return found


def _files(dotted: str) -> tuple[str, str]:
    path = dotted.replace(".", "/")
    return f"{path}.py", f"{path}/__init__.py"


@cache
def displayed() -> dict[str, str]:
    """Place of every text that a node can show, by its template: arguments of errors and notes, whole sentences."""
    schemas = json.dumps(
        json.loads((ROOT / "tests/nodes/schemas.json").read_text(encoding="utf-8")), ensure_ascii=False
    )
    found: dict[str, str] = {}
    for name, tree in reached().items():
        if name in COMMAND_LINE_ONLY:
            continue
        said, silent = _argument_ids(tree)
        for node in ast.walk(tree):
            text = template(node)
            if not text or id(node) in silent or text in found:
                continue
            is_shown = _is_message(text) if id(node) in said else _is_sentence(text)
            if is_shown and json.dumps(text, ensure_ascii=False)[1:-1] not in schemas:
                found.setdefault(text, f"{name}:{node.lineno}")
    return found


@cache
def _argument_ids(tree: ast.Module) -> tuple[set[int], set[int]]:
    """Ids of the nodes in the arguments of errors and notes, and of those that no node shows."""
    said, silent = set(), _schema_ids(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            silent.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            silent |= {id(part) for part in node.values}
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            inside = {id(part) for argument in node.args for part in ast.walk(argument)}
            if called.split(".")[-1] in error_classes() | {"note", "finish"}:
                said |= inside
            elif _SCHEMA.match(called):
                silent |= inside | {id(part) for keyword in node.keywords for part in ast.walk(keyword)}
            elif called.startswith(("_LOG", "log", "warnings")) or called in _PROGRAMMING_ERRORS:
                silent |= inside
    return said, silent


def _schema_ids(tree: ast.Module) -> set[int]:
    """Ids of what is inside a node's schema, or a table of tooltips beside it."""
    if not _is_schema(tree):
        return set()
    tables = [statement.value for statement in tree.body if isinstance(statement, (ast.Assign, ast.AnnAssign))]
    schemas = [table for table in tables if isinstance(table, (ast.Dict, ast.Tuple))]
    schemas += [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "define_schema"]
    return {id(part) for schema in schemas for part in ast.walk(schema)}


def _is_schema(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.alias) and node.name in {"io", "comfy_api.latest"} for node in ast.walk(tree))


_PROGRAMMING_ERRORS = {"AssertionError", "AttributeError", "RuntimeError", "TypeError", "re.compile"}


def _is_message(text: str) -> bool:
    return len(re.findall(r"[A-Za-z][a-z']+", text)) >= 3 and " " in text.strip()


def _is_sentence(text: str) -> bool:
    return _is_message(text) and re.match(r"[A-Z{]", text) is not None and text.rstrip().endswith(".")


@cache
def in_the_source() -> frozenset[str]:
    """Every text of the reached modules, by its template, and every text of the catalogue of weights."""
    catalogue = json.loads((ROOT / "deepsound/weights/catalogue.json").read_text(encoding="utf-8"))
    own = frozenset(template(node) for tree in reached().values() for node in ast.walk(tree))
    return own | _errors_of_networks() | _texts(catalogue)


def catalogue_texts() -> set[str]:
    """What the weights dialog says of each file and its licence."""
    catalogue = json.loads((ROOT / "deepsound/weights/catalogue.json").read_text(encoding="utf-8"))
    return _texts(catalogue, ("what", "note"))


def clauses() -> set[str]:
    """Parts of messages: the other texts of two words and more in what nodes reach, and errors of the networks."""
    found = set()
    for name, tree in reached().items():
        _, silent = _argument_ids(tree)
        if name not in COMMAND_LINE_ONLY:
            found |= {template(node) for node in ast.walk(tree) if id(node) not in silent}
    parts = {text for text in found if _is_clause(text)} | _errors_of_networks()
    return parts - set(displayed()) - NOT_SHOWN.keys()


def _is_clause(text: str) -> bool:
    return len(re.findall(r"[A-Za-z][a-z']+", text)) >= 2 and " " in text.strip() and "\\" not in text


def _errors_of_networks() -> set[str]:
    """What deepsound.models raises: about weights and settings, which the errors of engines repeat."""
    trees = [tree for name, tree in modules().items() if name.startswith("deepsound/models/")]
    raised = [node.exc for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    return {template(arg) for error in raised if isinstance(error, ast.Call) for arg in error.args} - {""}


def _texts(data: object, keys: tuple[str, ...] | None = None) -> set[str]:
    if isinstance(data, dict):
        named = {value for key, value in data.items() if isinstance(value, str) and (keys is None or key in keys)}
        return named.union(*(_texts(value, keys) for value in data.values()))
    return set().union(*(_texts(value, keys) for value in data)) if isinstance(data, list) else set()
