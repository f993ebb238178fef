"""ComfyUI's own nodes that the workflows use, as every supported core has them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


def _item(name: str, io_type: str, **keywords: Any) -> SimpleNamespace:
    return SimpleNamespace(id=name, io_type=io_type, keywords=keywords)


def _node(node_id: str, inputs: list[SimpleNamespace], outputs: list[SimpleNamespace]) -> SimpleNamespace:
    return SimpleNamespace(node_id=node_id, inputs=inputs, outputs=outputs)


CORE = {
    node.node_id: node
    for node in (
        _node("LoadVideo", [_item("file", "COMBO", upload=True)], [_item("video", "VIDEO", display_name="VIDEO")]),
        _node(
            "GetVideoComponents",
            [_item("video", "VIDEO")],
            [_item("images", "IMAGE"), _item("audio", "AUDIO"), _item("fps", "FLOAT")],
        ),
        _node(
            "LoadImage",
            [_item("image", "COMBO", upload=True)],
            [_item("IMAGE", "IMAGE", display_name="IMAGE"), _item("MASK", "MASK", display_name="MASK")],
        ),
        _node("PreviewAny", [_item("source", "*")], []),
        _node("PreviewAudio", [_item("audio", "AUDIO")], []),
    )
}
