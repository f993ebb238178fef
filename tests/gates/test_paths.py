"""Gate: path queries stand in one module, which raises the library's errors."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
HELPER = ROOT / "deepsound" / "runtime" / "paths.py"
# Each of these raises a bare OSError (a folder without search permission, a name too long) or a bare RuntimeError
# (`~` of a user who does not exist), and since Python 3.14 some hide it.
QUERIES = {
    *("exists", "is_file", "is_dir", "is_symlink", "is_mount", "is_fifo", "is_socket", "is_block_device"),
    *("is_char_device", "samefile", "expanduser"),
    *("lexists", "isfile", "isdir", "islink", "ismount"),
}


def renames(source: str) -> list[int]:
    tree = ast.walk(ast.parse(source))
    return sorted(
        node.lineno for node in tree if isinstance(node, ast.Attribute) and node.attr in ("rename", "renames")
    )


def bare_queries(source: str) -> list[int]:
    return sorted(
        node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute) and node.attr in QUERIES
    )


def test_paths_are_queried_in_one_module():
    files = [*(ROOT / "deepsound").rglob("*.py"), *(ROOT / "nodes").rglob("*.py"), ROOT / "__init__.py"]
    assert len(files) > 100
    bare = [
        f"{file.relative_to(ROOT)}:{line}"
        for file in files
        if file != HELPER
        for line in bare_queries(file.read_text(encoding="utf-8"))
    ]
    assert not bare, f"use deepsound.runtime.paths instead: {bare}"


def test_a_bare_query_is_found_as_a_call_and_as_a_function_that_is_handed_on():
    assert bare_queries("a.exists()\nfilter(Path.is_file, b)\nos.path.isdir(c)\nPath(d).expanduser()") == [1, 2, 3, 4]


def test_files_are_renamed_by_replace_which_windows_lets_replace_a_file():
    """`rename` onto a file that is there raises FileExistsError on Windows."""
    files = [file for folder in ("deepsound", "nodes", "scripts") for file in (ROOT / folder).rglob("*.py")]
    found = [f"{file.relative_to(ROOT)}:{line}" for file in files for line in renames(file.read_text(encoding="utf-8"))]
    assert len(files) > 100 and not found, f"use replace: {found}"
    assert renames("a.rename(b)\nos.rename(c, d)\ne.replace(f)") == [1, 2]
