"""Subgraph blueprints of the four steps: one node each, drawn from the workflows."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from .sheet import NOTE

# Blueprint's name -> the workflow whose steps it holds.
BLUEPRINTS = {
    "DeepSound, four steps without download": "offline_draft",
    "DeepSound, four steps (s4, neg)": "deepsound_s4_neg",
}
# What stays outside: loading, saving, looking.
OUTSIDE = {"DeepSoundLoadVideo", "DeepSoundMuxVideo", "DeepSoundCompare", "PreviewAny", NOTE}
IN, OUT = -10, -20
# Widgets of the first generator that the blueprint's node shows.
SHOWN = ("prompt", "seed")


def blueprint(name: str, page: dict[str, Any]) -> dict[str, Any]:
    """The blueprint's file of a workflow's page file, as cores list it from the pack's folder `subgraphs`."""
    subgraph_id = str(uuid5(NAMESPACE_URL, f"deepsound/{name}"))
    nodes = [node for node in page["nodes"] if node["type"] not in OUTSIDE]
    inside = {node["id"] for node in nodes}
    leaving = _leaving(page["links"], nodes, inside)
    links, entering = [], []
    for number, origin, slot, target, target_slot, kind in page["links"]:
        if target in inside:
            if origin not in inside:
                entering.append(number)
            is_inner = origin in inside
            links.append(_link(number, origin if is_inner else IN, slot if is_inner else 0, target, target_slot, kind))
    for place, ((origin, slot), (number, kind, _)) in enumerate(leaving.items()):
        links.append(_link(number, origin, slot, OUT, place, kind))
    kept = {link["id"] for link in links}
    for node in nodes:
        for output in node["outputs"]:
            output["links"] = [number for number in output["links"] if number in kept]
    outputs = [
        {"id": str(uuid5(NAMESPACE_URL, f"{name}/{label}")), "name": label, "type": kind, "linkIds": [number]}
        for number, kind, label in leaving.values()
    ]
    video = {"id": str(uuid5(NAMESPACE_URL, f"{name}/video")), "name": "video", "type": "VIDEO", "linkIds": entering}
    definition = {
        "id": subgraph_id,
        "version": 1,
        "state": {"lastGroupId": 0, "lastNodeId": max(inside), "lastLinkId": max(kept), "lastRerouteId": 0},
        "revision": 0,
        "config": {},
        "name": name,
        **_ends(nodes, len(outputs)),
        "inputs": [video],
        "outputs": outputs,
        "widgets": [],
        "nodes": nodes,
        "groups": [],
        "links": links,
        "extra": {},
        "category": "DeepSound",
    }
    return _file(definition, _outer(subgraph_id, name, max(inside) + 1, nodes, outputs))


def _ends(nodes: list[dict[str, Any]], outputs: int) -> dict[str, Any]:
    """Where the subgraph's inputs and outputs stand: left and right of its nodes."""
    right = max(node["pos"][0] + node["size"][0] for node in nodes) + 80
    left = min(node["pos"][0] for node in nodes) - 200
    return {
        "inputNode": {"id": IN, "bounding": [left, 0, 120, 60]},
        "outputNode": {"id": OUT, "bounding": [right, 0, 120, 60 + 20 * outputs]},
    }


def _file(definition: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    return {
        "revision": 0,
        "last_node_id": node["id"],
        "last_link_id": 0,
        "nodes": [node],
        "links": [],
        "version": 0.4,
        "definitions": {"subgraphs": [definition]},
        "extra": {},
    }


def _outer(subgraph_id: str, name: str, number: int, nodes: list[dict[str, Any]], outputs: list[Any]) -> dict[str, Any]:
    return {
        "id": number,
        "type": subgraph_id,
        "pos": [0, 0],
        "size": [360, 260],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [{"name": "video", "type": "VIDEO", "link": None}],
        "outputs": [{"name": output["name"], "type": output["type"], "links": None} for output in outputs],
        "title": name,
        "properties": {"proxyWidgets": [[str(nodes[0]["id"]), widget] for widget in SHOWN]},
        "widgets_values": [],
    }


def _leaving(
    links: list[list[Any]], nodes: list[dict[str, Any]], inside: set[int]
) -> dict[tuple[int, int], tuple[int, str, str]]:
    """Link, type and name of each output of the blueprint, by node and slot; the final sound comes first."""
    kinds = {node["id"]: node for node in nodes}
    found = {}
    for number, origin, slot, target, _, kind in links:
        if origin in inside and target not in inside and (origin, slot) not in found:
            name = str(kinds[origin]["outputs"][slot]["name"])
            is_final = kinds[origin]["type"] == "DeepSoundSilenceFallback"
            found[origin, slot] = (number, kind, "coarse" if name == "audio" and not is_final else name)
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
