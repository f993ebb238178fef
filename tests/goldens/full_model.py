"""Golden: the whole VideoLLaMA2 against the original, from its published keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepsound.models.videollama2 import weights
from deepsound.models.videollama2.batch import cross_entropy, expand
from deepsound.models.videollama2.config import ConnectorConfig, LanguageConfig
from deepsound.models.videollama2.encoders import AudioEncoder, VisionEncoder
from deepsound.models.videollama2.language import LanguageModel
from deepsound.reason.videollama2.decoding import GenerationSettings, GreedyDecoder
from deepsound.reason.videollama2.speculative import PromptLookup
from tests.goldens import beats
from tests.goldens.networks import group, recorded
from tests.goldens.videollama2_parts import vision_config_of

MODULE, LOGITS = 2e-5, 5e-5
PENALISED = re.compile(r"(\w+)\.greedy(?:_rp([\d.]+))?\.ids")

Named = dict[str, Tensor]
Row = tuple[str, Any, Any, float]


@dataclass
class Model:
    vision: VisionEncoder
    audio: AudioEncoder
    language: LanguageModel


@torch.no_grad()
def compare(golden: dict[str, Any], tensors: dict[str, np.ndarray]) -> Iterator[Row]:
    model = load(golden["config"], group(tensors, "weights"))
    given, expected = group(tensors, "inputs"), group(tensors, "outputs")
    got = _media(model, given)
    prompts = {case: prompt for case, prompt in _prompts(model, given, got).items() if f"{case}.logits" in expected}
    for case, prompt in prompts.items():
        got |= _read(model, case, prompt, expected)
        got |= _answers(model, case, prompt, expected)
    got |= _training(model, given, got)
    for name, output in expected.items():
        yield name, got.get(name), output, _tolerance(name)
    for case, prompt in prompts.items():
        yield from _drafted(model, case, prompt, expected)


def load(config: dict[str, Any], published: Named) -> Model:
    common, llm, mm = config["llm_common"], config["llm"], config["mm"]
    language = LanguageModel(
        LanguageConfig(
            vocabulary=llm["vocab_size"],
            width=llm["hidden_size"],
            layers=llm["num_hidden_layers"],
            heads=llm["num_attention_heads"],
            key_value_heads=llm["num_key_value_heads"],
            mlp_width=llm["intermediate_size"],
            rope_theta=common["rope_theta"],
            norm_eps=common["rms_norm_eps"],
        )
    )
    sizes = vision_config_of(config["vision"], mm["mm_vision_select_layer"])
    vision = VisionEncoder(sizes, ConnectorConfig(mm["mm_hidden_size"], llm["hidden_size"]))
    audio = AudioEncoder(beats.config_of(config["audio"]), mm["hidden_size_a"])
    language.load_state_dict(weights.language_state(published), strict=True)
    tower = weights.embedded_tower(published)
    vision.load_state_dict(weights.vision_state(published, tower, sizes.used_layers), strict=True)
    audio.load_state_dict(weights.audio_state(published), strict=True)
    return Model(vision.eval(), audio.eval(), language.eval())


def _media(model: Model, given: Named) -> Named:
    with recorded(model.vision, ["vision_tower"]) as seen, recorded(model.audio, ["audio_tower"]) as heard:
        got = {"video_tokens": model.vision(given["video"][None]), "audio_tokens": model.audio(given["fbank"])}
    return got | {"vision_features": seen["vision_tower"], "audio_features": heard["audio_tower"]}


def _prompts(model: Model, given: Named, media: Named) -> Named:
    """Where the placeholder was: all video tokens, directly followed by all audio tokens."""
    before, after = (model.language.embed(given[name][None]) for name in ("pre", "post"))
    video, audio = media["video_tokens"], media["audio_tokens"]
    return {
        "av": torch.cat((before, video, audio, after), dim=1),
        "video_only": torch.cat((before, video, after), 1),
        "audio_only": torch.cat((before, audio, after), dim=1),
    }


def _read(model: Model, case: str, prompt: Tensor, expected: Named) -> Named:
    rows = expected[f"{case}.logits"].shape[1]
    kept = model.language.new_cache(prompt.shape[1])
    layers = [f"model.layers.{index}" for index in range(model.language.config.layers - 1)]
    with recorded(model.language, [*layers, "model.norm"]) as hidden:
        logits = model.language(prompt, kept, rows)
    # The last one is what the original states after the final norm, not what enters it.
    states = [prompt, *(hidden[name] for name in layers), hidden["model.norm"]]
    got = {f"{case}.hidden{index}_last_tokens": state[:, -rows:] for index, state in enumerate(states)}
    length = torch.tensor([prompt.shape[1]])
    return got | {f"{case}.inputs_embeds": prompt, f"{case}.logits": logits, f"{case}.attention_mask_length": length}


def _answers(model: Model, case: str, prompt: Tensor, expected: Named) -> Named:
    got: Named = {}
    for name, penalty in _asked(case, expected):
        got[name] = torch.tensor(answer(model.language, prompt, len(expected[name]), penalty))
    written = expected[f"{case}.greedy.ids"]
    embeddings = torch.cat((prompt, model.language.embed(written[None, :-1])), dim=1)
    steps = model.language(embeddings, model.language.new_cache(embeddings.shape[1]), len(written))[0]
    best = steps.topk(2, dim=-1).values
    return got | {f"{case}.greedy.step_logits": steps, f"{case}.greedy.top2_margin": best[:, 0] - best[:, 1]}


def _drafted(model: Model, case: str, prompt: Tensor, expected: Named) -> Iterator[Row]:
    """The same ids with guesses, right ones and wrong ones, and with a cache of fixed shape."""
    for name, penalty in _asked(case, expected):
        ids = expected[name].tolist()
        wrong_inside = [*ids[:3], (ids[3] + 1) % model.language.config.vocabulary, *ids[4:]]
        for kind, template in (("right", ids), ("wrong", wrong_inside)):
            got = answer(model.language, prompt, len(ids), penalty, PromptLookup([template]))
            yield f"{name} from a {kind} draft", got, ids, 0.0
        yield f"{name} in steps of fixed shape", answer(model.language, prompt, len(ids), penalty, fixed=True), ids, 0.0


def answer(
    language: LanguageModel,
    prompt: Tensor,
    tokens: int,
    penalty: float,
    drafts: PromptLookup | None = None,
    fixed: bool = False,
) -> list[int]:
    """So many greedy tokens, without an end token."""
    kept = language.new_cache(prompt.shape[1] + tokens, fixed)
    settings = GenerationSettings(repetition_penalty=penalty, max_new_tokens=tokens)
    return list(GreedyDecoder(language, kept, settings, drafts).tokens(prompt))


def _asked(case: str, expected: Named) -> list[tuple[str, float]]:
    found = ((name, PENALISED.fullmatch(name)) for name in expected)
    return [(name, float(match.group(2) or 1.0)) for name, match in found if match and match.group(1) == case]


def _training(model: Model, given: Named, media: Named) -> Named:
    """A right-padded batch of two, a clip with its sound and a clip alone, and its loss."""
    if "train_input_ids" not in given:
        return {}
    heard = torch.cat((media["video_tokens"], media["audio_tokens"]), dim=1)
    tokens = [heard[0], model.vision(given["video2"][None])[0]]
    batch = expand(
        given["train_input_ids"], given["train_labels"], given["train_attention_mask"], tokens, model.language.embed
    )
    logits = model.language(batch.embeddings)
    return {
        "train.labels": batch.labels,
        "train.attention_mask": batch.mask,
        "train.loss": cross_entropy(logits, batch.labels)[None],
        "train.inputs_embeds_row_norm": batch.embeddings.norm(dim=-1),
    }


def _tolerance(name: str) -> float:
    if name.endswith((".ids", "_length", ".labels", ".attention_mask")):
        return 0.0
    # The margin is a difference of two logits.
    return 2 * LOGITS if "margin" in name else LOGITS if "logits" in name else MODULE
