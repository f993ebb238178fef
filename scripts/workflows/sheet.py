"""A workflow's description, and the page's and the API's file drawn from it.

A sheet holds groups side by side, a group holds nodes and notes one below the other, and a node's inputs are values or
wires from other nodes. What a node looks like follows from its schema, so a changed schema changes the workflows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .app_mode import app_data
from .chinese import chinese

WIDGET_TYPES = {"BOOLEAN", "COMBO", "FLOAT", "INT", "STRING"}
# Pixels on the page; what the pack's and the core's own panels add to a node was measured there.
MARGIN, GAP, TITLE, SLOT, WIDGET, TEXT = 30, 40, 36, 22, 28, 96
PANELS = {
    "DeepSoundLoadVideo": 350,
    "LoadVideo": 330,
    "DeepSoundMuxVideo": 330,
    "DeepSoundMixMaster": 160,
    "DeepSoundExportStems": 90,
    "DeepSoundVoiceOverCoT": 406,
    "DeepSoundPipeline": 946,
    "DeepSoundFolder": 220,
    "DeepSoundCompare": 640,
    "DeepSoundBestTake": 320,
    "DeepSoundScore": 180,
    "DeepSoundGenerateAudio": 126,
    "DeepSoundMMAudioGenerate": 46,
    "DeepSoundFoleyCrafterGenerate": 46,
    "DeepSoundVocalSeparate": 200,
    "DeepSoundSilenceFallback": 160,
    "DeepSoundRegenerateSpan": 200,
    "DeepSoundCoTPlan": 46,
    "PreviewAny": 110,
    "PreviewAudio": 90,
    "LoadImage": 194,
}
NOTE, NOTE_LINE, NOTE_CHARACTERS = "MarkdownNote", 20, 50
FIRST_NOTE = 101
# Between the languages of a long note, and of a short one.
NOTE_PARTS, PARAGRAPH = "\n\n---\n\n", "\n\n"
# Of the canvas that a person has on a usual screen beside the page's own bars, in pixels.
CANVAS = (1800, 940)
COLOURS = ("#3f789e", "#8a5a2b", "#7a4b8c", "#3d7a4c", "#9e3f4a", "#4a6f7a", "#8c7a3d")


@dataclass(frozen=True)
class Wire:
    """One output of a node, to be connected."""

    node: Node
    slot: int
    kind: str


@dataclass(eq=False)
class Node:
    """A node of the graph: `values` for its widgets, `wires` for its sockets."""

    number: int
    schema: Any
    title: str
    values: dict[str, Any]
    wires: dict[str, Wire]
    size: tuple[int, int]
    at: tuple[int, int] = (0, 0)

    def __getitem__(self, output: str) -> Wire:
        names = [item.id for item in self.schema.outputs]
        slot = names.index(output)
        return Wire(self, slot, self.schema.outputs[slot].io_type)

    def sockets(self) -> list[Any]:
        """The inputs drawn as sockets: what only takes a wire, and widgets that a wire stands in for."""
        return [item for item in self.schema.inputs if not is_widget(item) or item.id in self.wires]


@dataclass(eq=False)
class Note:
    """Words on the sheet."""

    text: str
    size: tuple[int, int]
    at: tuple[int, int] = (0, 0)


@dataclass(eq=False)
class Group:
    """A step: a titled frame with nodes and notes in it, `width` pixels wide inside."""

    sheet: Sheet
    title: str
    width: int
    rows: list[Node | Note] = field(default_factory=list)

    def node(self, kind: str, title: str, **inputs: Any) -> Node:
        """Add a node; `inputs` are wires or widget values, and every widget not named keeps its default."""
        schema = self.sheet.schemas[kind]
        wires = {name: value for name, value in inputs.items() if isinstance(value, Wire)}
        defaults = {item.id: item.keywords.get("default") for item in schema.inputs if is_widget(item)}
        values = defaults | {name: value for name, value in inputs.items() if name not in wires}
        unknown = set(inputs) - {item.id for item in schema.inputs}
        if unknown:
            raise KeyError(f"{kind} has no input {sorted(unknown)}")
        node = Node(len(self.sheet.nodes) + 1, schema, title, values, wires, (self.width, 0))
        node.size = (self.width, height_of(kind, node))
        self.sheet.nodes.append(node)
        self.rows.append(node)
        return node

    def note(self, text: str) -> None:
        """Add words, in Markdown, above what is added later; their Chinese follows them."""
        translated = chinese(text)
        long = "\n\n" in text
        text = f"{text}{NOTE_PARTS if long else PARAGRAPH}{translated}" if translated else text
        per_line = self.width * NOTE_CHARACTERS / 360
        lines = sum(max(1, math.ceil(_width_of(line) / per_line)) for line in text.splitlines())
        self.rows.append(Note(text, (self.width, 60 + lines * NOTE_LINE)))


class Sheet:
    """A workflow called `name`, on which groups stand side by side in the order they are made."""

    def __init__(self, name: str, schemas: dict[str, Any]) -> None:
        self.name, self.schemas = name, schemas
        self.groups: list[Group] = []
        self.nodes: list[Node] = []

    def group(self, title: str, width: int = 360) -> Group:
        self.groups.append(Group(self, title, width))
        return self.groups[-1]

    def api(self) -> dict[str, Any]:
        """What a program sends to the server."""
        return {
            str(node.number): {
                "inputs": {
                    **{name: value for name, value in node.values.items() if name not in node.wires},
                    **{name: [str(wire.node.number), wire.slot] for name, wire in node.wires.items()},
                },
                "class_type": node.schema.node_id,
                "_meta": {"title": node.title},
            }
            for node in self.nodes
        }

    def page(self) -> dict[str, Any]:
        """What the page opens."""
        self._place()
        links = list(self._links())
        notes = [row for group in self.groups for row in group.rows if isinstance(row, Note)]
        nodes = [_page_node(order, node, links) for order, node in enumerate(self.nodes)]
        nodes += [_note_node(len(self.nodes) + index, FIRST_NOTE + index, note) for index, note in enumerate(notes)]
        return {
            "last_node_id": nodes[-1]["id"],
            "last_link_id": len(links),
            "nodes": nodes,
            "links": links,
            "groups": [_frame(index + 1, group) for index, group in enumerate(self.groups)],
            "config": {},
            # The page translates the titles of graphs with this mark, web/titles_zh.json.
            "extra": {"ds": self._view(), "deepsound": {"template": self.name}, **app_data(self.name, self.nodes)},
            "version": 0.4,
        }

    def _place(self) -> None:
        above = 0
        for groups in self._rows():
            left = 0
            for group in groups:
                top = above
                for row in group.rows:
                    row.at = (left, top)
                    top += row.size[1] + TITLE + GAP
                left += group.width + 2 * MARGIN + GAP
            above += max(map(_height, groups)) + TITLE + 50 + MARGIN + GAP

    def _rows(self) -> list[list[Group]]:
        """The groups in one row or two, whichever shows all of them larger at first."""
        ways = [[self.groups]] + [[self.groups[:cut], self.groups[cut:]] for cut in range(2, len(self.groups) - 1)]
        return max(ways, key=_fitting_scale)

    def _view(self) -> dict[str, Any]:
        """Where the page looks first: all of it if that stays legible, below the page's own bars."""
        scale = round(min(0.8, max(0.5, _fitting_scale(self._rows()))), 2)
        return {"scale": scale, "offset": [round(70 / scale) + MARGIN, round(100 / scale) + TITLE + 50]}

    def _links(self) -> Iterator[list[Any]]:
        number = 0
        for node in self.nodes:
            for slot, item in enumerate(node.sockets()):
                if item.id in node.wires:
                    wire = node.wires[item.id]
                    number += 1
                    yield [number, wire.node.number, wire.slot, node.number, slot, wire.kind]


