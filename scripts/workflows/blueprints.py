"""Subgraph blueprints: all four steps as one node, and each step, drawn from the workflows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from .sheet import NOTE

# Titles of nodes in the workflows.
GENERATE, JUDGE = "Step 1: generate", "Step 2: is there voice-over?"
SEPARATE, CHOOSE = "Step 3: remove the voice", "Step 4: choose the final sound"
AGAIN = "Step 4, neg: generate again, avoiding voices"


@dataclass(frozen=True)
class Blueprint:
    """What a blueprint holds: a workflow's nodes by title (none named: all steps), and the widgets it shows.

    `description` is what the page's library says of it (in Chinese: web/blueprint_titles.js). `shown` are widgets by
    the title of their node, an empty one for the first; `more` are outputs of the first node that the workflow leaves
    unconnected.
    """

    workflow: str
    description: str
    titles: tuple[str, ...] = ()
    shown: tuple[tuple[str, str], ...] = (("", "prompt"), ("", "seed"))
    more: tuple[str, ...] = ()


BLUEPRINTS = {
    "DeepSound, four steps without download": Blueprint(
        "offline_draft",
        "A sound for a video, all four steps: generated, judged, freed of voices that nobody in the picture speaks. "
        "Needs no download.",
    ),
    "DeepSound, four steps (s4, neg)": Blueprint(
        "deepsound_s4_neg",
        "A sound for a video by the published system, all four steps; where only silence would be left, the sound is "
        "generated again without voices. Needs the published weights.",
    ),
    "DeepSound, step 1, generate": Blueprint(
        "offline_draft",
        "Generates a sound for a video. A voice may still be in it.",
        (GENERATE,),
        (("", "engine"), ("", "prompt"), ("", "negative_prompt"), ("", "seed")),
    ),
    "DeepSound, step 2, judge": Blueprint(
        "offline_draft",
        "Judges whether a sound holds the voice of somebody who is not in the picture.",
        (JUDGE,),
        (("", "engine"),),
        ("reasoning",),
    ),
    "DeepSound, step 3, separate": Blueprint(
        "clean_existing_footage",
        "Separates a sound into background and voice.",
        ("Remove the voice",),
        (("", "engine"), ("", "removal_db")),
    ),
    "DeepSound, step 4, fall back": Blueprint(
        "offline_draft",
        "Chooses the final sound; where only silence would be left, another one is generated without voices.",
        (AGAIN, CHOOSE),
        ((CHOOSE, "mode"), (AGAIN, "engine"), (AGAIN, "prompt"), (AGAIN, "seed")),
    ),
}
# What stays outside: loading, saving, looking.
OUTSIDE = {"DeepSoundLoadVideo", "DeepSoundMuxVideo", "DeepSoundCompare", "PreviewAny", NOTE}
IN, OUT = -10, -20


def blueprint(name: str, page: dict[str, Any]) -> dict[str, Any]:
    """The blueprint's file of a workflow's page file, as cores list it from the pack's folder `subgraphs`."""
    drawn = BLUEPRINTS[name]
    nodes = [node for node in page["nodes"] if _is_inside(node, drawn)]
    inside = {node["id"] for node in nodes}
    sources: dict[tuple[int, int], dict[str, Any]] = {}
    links = []
    for number, origin, slot, target, target_slot, kind in page["links"]:
        if target not in inside:
            continue
        if origin in inside:
            links.append(_link(number, origin, slot, target, target_slot, kind))
            continue
        label = next(node for node in nodes if node["id"] == target)["inputs"][target_slot]["name"]
        entry = sources.setdefault((origin, slot), _end(name, label, kind))
        entry["linkIds"].append(number)
        links.append(_link(number, IN, list(sources).index((origin, slot)), target, target_slot, kind))
    leaving = _leaving(page["links"], nodes, inside, is_whole=not drawn.titles)
    _add_unconnected(leaving, nodes[0], drawn.more, 1 + max(link[0] for link in page["links"]))
    if drawn.titles:
        leaving = dict(sorted(leaving.items()))  # One step: as its node has them.
    for place, ((origin, slot), (number, kind, _)) in enumerate(leaving.items()):
        links.append(_link(number, origin, slot, OUT, place, kind))
    _trim_outputs(nodes, links)
    outputs = [_end(name, label, kind, number) for number, kind, label in leaving.values()]
    return _file(name, nodes, links, list(sources.values()), outputs)


def _is_inside(node: dict[str, Any], drawn: Blueprint) -> bool:
    return node["title"] in drawn.titles if drawn.titles else node["type"] not in OUTSIDE


