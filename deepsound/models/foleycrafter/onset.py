"""Visual onset detector: R(2+1)D without temporal stride, one logit per frame.

CondFoleyGen's detector (arXiv 2304.08490), as FoleyCrafter ships it.
"""

from __future__ import annotations

from torch import Tensor, nn

from deepsound.models.foleycrafter.config import OnsetConfig
from deepsound.models.lazy_imports import library_module


class OnsetDetector(nn.Module):
    """Frames to onset logits, one each (CondFoleyGen's detector, arXiv 2304.08490, as FoleyCrafter ships it)."""

    def __init__(self, config: OnsetConfig) -> None:
        super().__init__()
        self.net = nn.ModuleDict({"model": Backbone(config)})
        width = config.stage_widths[-1]
        self.fc = nn.Sequential(nn.Linear(width, config.head_width), nn.ReLU(), nn.Linear(config.head_width, 1))

    def forward(self, frames: Tensor) -> Tensor:
        """Frames [B, 3, frames, height, width] -> logits [B, frames]; a sigmoid makes probabilities of them."""
        return self.fc(self.pooled(frames).transpose(1, 2)).squeeze(-1)

    def pooled(self, frames: Tensor) -> Tensor:
        """Frames [B, 3, frames, height, width] -> features [B, width, frames]."""
        features: Tensor = self.net["model"](frames)
        return features.mean(dim=(-2, -1))


class Backbone(nn.Module):
    """The stem and four stages of `r2plus1d_18`, in any widths."""

    def __init__(self, config: OnsetConfig) -> None:
        super().__init__()
        first = config.stage_widths[0]
        self.stem = nn.Sequential(
            nn.Conv3d(3, config.stem_mid, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False),
            nn.BatchNorm3d(config.stem_mid),
            nn.ReLU(inplace=True),
            nn.Conv3d(config.stem_mid, first, (3, 1, 1), 1, (1, 0, 0), bias=False),
            nn.BatchNorm3d(first),
            nn.ReLU(inplace=True),
        )
        widths = (first, *config.stage_widths)
        for stage in range(1, 5):
            self.add_module(f"layer{stage}", _stage(widths[stage - 1], widths[stage], config.blocks_per_stage, stage))
        for module in self.modules():
            if isinstance(module, nn.BatchNorm3d):
                module.eps = config.bn_eps

    def forward(self, frames: Tensor) -> Tensor:
        features = self.stem(frames)
        for stage in range(1, 5):
            features = self.get_submodule(f"layer{stage}")(features)
        return features


def _stage(width_in: int, width: int, blocks: int, number: int) -> nn.Sequential:
    stride = 1 if number == 1 else 2
    return nn.Sequential(_block(width_in, width, stride), *(_block(width, width, 1) for _ in range(blocks - 1)))


def _block(width_in: int, width: int, stride: int) -> nn.Module:
    resnet = library_module("torchvision.models.video.resnet")
    shortcut = None
    if stride != 1 or width_in != width:
        shortcut = nn.Sequential(nn.Conv3d(width_in, width, 1, (1, stride, stride), bias=False), nn.BatchNorm3d(width))
    return resnet.BasicBlock(width_in, width, _convolution, stride, shortcut)


def _convolution(width_in: int, width: int, middle: int, stride: int = 1) -> nn.Module:
    pair = library_module("torchvision.models.video.resnet").Conv2Plus1D(width_in, width, middle, stride)
    pair[3].stride = (1, 1, 1)
    return pair