def _width_of(line: str) -> int:
    """A line's length in Latin letters: a Chinese one is as wide as two."""
    return sum(1 + (letter > "\u2e7f") for letter in line)


def _height(group: Group) -> int:
    return sum(row.size[1] + TITLE + GAP for row in group.rows)


def _fitting_scale(rows: list[list[Group]]) -> float:
    """The scale at which rows of groups fill the page's canvas."""
    width = max(sum(group.width + 2 * MARGIN + GAP for group in groups) for groups in rows)
    height = sum(max(map(_height, groups)) + TITLE + 50 + MARGIN + GAP for groups in rows)
    return min(CANVAS[0] / width, CANVAS[1] / height)


def is_widget(item: Any) -> bool:
    return item.io_type in WIDGET_TYPES and not item.keywords.get("force_input")


def widget_names(schema: Any) -> list[str | None]:
    """A node's widgets as the page keeps their values: a seed brings a control, an upload button comes last.

    None stands for a widget that is no input.
    """
    names: list[str | None] = []
    for item in filter(is_widget, schema.inputs):
        names += [item.id] + [None] * bool(item.keywords.get("control_after_generate"))
    return names + [None] * any(item.keywords.get("upload") for item in schema.inputs)


def height_of(kind: str, node: Node) -> int:
    """A node's height without its title, in pixels, with room for the panels it shows."""
    widgets = [item for item in node.schema.inputs if is_widget(item)]
    sockets = sum(not is_widget(item) for item in node.schema.inputs)
    rows = max(sockets, len(node.schema.outputs)) * SLOT
    texts = sum(bool(item.keywords.get("multiline")) for item in widgets)
    extra = len(widget_names(node.schema)) - len(widgets)
    return 20 + rows + texts * TEXT + (len(widgets) - texts + extra) * WIDGET + PANELS.get(kind, 0)


