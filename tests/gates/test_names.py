"""Gate: names and prose use the field's terms; docstrings say what a module is."""

import ast
import re
import subprocess
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_FIRST_LINE = 90
# What people search for, and the modules that a search has to lead to.
TERMS = {
    "speculative decoding": {"deepsound/reason/videollama2/speculative.py"},
    "KV cache": {"deepsound/models/videollama2/kv_cache.py", "deepsound/reason/videollama2/prefix_cache.py"},
    "optical flow": {"deepsound/generate/draft/optical_flow.py"},
    "overlap-add": {"deepsound/separate/overlap_add.py", "deepsound/separate/demix.py"},
    "CUDA graph": {"deepsound/generate/mmaudio/cuda_graph.py"},
    "classifier-free guidance": {"deepsound/models/mmaudio/flow_matching.py"},
    "voice activity detection": {"deepsound/media/vad.py", "deepsound/separate/voice_gate.py"},
    "edit list": {"deepsound/media/edit_list.py"},
    "LRU": {"deepsound/runtime/model_cache.py", "deepsound/runtime/feature_cache.py"},
    "AdaLN": {"deepsound/models/mmaudio/layers.py"},
    "inpainting": {"deepsound/models/mmaudio/inpainting.py", "deepsound/repair/regenerate.py"},
    "MultiDiffusion": {"deepsound/models/mmaudio/windowed.py"},
    "preprocessing": {"deepsound/models/synchformer/preprocess.py"},
}
# The original program's class has to be called as it is there, and is what people know as the pipeline here too.
SAME_NAME_ON_PURPOSE = {"Pipeline"}
# Participles that name nothing: say what is done (a verb) or what it is (a noun).
EMPTY_NAMES = {
    *("asked", "counted", "due", "found", "given", "heard", "kept", "left", "made", "met", "said", "seen", "shown"),
    *("taken", "timed", "told", "what", "written"),
}
# A sound card and a model card are things; a node is not called so.
NO_CARD = re.compile(r"(?<!sound )(?<!video )(?<!model )(?<!-)\bcards?\b(?!-)", re.IGNORECASE)
PROSE = ("*.py", "*.md", "*.js", "locales/*.json", "web/docs/*", "pyproject.toml", "CITATION.cff")


@cache
def tracked(*patterns: str) -> tuple[Path, ...]:
    """Files of the repository; of an unpacked archive, which has no index, all there are."""
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        return tuple(path for line in listed.stdout.splitlines() if (path := ROOT / line).is_file())
    return tuple(sorted({path for pattern in patterns for path in ROOT.rglob(pattern) if ".git" not in path.parts}))


@cache
def modules() -> dict[str, ast.Module]:
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in tracked("*.py")}


def definitions(tree: ast.Module) -> list[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def of_the_library() -> dict[str, ast.Module]:
    return {name: tree for name, tree in modules().items() if name.startswith(("deepsound/", "nodes/"))}


def long_or_missing(source: dict[str, ast.Module]) -> list[str]:
    first = {name: (ast.get_docstring(tree) or "").split("\n")[0] for name, tree in source.items()}
    return [f"{name}: {line}" for name, line in first.items() if not 0 < len(line) <= LONGEST_FIRST_LINE]


def test_a_modules_docstring_says_what_it_is_in_one_short_line():
    assert len(modules()) > 500
    assert not long_or_missing(modules())


def test_a_long_first_line_and_a_missing_docstring_are_found():
    assert long_or_missing({"a": ast.parse('"""' + "x" * 91 + '"""'), "b": ast.parse("pass")}) == [
        "a: " + "x" * 91,
        "b: ",
    ]


def test_a_class_name_stands_for_one_thing():
    places = defaultdict(list)
    for name, tree in of_the_library().items():
        for node in definitions(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(name)
    twice = {name: found for name, found in places.items() if len(found) > 1}
    assert set(twice) == SAME_NAME_ON_PURPOSE, twice


def test_functions_and_classes_are_called_by_verbs_and_nouns():
    empty = [
        f"{name}:{node.lineno} {node.name}"
        for name, tree in of_the_library().items()
        for node in definitions(tree)
        if node.name.strip("_").lower() in EMPTY_NAMES
    ]
    assert not empty


@pytest.mark.parametrize("term", TERMS)
def test_a_search_for_the_fields_term_leads_to_the_module(term):
    for name in TERMS[term]:
        text = " ".join((ast.get_docstring(modules()[name]) or "").split())
        assert term.lower() in text.lower(), f"the docstring of {name} does not say {term!r}"


def test_prose_says_node_and_no_riddles():
    wrong = []
    for path in tracked(*PROSE):
        if path == Path(__file__) or path.name.startswith("CHANGELOG"):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if NO_CARD.search(line) or "卡片" in line or "起草" in line or re.search(r"\b(is|are|was) due\b", line):
                wrong.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not wrong


def test_a_progress_that_may_be_left_out_is_the_same_everywhere() -> None:
    """Where a parameter `progress` has a default, it is `Progress()`: one that reports to nobody."""
    others, like_it = [], 0
    for path, tree in modules().items():
        if not path.startswith(("deepsound/", "nodes/")):
            continue
        for each in ast.walk(tree):
            if not isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            plain = [*each.args.posonlyargs, *each.args.args]
            pairs = [
                *zip(reversed(plain), reversed(each.args.defaults), strict=False),
                *zip(each.args.kwonlyargs, each.args.kw_defaults, strict=True),
            ]
            defaults = [ast.unparse(value) for name, value in pairs if name.arg == "progress" and value is not None]
            like_it += defaults.count("Progress()")
            others += [f"{path}:{each.lineno} {each.name}: {value}" for value in defaults if value != "Progress()"]
    assert like_it > 50 and not others
