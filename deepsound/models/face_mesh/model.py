"""MediaPipe Face Mesh: 468 face landmarks from a crop (arXiv 1907.06724).

The graph of mediapipe's face_landmark.tflite.

Residual blocks of depthwise separable convolutions with PReLU: 192 x 192 pixels in, 468 points in three dimensions and
one score out. Layers stand in the published graph's order within each branch, so that weights are copied one by one.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

SIZE = 192
LANDMARKS = 468
# Channels of each level and its residual blocks; each level after the first begins with one of stride 2.
_LEVELS = ((16, 2), (32, 2), (64, 2), (128, 2), (128, 2))


class ResidualBlock(nn.Module):
    """A 3 x 3 depthwise and a 1 x 1 convolution added to the input, then PReLU.

    With stride 2 the input is max-pooled, and padded with zero channels where the output has more.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.stride, self.added = stride, outputs - inputs
        self.depthwise = nn.Conv2d(inputs, inputs, 3, stride, groups=inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)
        self.activation = nn.PReLU(outputs)

    def forward(self, x: Tensor) -> Tensor:
        update = self.pointwise(self.depthwise(_pad_same(x, self.stride)))
        if self.stride > 1:
            x = functional.max_pool2d(x, self.stride)
        if self.added:
            x = functional.pad(x, (0, 0, 0, 0, 0, self.added))
        activated: Tensor = self.activation(x + update)
        return activated


class Head(nn.Module):
    """Two residual blocks around a projection to 32 channels, then a 3 x 3 convolution to `outputs` numbers.

    The first block halves the size where `stride` is 2.
    """

    def __init__(self, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = ResidualBlock(128, 128, stride)
        self.project = nn.Conv2d(128, 32, 1)
        self.activation = nn.PReLU(32)
        self.second = ResidualBlock(32, 32)
        self.output = nn.Conv2d(32, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        values: Tensor = self.output(self.second(self.activation(self.project(self.first(x)))))
        return values.flatten(1)


class FaceMesh(nn.Module):
    """Face crops float [batch, 3, 192, 192] in [0, 1] to landmarks [batch, 468, 3] and face logits [batch].

    Landmarks are x, y and depth in pixels of the crop.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 2)
        self.stem_activation = nn.PReLU(16)
        blocks: list[ResidualBlock] = []
        inputs = 16
        for level, (channels, count) in enumerate(_LEVELS):
            if level:
                blocks.append(ResidualBlock(inputs, channels, 2))
            blocks += [ResidualBlock(channels, channels) for _ in range(count)]
            inputs = channels
        self.trunk = nn.Sequential(*blocks)
        # The landmarks' branch has two more blocks of its own before its head.
        self.landmark_trunk = nn.Sequential(ResidualBlock(128, 128, 2), ResidualBlock(128, 128))
        self.landmarks, self.score = Head(3 * LANDMARKS, 1), Head(1, 2)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        x = self.trunk(self.stem_activation(self.stem(_pad_same(crops, 2))))
        landmarks = self.landmarks(self.landmark_trunk(x))
        return landmarks.reshape(-1, LANDMARKS, 3), self.score(x)[:, 0]


def _pad_same(x: Tensor, stride: int) -> Tensor:
    """TensorFlow's padding SAME of a 3 x 3 kernel on even sides: all of it after the picture with stride 2."""
    return functional.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
