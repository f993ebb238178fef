"""BlazePose person detector (arXiv 2006.10204).

The graph of mediapipe's pose_detection.tflite.

Inverted residuals on the way down, two levels on the way up: 224 x 224 pixels in, one score, one box and four points
for each of 2,254 anchors out. Each head reads its level with four channels folded out into space.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

SIZE = 224
# A box and four points: centre x and y, width, height, then x and y of each.
VALUES = 12
# Places across and anchors at each place, of the three heads.
HEADS = ((28, 2), (14, 2), (7, 6))
# Channels in, in the middle and out, kernel and stride of the inverted residuals.
_BLOCKS = (
    (16, 64, 24, 3, 2),
    (24, 144, 24, 3, 1),
    (24, 144, 40, 5, 2),
    (40, 240, 40, 5, 1),
    (40, 240, 80, 3, 2),
    (80, 480, 80, 3, 1),
    (80, 480, 80, 3, 1),
    (80, 480, 112, 5, 1),
    (112, 672, 112, 5, 1),
    (112, 672, 112, 5, 1),
    (112, 672, 192, 5, 2),
    (192, 1152, 192, 5, 1),
    (192, 1152, 192, 5, 1),
    (192, 1152, 192, 5, 1),
)
# The blocks before which a skip connection leaves, and its channels.
_SKIPS = {4: (40, 96), 10: (112, 192)}


def _depthwise(channels: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels)


def _relu6(fresh: Tensor) -> Tensor:
    """ReLU6 in the place of a tensor that nothing else refers to: the large ones cost more to allocate than to clip."""
    return functional.relu6(fresh, inplace=True)


class InvertedResidual(nn.Module):
    """1 x 1 to more channels, depthwise, 1 x 1 back; added to the input where the shapes agree."""

    def __init__(self, inputs: int, middle: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(inputs, middle, 1)
        self.depthwise = _depthwise(middle, kernel, stride)
        self.project = nn.Conv2d(middle, outputs, 1)
        self.is_residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(_relu6(self.depthwise(_relu6(self.expand(x)))))
        return x + y if self.is_residual else y


class PoseSeparableConv(nn.Module):
    """A 3 x 3 depthwise convolution without activation, then a 1 x 1 one."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.depthwise = _depthwise(inputs, 3, stride)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.pointwise(self.depthwise(x))
        return mixed


class PoseUpBlock(nn.Module):
    """A level on the way up: twice the size, the way down's features added, two residual convolutions."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.lateral = nn.Conv2d(inputs, outputs, 1)
        self.blocks = nn.ModuleList([PoseSeparableConv(outputs, outputs) for _ in range(2)])

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        raised = functional.interpolate(x, scale_factor=2, mode="bilinear")
        x = skip + _relu6(self.lateral(raised))
        for block in self.blocks:
            x = _relu6(x + block(x))
        return x


class PoseDetectionHead(nn.Module):
    """Scores and boxes of one level's anchors."""

    def __init__(self, channels: int, anchors: int) -> None:
        super().__init__()
        self.scores = PoseSeparableConv(channels, anchors, stride=2)
        self.boxes = PoseSeparableConv(channels, anchors * VALUES, stride=2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        spread = depth_to_space(x)
        return self._listed(self.scores(spread), 1), self._listed(self.boxes(spread), VALUES)

    @staticmethod
    def _listed(x: Tensor, values: int) -> Tensor:
        return x.permute(0, 2, 3, 1).reshape(len(x), -1, values)


class BlazePoseDetector(nn.Module):
    """Pictures float [batch, 3, 224, 224] in [-1, 1] to logits [batch, 2254, 1] and boxes [batch, 2254, 12].

    Boxes and points are in pixels of the input, relative to the middle of their anchor's place.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.stem_depthwise = nn.Conv2d(3, 24, 3, 2, 1), _depthwise(24)
        self.stem_project = nn.Conv2d(24, 16, 1)
        self.down = nn.ModuleList([InvertedResidual(*block) for block in _BLOCKS])
        self.skips = nn.ModuleList([PoseSeparableConv(*channels) for channels in _SKIPS.values()])
        self.top, self.top_depthwise = nn.Conv2d(192, 1152, 1), _depthwise(1152)
        self.up = nn.ModuleList([PoseUpBlock(1152, 192), PoseUpBlock(192, 96)])
        self.heads = nn.ModuleList(
            [
                PoseDetectionHead(channels // 4, anchors)
                for channels, (_, anchors) in zip((96, 192, 1152), HEADS, strict=True)
            ]
        )

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        x = _relu6(self.stem_depthwise(_relu6(self.stem(pictures))))
        x = self.stem_project(x)
        skips: list[Tensor] = []
        for number, block in enumerate(self.down):
            if number in _SKIPS:
                skips.append(_relu6(self.skips[len(skips)](x)))
            x = block(x)
        levels = [_relu6(self.top_depthwise(_relu6(self.top(x))))]
        for up, skip in zip(self.up, reversed(skips), strict=True):
            levels.append(up(levels[-1], skip))
        found = [head(level) for head, level in zip(self.heads, reversed(levels), strict=True)]
        return torch.cat([scores for scores, _ in found], 1), torch.cat([boxes for _, boxes in found], 1)


def depth_to_space(x: Tensor) -> Tensor:
    """TensorFlow's: [batch, 4 c, h, w] to [batch, c, 2 h, 2 w], the two halves of each step first, the channel last."""
    batch, channels, rows, columns = x.shape
    parts = x.reshape(batch, 2, 2, channels // 4, rows, columns).permute(0, 3, 4, 1, 5, 2)
    return parts.reshape(batch, channels // 4, 2 * rows, 2 * columns)


def people(logits: Tensor, boxes: Tensor, threshold: float) -> list[Tensor]:
    """For each picture the anchors whose score passes: [n, 4] of centre x and y, radius (0 to 1), score (0 to 1).

    The circle's middle is between the hips, and it goes around the whole body.
    """
    middles = torch.cat([_middles(size).repeat_interleave(count, dim=0) for size, count in HEADS])
    points = boxes[..., 4:].reshape(*boxes.shape[:2], 4, 2) / SIZE + middles[:, None]
    radius = (points[..., 1, :] - points[..., 0, :]).norm(dim=-1, keepdim=True)
    scores = logits.clamp(-100, 100).sigmoid()
    found = torch.cat([points[..., 0, :], radius, scores], dim=-1)
    return [picture[picture[:, 3] >= threshold] for picture in found]


def _middles(size: int) -> Tensor:
    rows, columns = torch.meshgrid(*(torch.arange(size) + 0.5,) * 2, indexing="ij")
    return torch.stack([columns, rows], dim=-1).reshape(-1, 2) / size
