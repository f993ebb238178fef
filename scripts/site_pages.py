"""Pages of the documentation site, from docs/, the READMEs, the nodes' help and the parsers.

`python scripts/site_pages.py FOLDER` writes them below FOLDER/en and FOLDER/zh; `scripts/build_site` makes the site.
Nothing is written twice by hand: a page that repeats a section of the README is that section.
"""

from __future__ import annotations

import argparse
import os
import posixpath
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[1]
# Where the sections of the READMEs go: page, its title, the headings whose sections it takes.
SECTIONS = {
    "en": {
        "getting_started.md": ("Getting started", ("Install", "Weights")),
        "nodes/index.md": ("Nodes", ("Nodes",)),
        "workflows.md": ("Workflows", ("Workflows",)),
        "choosing.md": ("Engines, presets, licences", ("Engines", "Presets", "Weights and licences")),
        "command_line.md": ("Command line", ("Command line",)),
        "python.md": ("Python and API", ("Python and API",)),
        "faq.md": ("Questions by symptom", ("Troubleshooting",)),
    },
    "zh": {
        "getting_started.md": ("快速开始", ("安装", "权重")),
        "nodes/index.md": ("节点", ("节点",)),
        "workflows.md": ("工作流", ("工作流",)),
        "choosing.md": ("引擎、预设与许可", ("引擎", "预设", "权重与许可")),
        "command_line.md": ("命令行", ("命令行",)),
        "python.md": ("Python 与 API", ("Python 与 API",)),
        "faq.md": ("故障排查", ("故障排查",)),
    },
}
READMES = {"en": "README.md", "zh": "README.zh.md"}
CHANGES = "changes.md"
# The Python API by group, for mkdocstrings.
API = {
    "Running": ("deepsound.pipeline.Pipeline", "deepsound.takes.run_takes", "deepsound.dry_run"),
    "Values": ("deepsound.types", "deepsound.outcome", "deepsound.segments"),
    "Errors": ("deepsound.errors",),
    "Engines": ("deepsound.contracts", "deepsound.engine_protocols", "deepsound.engines"),
    "The original's calls": ("deepsound.v1",),
    "Mix and master": ("deepsound.mix",),
    "Running ComfyUI servers": ("deepsound.comfy",),
}
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_IMAGE_TAG = re.compile(r'(<img src=")([^"]+)(")')
_WITHOUT_FENCES = re.compile(r"(```.*?```)", re.S)


@dataclass(frozen=True)
class Source:
    """A page's text and the file of the repository that it is from, which its links are relative to."""

    text: str
    origin: str


def assemble(folder: Path) -> None:
    """Write every page below `folder`/en and `folder`/zh, with the pictures; what was there is deleted."""
    shutil.rmtree(folder, ignore_errors=True)
    for language in READMES:
        pages = dict(_pages(language))
        places = {page.origin: name for name, page in pages.items() if page.origin not in READMES.values()}
        places |= {"README.md": "index.md", "README.zh.md": "index.md", "CHANGELOG.md": CHANGES}
        places |= _section_places(language)
        for name, page in pages.items():
            path = folder / language / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(relink(page, name, places), encoding="utf-8")
        _copy_pictures(folder / language)


def _pages(language: str) -> Iterator[tuple[str, Source]]:
    index = ROOT / "docs" / ("index.md" if language == "en" else "index.zh.md")
    yield "index.md", Source(_read(index), f"docs/{index.name}")
    readme = _read(ROOT / READMES[language])
    for name, (title, headings) in SECTIONS[language].items():
        text = "\n\n".join(section(readme, heading) for heading in headings)
        if name == "nodes/index.md":
            text = re.sub(r"^\| `(DeepSound\w+)`", r"| [\1](web/docs/\1.md)", text, flags=re.M)
        if name == "workflows.md":
            text += "\n\n" + gallery()
        if name == "command_line.md":
            text += "\n\n" + command_help()
        if name == "python.md" and language == "en":
            text += "\n\n" + api()
        yield name, Source(f"# {title}\n\n{text}\n", READMES[language])
    for path in sorted((ROOT / "web" / "docs").glob("*.md")):
        own = path if language == "en" else path.with_suffix("") / f"{language}.md"
        # The English file's name in both languages, which the table of nodes links to.
        yield f"nodes/{path.name}", Source(_read(own), f"web/docs/{path.name}")
    if language == "en":
        for path in sorted((ROOT / "docs").glob("*.md")):
            if not path.name.startswith("index."):
                yield path.name, Source(_read(path), f"docs/{path.name}")
        yield CHANGES, Source(_read(ROOT / "CHANGELOG.md"), "CHANGELOG.md")