def _end(name: str, label: str, kind: str, *numbers: int) -> dict[str, Any]:
    """An input or output of the subgraph, with the links it has inside."""
    return {"id": str(uuid5(NAMESPACE_URL, f"{name}/{label}")), "name": label, "type": kind, "linkIds": list(numbers)}


def _add_unconnected(
    leaving: dict[tuple[int, int], tuple[int, str, str]], node: dict[str, Any], names: tuple[str, ...], number: int
) -> None:
    """Outputs of `node` that the workflow connects to nothing, with links counted from `number` on."""
    for slot, output in enumerate(node["outputs"]):
        if output["name"] in names and (node["id"], slot) not in leaving:
            leaving[node["id"], slot] = (number, output["type"], output["name"])
            output["links"].append(number)
            number += 1


def _trim_outputs(nodes: list[dict[str, Any]], links: list[dict[str, Any]]) -> None:
    kept = {link["id"] for link in links}
    for node in nodes:
        for output in node["outputs"]:
            output["links"] = [number for number in output["links"] if number in kept]


def _ends(nodes: list[dict[str, Any]], outputs: int) -> dict[str, Any]:
    """Where the subgraph's inputs and outputs stand: left and right of its nodes."""
    right = max(node["pos"][0] + node["size"][0] for node in nodes) + 80
    left = min(node["pos"][0] for node in nodes) - 200
    return {
        "inputNode": {"id": IN, "bounding": [left, 0, 120, 60]},
        "outputNode": {"id": OUT, "bounding": [right, 0, 120, 60 + 20 * outputs]},
    }


def _file(
    name: str, nodes: list[dict[str, Any]], links: list[dict[str, Any]], inputs: list[Any], outputs: list[Any]
) -> dict[str, Any]:
    last, subgraph_id = max(node["id"] for node in nodes), str(uuid5(NAMESPACE_URL, f"deepsound/{name}"))
    last_link = max(link["id"] for link in links)
    definition = {
        "id": subgraph_id,
        "version": 1,
        "state": {"lastGroupId": 0, "lastNodeId": last, "lastLinkId": last_link, "lastRerouteId": 0},
        "revision": 0,
        "config": {},
        "name": name,
        **_ends(nodes, len(outputs)),
        "inputs": inputs,
        "outputs": outputs,
        "widgets": [],
        "nodes": nodes,
        "groups": [],
        "links": links,
        "extra": {},
        "category": "DeepSound",
    }
    return {
        "revision": 0,
        "last_node_id": last + 1,
        "last_link_id": 0,
        "nodes": [_outer(subgraph_id, name, last + 1, nodes, inputs, outputs)],
        "links": [],
        "version": 0.4,
        "definitions": {"subgraphs": [definition]},
        "extra": {"BlueprintDescription": BLUEPRINTS[name].description},
    }


def _outer(
    subgraph_id: str, name: str, number: int, nodes: list[dict[str, Any]], inputs: list[Any], outputs: list[Any]
) -> dict[str, Any]:
    ids = {"": str(nodes[0]["id"]), **{node["title"]: str(node["id"]) for node in nodes}}
    return {
        "id": number,
        "type": subgraph_id,
        "pos": [0, 0],
        "size": [360, 260],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [{"name": taken["name"], "type": taken["type"], "link": None} for taken in inputs],
        "outputs": [{"name": output["name"], "type": output["type"], "links": None} for output in outputs],
        "title": name,
        "properties": {"proxyWidgets": [[ids[title], widget] for title, widget in BLUEPRINTS[name].shown]},
        "widgets_values": [],
    }


def _leaving(
    links: list[list[Any]], nodes: list[dict[str, Any]], inside: set[int], is_whole: bool
) -> dict[tuple[int, int], tuple[int, str, str]]:
    """Link, type and name of each output of the blueprint, by node and slot; the final sound comes first."""
    kinds = {node["id"]: node for node in nodes}
    found = {}
    for number, origin, slot, target, _, kind in links:
        if origin in inside and target not in inside and (origin, slot) not in found:
            name = str(kinds[origin]["outputs"][slot]["name"])
            is_final = kinds[origin]["type"] == "DeepSoundSilenceFallback"
            is_coarse = is_whole and name == "audio" and not is_final
            found[origin, slot] = (number, kind, "coarse" if is_coarse else name)
    return dict(sorted(found.items(), key=lambda item: (item[1][2] != "audio", item[1][0])))


def _link(number: int, origin: int, slot: int, target: int, target_slot: int, kind: str) -> dict[str, Any]:
    return {
        "id": number,
        "origin_id": origin,
        "origin_slot": slot,
        "target_id": target,
        "target_slot": target_slot,
        "type": kind,
    }
