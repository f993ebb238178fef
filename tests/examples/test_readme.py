"""Tests of the README: commands parse, links resolve, tables are complete."""

import contextlib
import io
import json
import re
import shlex
from fnmatch import fnmatch
from pathlib import Path

import pytest

from deepsound import engines
from deepsound.cli.main import build_parser
from scripts.workflows import DESCRIPTIONS

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "README.zh.md"]
LICENCE_HEADS = {"README.md": "| weights |", "README.zh.md": "| 权重 |"}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def rows(text: str, head: str) -> list[list[str]]:
    """The cells of the table whose first line begins with `head`."""
    lines = text[text.index(head) :].splitlines()[2:]
    table = lines[: next((index for index, line in enumerate(lines) if not line.startswith("|")), len(lines))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def commands(text: str) -> list[str]:
    blocks = re.findall(r"```bash\n(.*?)```", text, re.S)
    lines = [line.split(" #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("deepsound ")]


@pytest.mark.parametrize("page", PAGES)
def test_its_commands_are_understood(page):
    found = commands(read(page))
    assert len(found) >= 5
    for line in found:
        with contextlib.redirect_stderr(io.StringIO()) as told:
            try:
                build_parser().parse_args(shlex.split(line)[1:])
            except SystemExit:
                pytest.fail(f"{line}: {told.getvalue()}")


@pytest.mark.parametrize("page", PAGES)
def test_its_links_lead_somewhere(page):
    text = read(page)
    links = re.findall(r"\]\(([^)#:]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
    anchors = {title.strip().lower().replace(" ", "-") for title in re.findall(r"^## (.*)$", text, re.M)}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors


@pytest.mark.parametrize("page", PAGES)
def test_every_weight_is_in_the_table_once_with_its_licence(page):
    table = [(re.findall(r"`([^`]+)`", row[0]), row) for row in rows(read(page), LICENCE_HEADS[page])]
    for weight in json.loads(read("deepsound/weights/catalogue.json"))["weights"]:
        licence, commercial = weight["licence"]["name"], weight["licence"]["commercial"]
        matching = [row for patterns, row in table if any(fnmatch(weight["id"], pattern) for pattern in patterns)]
        assert len(matching) == 1, weight["id"]
        wanted = {"not stated": {"README.md": "not stated", "README.zh.md": "未注明"}[page]}.get(licence, licence)
        assert matching[0][2].startswith(wanted), weight["id"]
        answers = {
            "README.md": {True: "yes", False: "no", None: "not stated"},
            "README.zh.md": {True: "可", False: "否", None: "未注明"},
        }[page]
        assert matching[0][3] == answers[commercial], weight["id"]


@pytest.mark.parametrize("page", PAGES)
def test_every_workflow_is_named(page):
    assert [name for name in DESCRIPTIONS if f"`{name}`" not in read(page)] == []


def test_every_node_engine_and_command_is_named():
    text = read("README.md")
    nodes = list(json.loads(read("tests/nodes/schemas.json")))
    assert [row[0].strip("`") for row in rows(text, "| node |")] and set(nodes) == {
        row[0].strip("`") for row in rows(text, "| node |")
    }
    own = [info.name for info in engines.EMBEDDED + engines.PUBLISHED]
    assert [name for name in own if f"`{name}`" not in text[text.index("## Engines") :]] == []
    offered = next(action for action in build_parser()._actions if action.choices and "run" in action.choices).choices
    assert set(offered) == {line.split()[1] for line in commands(text)}


def test_the_extras_it_names_exist():
    declared = re.findall(
        r"^(\w+) = \[",
        read("pyproject.toml").split("[project.optional-dependencies]")[1].split("[project.scripts]")[0],
        re.M,
    )
    named = {name for row in rows(read("README.md"), "| extra |") for name in re.findall(r"`(\w+)`", " ".join(row))}
    assert named == set(declared) - {"test", "dev"}


def measured(name: str) -> dict:
    return json.loads(read(f"benchmarks/results/{name}.json"))


def test_the_times_it_tells_were_measured():
    cases = measured("mmaudio")["cases"]
    separator = {row["name"]: row["wall_s"] for row in measured("separator")["rows"]}
    pairs = {
        "MMAudio large 44k v2": "guided pair large_44k_v2, 8 s",
        "MMAudio small 16k": "guided pair small_16k, 8 s",
        "BigVGAN v2 44k": "BigVGAN v2 44k, 8 s",
    }
    expected = {
        what: (cases[case]["ours"]["median_s"], cases[case]["original"]["median_s"]) for what, case in pairs.items()
    }
    expected["BS-RoFormer, 10 s, equal_overlap"] = separator["bs_roformer, clean"], separator["reference"]
    expected["BS-RoFormer, 10 s, published"] = separator["bs_roformer, published"], separator["reference"]
    told = {row[0]: [cell.split()[0] for cell in row[1:]] for row in rows(read("README.md"), "| what | DeepSound |")}
    assert len(told) == len(expected)
    for what, seconds in expected.items():
        cells = next(cells for row, cells in told.items() if row.startswith(what))
        for cell, wanted in zip(cells, seconds, strict=True):
            assert cell == f"{wanted:.{len(cell.partition('.')[2])}f}", what


def test_the_chinese_page_has_every_symptom_every_node_once_and_the_same_figures():
    """It lacked six symptoms and the costs, named a node twice, and told older figures of the draft."""
    english, chinese = read("README.md"), read("README.zh.md")
    assert len(rows(chinese, "| 现象 |")) == len(rows(english, "| symptom |"))
    nodes = [row[0] for row in rows(chinese, "| 节点 |")]
    assert nodes == [row[0] for row in rows(english, "| node |")]
    number = re.compile(r"[0-9.]+(?= (?:s|秒)$)")
    told = [[number.findall(cell) for cell in row[1:]] for row in rows(chinese, "| 内容 | DeepSound |")]
    assert told == [[number.findall(cell) for cell in row[1:]] for row in rows(english, "| what | DeepSound |")]
    found, impacts = re.search(r"finds (\d+) of (\d+) impacts", english).groups()  # type: ignore[union-attr]
    assert f"{impacts} 次撞击中找到 {found} 次" in chinese


def test_the_chinese_page_has_every_section_command_and_extra_of_the_english_one():
    """It lacked the table of extras and half of the commands."""
    english, chinese = read("README.md"), read("README.zh.md")
    assert set(commands(english)) <= set(commands(chinese))
    assert len(re.findall("^## ", chinese, re.M)) == len(re.findall("^## ", english, re.M))
    assert {row[0] for row in rows(english, "| extra |")} == {row[0] for row in rows(chinese, "| 扩展 |")}
