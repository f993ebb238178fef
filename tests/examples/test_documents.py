"""Tests of the contributors' documents: every path exists, every name is where they say."""

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

from deepsound.cli.main import build_parser

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    "docs/architecture.md",
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "docs/plugins.md",
    "docs/repair.md",
    "docs/many_clips.md",
    "docs/judges.md",
    "docs/scale.md",
    "docs/reproduce.md",
    "docs/performance.md",
    "docs/training.md",
    "docs/engines.md",
    "docs/run.md",
    "docs/weights.md",
]
OURS = re.compile(
    r"(?:deepsound|nodes|tests|scripts|docs|web|locales|workflows|demo|benchmarks|\.ci|\.github)/[\w./-]*|\w+\.(?:toml|txt|md)"
)
# What a person makes, or what lies in somebody else's folders.
ELSEWHERE = re.compile(
    r"^(clips|outputs|reference|tables\.md|shots|\.venv|workflows/api|deepsound\.toml)$|^summary|VERSION|^NAME\b|\.safetensors$"
)


def paths(text: str) -> set[str]:
    """What stands in backticks and has the form of a path in the repository."""
    spans = [word for span in re.findall(r"`([^`\n]+)`", text) for word in span.split()]
    return {word.rstrip("/.,:") for word in spans if OURS.fullmatch(word) and not ELSEWHERE.search(word)}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_exists(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    missing = [
        path for path in sorted(paths(text)) if not (ROOT / path).exists() and not (ROOT / "docs" / path).exists()
    ]
    modules = {path.name for path in (ROOT / "deepsound").rglob("*.py")}
    assert missing + [name for name in re.findall(r"`(\w+\.py)`", text) if name not in modules | {"demo.py"}] == []


@pytest.mark.parametrize("name", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_link_leads_somewhere(name):
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / name).read_text(encoding="utf-8"))
    assert links and [link for link in links if not ((ROOT / name).parent / link).exists()] == []


def test_every_name_of_the_glossary_is_in_its_file():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").split("## Glossary")[1]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]
    assert len(rows) > 20
    for _, names, files in rows[2:]:
        places = [ROOT / path for path in re.findall(r"`([^`]+)`", files)]
        content = " ".join([path.stem + path.read_text(encoding="utf-8") for path in places])
        for name in re.findall(r"`([^`]+)`", names):
            assert name in content, f"{name} is not in {files}"


def test_every_part_of_the_library_is_on_the_map():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    parts = {
        path.name for path in (ROOT / "deepsound").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    hidden = {part for part in parts - {"__init__.py", "__main__.py"} if part not in text}
    assert hidden == set()


def test_every_variable_that_is_read_is_explained():
    files = [path for folder in ("deepsound", "nodes", "tests", "scripts") for path in (ROOT / folder).rglob("*.py")]
    read = set(
        re.findall(r"[\"'](DEEPSOUND_[A-Z_]+)[\"']", "\n".join(path.read_text(encoding="utf-8") for path in files))
    )
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert sorted(name for name in read if f"`{name}`" not in text) == []


def commands(text: str) -> list[str]:
    """The `deepsound` lines of bash blocks and indented blocks, continued lines joined, comments cut off."""
    blocks = re.findall(r"```bash\n(.*?)```", text, re.S) + re.findall(r"(?:^    .+\n)+", text, re.M)
    lines = [line.split(" #")[0].strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line.startswith("deepsound ") and " --" in line]


def test_every_command_of_the_documents_is_understood():
    found = {line: path.name for path in (ROOT / "docs").glob("*.md") for line in commands(path.read_text("utf-8"))}
    assert len(found) >= 10
    refused = []
    for line, page in found.items():
        with contextlib.redirect_stderr(io.StringIO()) as told:
            try:
                build_parser().parse_args(shlex.split(line)[1:])
            except SystemExit:
                refused.append(f"{page}: {line}: {told.getvalue()}")
    assert refused == []
