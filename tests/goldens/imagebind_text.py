"""Golden: ImageBind's text tower and its tokenizer against the originals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from deepsound.generate.clip_tokenizer import installed_table, tokenizer
from deepsound.models.clip.tokenizer import OPENAI_MARKS
from deepsound.models.imagebind.config import ImageBindConfig, ImageBindTextConfig
from deepsound.models.imagebind.model import ImageBind
from deepsound.models.imagebind.weights import state_dict
from tests.goldens.networks import group, recorded, tolerance

Rows = Iterator[tuple[str, Any, Any, float]]


@torch.no_grad()
def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Rows:
    sizes = golden["config"]
    text = ImageBindTextConfig(
        sizes["text_width"],
        sizes["text_depth"],
        sizes["text_heads"],
        sizes["mlp_width"],
        sizes["vocabulary"],
        sizes["context"],
    )
    model = ImageBind(ImageBindConfig(sizes["embed_dim"], text=text, norm_eps=sizes["norm_eps"]), ["text"]).eval()
    # The causal mask, a buffer of the published file, is no weight and not stored here.
    mask = {"modality_preprocessors.text.mask": torch.zeros(text.context_length, text.context_length)}
    model.load_state_dict(state_dict(group(tensors, "weights") | mask, ["text"]), strict=True)
    ids = group(tensors, "inputs")["tokens"]
    blocks = {f"modality_trunks.text.blocks.{block}": f"block{block}" for block in range(text.depth)}
    modules = {"modality_preprocessors.text": "tokens_with_positions", "modality_heads.text": "head", **blocks}
    with recorded(model, modules) as inner:
        embedding = model.embed_text(ids)
    got = {modules[name]: output for name, output in inner.items()} | {
        "embedding": embedding,
        "place_of_end": ids.argmax(dim=-1),
    }
    for name, expected in group(tensors, "outputs").items():
        value = got[name]
        if value.dim() == 3:
            value = value[:, : expected.shape[1]]
        yield name, value, expected, tolerance(expected) if expected.is_floating_point() else 0.0


def compare_tokens(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Rows:
    for row in golden["prompts"]:
        name = ascii(row["text"][:30])
        if installed_table() is None:
            yield f"{name} (no byte-pair table: install open_clip_torch)", None, None, 0.0
            continue
        yield name, tokenizer(marks=OPENAI_MARKS)([row["text"]])[0], row["ids"], 0.0
