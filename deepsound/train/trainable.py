"""What VideoLLaMA2's training flags unfreeze, and the optimiser's groups, by name.

Original: lym0302/DeepSound-V1, `third_party/VideoLLaMA2/videollama2/train.py` and `videollama2_trainer.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_LORA_PREFIX = "base_model.model."
_VISION_TOWER = "model.vision_tower."
_AUDIO_TOWER = "model.audio_tower."
_VIDEO_PROJECTOR = "model.mm_projector."
_AUDIO_PROJECTOR = "model.mm_projector_a."
# Layer norms of BEATs and of the STC connector; Qwen2's RMSNorm is none to the original, so its weights are decayed.
_NORMS = ("layer_norm.", ".bn.")


@dataclass(frozen=True)
class TrainingFlags:
    """The original's flags, by its names; `audio_tower` says whether the model is given one."""

    audio_tower: bool = True
    tune_mm_mlp_adapter: bool = False
    tune_mm_mlp_adapter_a: bool = False
    tune_audio_tower: bool = False
    tune_adapter_llm: bool = False
    freeze_backbone: bool = False
    freeze_mm_mlp_adapter: bool = False
    lora_enable: bool = False

    @property
    def drops_questions(self) -> bool:
        """Whether the data set is in its plain mode, where the question is dropped and the bare tag stays."""
        if self.audio_tower:
            return not (self.tune_audio_tower or self.tune_adapter_llm)
        return self.tune_mm_mlp_adapter


JOINT_STAGE = TrainingFlags(tune_mm_mlp_adapter_a=True, tune_audio_tower=True, tune_adapter_llm=True)


def is_trained(name: str, flags: TrainingFlags) -> bool:
    """Whether the flags let the parameter of that published name learn.

    The order is the original's: an earlier flag is undone by a later one, `tune_adapter_llm` by far the strongest.
    """
    name = name.removeprefix(_LORA_PREFIX)
    if name.startswith(_VISION_TOWER):
        return False
    if name.startswith(_AUDIO_TOWER):
        return flags.tune_audio_tower
    if flags.freeze_backbone:
        return False
    if flags.tune_adapter_llm:
        return True
    if flags.tune_mm_mlp_adapter_a:
        return name.startswith(_AUDIO_PROJECTOR)
    if name.startswith(_VIDEO_PROJECTOR):
        return not flags.freeze_mm_mlp_adapter
    if flags.tune_mm_mlp_adapter:
        return False
    return not flags.lora_enable or ".lora_" in name


def is_decayed(name: str) -> bool:
    """Whether weight decay applies to the parameter of that published name."""
    return "bias" not in name and not any(norm in name for norm in _NORMS)


def optimiser_groups(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Names with weight decay, and names without."""
    names = list(names)
    return [name for name in names if is_decayed(name)], [name for name in names if not is_decayed(name)]