def _section_places(language: str) -> dict[str, str]:
    """The page of each of the README's sections, by the link to its heading."""
    return {
        f"{READMES[language]}#{heading.lower().replace(' ', '-')}": name
        for name, (_, headings) in SECTIONS[language].items()
        for heading in headings
    }


def section(readme: str, heading: str) -> str:
    """The section of that heading without the heading itself. Raises KeyError where there is none."""
    for part in re.split(r"^## ", readme, flags=re.M)[1:]:
        title, _, text = part.partition("\n")
        if title.strip() == heading:
            return text.strip()
    raise KeyError(f"The README has no section {heading!r}; correct SECTIONS in scripts/site_pages.py.")


def gallery() -> str:
    """The pictures of all workflows, with their names."""
    names = sorted(path.stem for path in (ROOT / "workflows").glob("*.jpg"))
    return "\n\n".join(f"### {name}\n\n![{name}](workflows/{quote(name)}.jpg)" for name in names)


def command_help() -> str:
    """The help of every command, as the program prints it at 100 columns."""
    os.environ["COLUMNS"] = "100"
    sys.path.insert(0, str(ROOT))
    from deepsound.cli.main import build_parser

    return "\n\n".join(
        f"## {parser.prog}\n\n```text\n{parser.format_help().rstrip()}\n```" for parser in _parsers(build_parser())
    )


def _parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    from deepsound.cli.parser import subcommands

    yield parser
    for below in dict.fromkeys(subcommands(parser).values()):
        yield from _parsers(below)


def api() -> str:
    """Where mkdocstrings puts the public modules and classes."""
    groups = (f"## {title}\n\n" + "\n\n".join(f"::: {name}" for name in names) for title, names in API.items())
    return "\n\n".join(groups)


def relink(page: Source, name: str, places: dict[str, str]) -> str:
    """The page's text with links to files of the repository led to their pages; what has no page becomes text.

    `name` is the page's own path on the site, `places` are pages by the file they are from.
    """

    def target(link: str) -> str | None:
        path, hash_, anchor = link.partition("#")
        if "://" in link or link.startswith("mailto:"):
            return link
        file = posixpath.normpath(posixpath.join(posixpath.dirname(page.origin), path)) if path else page.origin
        if f"{file}#{anchor}" in places:
            return posixpath.relpath(places[f"{file}#{anchor}"], posixpath.dirname(name) or ".")
        if not path:
            return link
        if file.startswith("docs/images/"):
            place = file.removeprefix("docs/")
        elif file.startswith("workflows/") and file.endswith(".jpg"):
            place = f"images/{file}"
        else:
            place = places.get(file, "")
        relative = posixpath.relpath(place, posixpath.dirname(name) or ".") if place else None
        return relative and relative + hash_ + anchor

    def linked(match: re.Match[str]) -> str:
        to = target(match[3])
        return f"{match[1]}[{match[2]}]({to})" if to else match[2]

    def text_outside_code(text: str) -> str:
        text = _IMAGE_TAG.sub(lambda tag: tag[1] + (target(tag[2]) or tag[2]) + tag[3], text)
        return _LINK.sub(linked, text)

    parts = _WITHOUT_FENCES.split(page.text)
    return "".join(part if part.startswith("```") else text_outside_code(part) for part in parts)


def _copy_pictures(folder: Path) -> None:
    shutil.copytree(ROOT / "docs" / "images", folder / "images")
    (folder / "images" / "workflows").mkdir()
    for path in (ROOT / "workflows").glob("*.jpg"):
        shutil.copy(path, folder / "images" / "workflows" / path.name)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


if __name__ == "__main__":
    assemble(Path(sys.argv[1]))
