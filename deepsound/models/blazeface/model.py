"""BlazeFace full-range face detector (arXiv 1907.05047).

The graph of mediapipe's face_detection_full_range_sparse.tflite.

An hourglass of depthwise separable convolutions: 192 x 192 pixels in, one score, one box and six landmarks for each of
48 x 48 places out. Layers stand in the published graph's order, so that weights are copied one by one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

SIZE = 192
GRID = 48
# A box and six landmarks: centre x and y, width, height, then x and y of each.
VALUES = 16
# Channels of each level and of the middle of its bottlenecks, and how many bottlenecks there are.
_LEVELS = ((32, 8, 2), (64, 16, 2), (128, 32, 2), (192, 48, 2), (384, 96, 3))


def _relu(fresh: Tensor) -> Tensor:
    """ReLU in the place of a tensor that nothing else refers to: the large ones cost more to allocate than to clip."""
    return functional.relu(fresh, inplace=True)


class SeparableConv(nn.Module):
    """A 3 x 3 depthwise convolution, then a 1 x 1 one; the depthwise has no activation of its own."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.pointwise(self.depthwise(x))
        return mixed


class BlazeBottleneck(nn.Module):
    """Two separable convolutions around fewer channels, added to the input."""

    def __init__(self, channels: int, middle: int) -> None:
        super().__init__()
        self.reduce = SeparableConv(channels, middle)
        self.expand = SeparableConv(middle, channels)

    def forward(self, x: Tensor) -> Tensor:
        return _relu(x + self.expand(_relu(self.reduce(x))))


class DownBlock(nn.Module):
    """The first block of a level: half the size, more channels."""

    def __init__(self, inputs: int, middle: int, outputs: int) -> None:
        super().__init__()
        self.reduce = SeparableConv(inputs, middle, stride=2)
        self.expand = SeparableConv(middle, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return _relu(self.expand(_relu(self.reduce(x))))


class UpBlock(nn.Module):
    """A level on the way up: twice the size, the way down's features added, then bottlenecks."""

    def __init__(self, inputs: int, outputs: int, middle: int, count: int) -> None:
        super().__init__()
        self.lateral = nn.Conv2d(inputs, outputs, 1)
        self.blocks = nn.Sequential(*(BlazeBottleneck(outputs, middle) for _ in range(count)))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        raised = functional.interpolate(_relu(self.lateral(x)), scale_factor=2, mode="bilinear")
        added: Tensor = self.blocks(raised + skip)
        return added


class DetectionHead(nn.Module):
    """Values for each place: a 1 x 1 convolution, a depthwise one of stride 2, and depth to space."""

    def __init__(self, values: int) -> None:
        super().__init__()
        self.pointwise = nn.Conv2d(48, 4 * values, 1)
        self.depthwise = nn.Conv2d(4 * values, 4 * values, 3, 2, 1, groups=4 * values)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, rows, columns = (y := self.depthwise(self.pointwise(x))).shape
        values = channels // 4
        # TensorFlow's depth to space: the two halves of each step come first, the value last.
        spread: Tensor = y.reshape(batch, 2, 2, values, rows, columns).permute(0, 4, 1, 5, 2, 3)
        return spread.reshape(batch, 4 * rows * columns, values)


class BlazeFace(nn.Module):
    """Pictures float [batch, 3, 192, 192] in [-1, 1] to logits [batch, 2304, 1] and boxes [batch, 2304, 16].

    Boxes are in pixels of the input, relative to the middle of their place (row by row, 4 pixels apart).
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, 2, 1)
        blocks: list[nn.Module] = []
        for level, (channels, middle, count) in enumerate(_LEVELS):
            first = [DownBlock(_LEVELS[level - 1][0], middle, channels)] if level else []
            blocks.append(nn.Sequential(*first, *(BlazeBottleneck(channels, middle) for _ in range(count))))
        self.down = nn.ModuleList(blocks)
        self.skips = nn.ModuleList([nn.Conv2d(64, 48, 1), nn.Conv2d(128, 64, 1), nn.Conv2d(192, 96, 1)])
        self.up = nn.ModuleList([UpBlock(384, 96, 48, 2), UpBlock(96, 64, 32, 2), UpBlock(64, 48, 24, 1)])
        self.scores, self.boxes = DetectionHead(1), DetectionHead(VALUES)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        x = _relu(self.stem(pictures))
        skips = []
        for level, blocks in enumerate(self.down):
            x = blocks(x)
            if 1 <= level <= 3:
                skips.append(_relu(self.skips[level - 1](x)))
        for up, skip in zip(self.up, reversed(skips), strict=True):
            x = up(x, skip)
        return self.scores(x), self.boxes(x)


def detections(logits: Tensor, boxes: Tensor, threshold: float) -> list[Tensor]:
    """For each picture the places whose score passes: [n, 5] of left, top, width, height (0 to 1) and score, 0 to 1."""
    rows, columns = torch.meshgrid(*(torch.arange(GRID, dtype=boxes.dtype) + 0.5,) * 2, indexing="ij")
    middles = torch.stack([columns, rows], dim=-1).reshape(-1, 2) / GRID
    size = boxes[..., 2:4] / SIZE
    corner = boxes[..., :2] / SIZE + middles - size / 2
    scores = logits.clamp(-100, 100).sigmoid()
    found = torch.cat([corner, size, scores], dim=-1)
    return [picture[picture[:, 4] >= threshold] for picture in found]
