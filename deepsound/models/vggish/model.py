"""VGGish as audio metrics use it: no final activation, no whitening.

The published network ends in a ReLU; FD_VGG is computed on what goes into it (av-benchmark, after audioldm_eval).
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from deepsound.models.vggish.config import VGGISH, VggishConfig

# What is left of an example of 96 x 64 after four halvings.
_PLACES = 6 * 4


class Vggish(nn.Module):
    """Log-mel examples [N, frames, n_mels] -> features [N, width]."""

    def __init__(self, config: VggishConfig = VGGISH) -> None:
        super().__init__()
        self.config = config
        self.features = nn.Sequential(*_convolutions(config))
        self.embeddings = nn.Sequential(
            nn.Linear(_PLACES * config.channels[-1], config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, config.width),
        )

    def forward(self, examples: Tensor) -> Tensor:
        maps = self.features(examples.unsqueeze(1))  # [N, channels, 6, 4]
        # The weights come from TensorFlow, where channels are last.
        return self.embeddings(maps.permute(0, 2, 3, 1).flatten(1))


def _convolutions(config: VggishConfig) -> Iterator[nn.Module]:
    into = 1
    for index, channels in enumerate(config.channels):
        yield nn.Conv2d(into, channels, 3, padding=1)
        yield nn.ReLU()
        if index in config.halved_after:
            yield nn.MaxPool2d(2)
        into = channels
