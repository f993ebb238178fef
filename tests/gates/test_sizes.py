"""Gate: files and functions stay short enough to be read in one go."""

import ast

from tests.gates.test_names import ROOT, modules

# 300 is the aim; a few lines more are no reason to cut a file in two.
LONGEST_FILE = 320
# Lines of a function below its signature and docstring.
LONGEST_FUNCTION = 40
# Functions that are one list: a node's inputs, a command's options, a page's parts, a record's fields, a graph's nodes,
# and a Triton kernel, which is compiled as one function.
LONGEST_LIST = 60
LISTS = {"define_schema", "build", "_own_fields", "_anti_aliased_snake", "deepsound_s4"}


def own_modules() -> dict[str, ast.Module]:
    return {name: tree for name, tree in modules().items() if not name.startswith("tests/")}


def lines_of_code(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
    return (function.end_lineno or 0) - first[0].lineno + 1


def test_a_file_is_short():
    lines = {name: len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name in own_modules()}
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}


def test_a_function_is_short():
    long = {
        f"{name}:{node.name}": lines_of_code(node)
        for name, tree in own_modules().items()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if lines_of_code(node) > (LONGEST_LIST if is_list(node.name) else LONGEST_FUNCTION)
    }
    assert long == {}


def is_list(name: str) -> bool:
    return name in LISTS or name.startswith(("add_", "_add_"))


def test_a_functions_code_begins_below_its_docstring():
    (function,) = ast.parse('def f():\n    """Doc.\n\n    More.\n    """\n    a = 1\n    return a').body
    assert isinstance(function, ast.FunctionDef)
    assert lines_of_code(function) == 2