def _page_node(order: int, node: Node, links: list[list[Any]]) -> dict[str, Any]:
    into = {(link[3], link[4]): link[0] for link in links}
    inputs = []
    for slot, item in enumerate(node.sockets()):
        socket = {"name": item.id, "type": item.io_type, "link": into.get((node.number, slot))}
        if is_widget(item):
            socket["widget"] = {"name": item.id}
        elif item.keywords.get("optional"):
            socket["shape"] = 7  # The page's hollow dot: need not be connected.
        inputs.append(socket)
    outputs = [
        {
            "name": item.keywords.get("display_name") or item.id,
            "type": item.io_type,
            "links": [link[0] for link in links if link[1:3] == [node.number, slot]],
        }
        for slot, item in enumerate(node.schema.outputs)
    ]
    return {
        "id": node.number,
        "type": node.schema.node_id,
        "pos": list(node.at),
        "size": list(node.size),
        "flags": {},
        "order": order,
        "mode": 0,
        "inputs": inputs,
        "outputs": outputs,
        "title": node.title,
        "properties": {"Node name for S&R": node.schema.node_id},
        "widgets_values": _widget_values(node),
    }


def _widget_values(node: Node) -> list[Any]:
    """The widgets' values; beside a seed, that it stays as it is, and for an upload button its kind."""
    other = "image" if any(item.keywords.get("upload") for item in node.schema.inputs) else "fixed"
    return [other if name is None else node.values[name] for name in widget_names(node.schema)]


def _note_node(order: int, number: int, note: Note) -> dict[str, Any]:
    return {
        "id": number,
        "type": NOTE,
        "pos": list(note.at),
        "size": list(note.size),
        "flags": {},
        "order": order,
        "mode": 0,
        "inputs": [],
        "outputs": [],
        "title": "Note",
        "properties": {},
        "widgets_values": [note.text],
        "color": "#432",
        "bgcolor": "#653",
    }


def _frame(number: int, group: Group) -> dict[str, Any]:
    left, top = group.rows[0].at
    last = group.rows[-1]
    height = last.at[1] + last.size[1] - top
    bounding = [left - MARGIN, top - TITLE - 50, group.width + 2 * MARGIN, height + TITLE + 50 + MARGIN]
    return {
        "id": number,
        "title": group.title,
        "bounding": bounding,
        "font_size": 24,
        "flags": {},
        "color": COLOURS[(number - 1) % len(COLOURS)],
    }
