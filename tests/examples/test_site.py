"""The documentation site's pages: links, navigation, every node in both languages."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from scripts import site_pages

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    site_pages.assemble(folder)
    return folder


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_link_leads_to_a_page_or_a_picture(pages, language):
    dead = []
    for page in (pages / language).rglob("*.md"):
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
        for match in LINK.finditer(text):
            link = unquote((match[1] or match[2]).partition("#")[0])
            # Pages that one language lacks are taken from the other.
            there = link and [(page.parent / link), (pages / "en" / page.relative_to(pages / language)).parent / link]
            if link and "://" not in link and not any(place.exists() for place in there):
                dead.append(f"{page.name}: {link}")
    assert dead == []


def test_the_navigation_has_every_page(pages):
    named = set(re.findall(r": ([\w/]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), flags=re.M))
    made = {str(page.relative_to(pages / "en")) for page in (pages / "en").rglob("*.md")}
    assert {page for page in made if not page.startswith("nodes/DeepSound")} == named


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_node_has_its_page_and_a_link_to_it(pages, language):
    nodes = {path.stem for path in (ROOT / "web" / "docs").glob("DeepSound*.md")}
    assert nodes == {path.stem for path in (pages / language / "nodes").glob("DeepSound*.md")}
    index = (pages / language / "nodes" / "index.md").read_text(encoding="utf-8")
    assert sorted(node for node in nodes if f"({node}.md)" not in index) == []


def test_the_help_of_every_command_is_there(pages):
    text = (pages / "en" / "command_line.md").read_text(encoding="utf-8")
    for command in ("run", "batch", "models download", "cache prune", "config show"):
        assert f"## deepsound {command}\n" in text


def test_a_page_without_its_section_is_an_error_with_advice():
    with pytest.raises(KeyError, match="correct SECTIONS"):
        site_pages.section("# A\n\n## B\n\ntext\n", "C")


def test_links_in_code_stay_as_they_are():
    page = site_pages.Source("```md\n[a](b.md)\n```\n[c](../LICENSE) [d](https://x.org)", "docs/x.md")
    assert site_pages.relink(page, "x.md", {}) == "```md\n[a](b.md)\n```\nc [d](https://x.org)"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_has_one_title_and_every_picture_words(pages, language):
    wrong = []
    for page in (pages / language).rglob("*.md"):
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
        if len(re.findall(r"^# ", text, flags=re.M)) != 1:
            wrong.append(f"{page.name}: one title")
        wrong += [
            f"{page.name}: {found}" for found in re.findall(r"!\[\]\([^)]*\)|<img (?![^>]*alt=\"[^\"])[^>]*>", text)
        ]
    assert wrong == []
