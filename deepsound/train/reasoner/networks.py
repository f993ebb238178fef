"""The networks of a base checkpoint made ready to learn: parts, precision, LoRA."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from deepsound.errors import EngineError
from deepsound.models.beats.model import BEATS_TRAINING
from deepsound.reason.videollama2.checkpoint import VideoLLaMA2Checkpoint
from deepsound.reason.videollama2.quantization import quantise
from deepsound.runtime.packages import missing_package
from deepsound.train.joint_model import JointModel
from deepsound.train.reasoner.recipe import LoraSettings, ReasonerRecipe

# Of Qwen2's layers every linear one, as VideoLLaMA2's finetune_lora.sh has it; never a tower or projector.
LORA_TARGETS = r"language\.model\.layers\.\d+\.(?:self_attn\.[qkvo]_proj|mlp\.(?:gate|up|down)_proj)"
_LORA = re.compile(r"\.lora_[AB]\.")
_PROJECTORS = ("vision.mm_projector.", "audio.mm_projector_a.")
# Never gets a gradient: VideoLLaMA2 leaves BEATs' own head unused.
_UNUSED = "audio.audio_tower.predictor."


def build_joint_model(
    checkpoint: VideoLLaMA2Checkpoint, recipe: ReasonerRecipe, half: bool, device: torch.device
) -> JointModel:
    """The base's networks in training mode; what learns is float32, the rest bfloat16 where `half` is true.

    Raises EngineError for a base of another architecture, MissingPackage without peft where LoRA is asked for.
    """
    frozen = torch.bfloat16 if half else torch.float32
    model = JointModel(
        checkpoint.vision(frozen),
        checkpoint.audio(torch.float32),
        checkpoint.language(frozen),
        replace(BEATS_TRAINING, layer_drop=recipe.layer_drop),
    )
    if recipe.lora is not None:
        if recipe.lora.bits:
            quantise(model.language, "nf4" if recipe.lora.bits == 4 else "int8", device)
        add_lora(model, recipe.lora)
    for name, parameter in model.named_parameters():
        learns = is_learning(name, recipe)
        if learns:
            # Mapped to its file until now, and never to be written to it.
            parameter.data = parameter.data.float().clone()
        parameter.requires_grad_(learns)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise EngineError("expected something that learns, got a recipe in which nothing does; change --parts.")
    return model.train()


def is_learning(name: str, recipe: ReasonerRecipe) -> bool:
    """Whether the recipe trains the parameter of JointModel of that name."""
    if name.startswith(_UNUSED):
        return False
    if name.startswith("audio.audio_tower."):
        return "audio" in recipe.parts
    if name.startswith(_PROJECTORS):
        return "projectors" in recipe.parts
    if name.startswith("language.") and "language" in recipe.parts:
        return recipe.lora is None or bool(_LORA.search(name))
    return False


def add_lora(model: nn.Module, settings: LoraSettings) -> None:
    """Put peft's LoRA layers over the language model's linear layers, in place."""
    peft: Any = _peft()
    config = peft.LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=LORA_TARGETS,
        bias="none",
    )
    peft.inject_adapter_in_model(config, model)


def _peft() -> Any:
    try:
        import peft
    except ImportError as error:
        raise missing_package(f"LoRA needs peft, which cannot be imported here ({error})", "peft") from error
    return peft
