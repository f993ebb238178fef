"""A small convolutional network that finds impact onsets in maps of motion."""

from __future__ import annotations

import torch
from torch import Tensor, nn

CHANNELS, SCALARS = 6, 20
# How many steps on either side of one the network sees.
CONTEXT = 5


class ImpactNet(nn.Module):
    """Logits of an impact in each interval between frames, 34 k parameters.

    Two layers over space and time and one over space see what a thing does in one place; the strongest response
    anywhere and the mean over the picture, beside the interval's own numbers, go on through time alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv3d(CHANNELS, 12, 3, padding=(0, 1, 1))
        self.second = nn.Conv3d(12, 20, 3, stride=(1, 2, 2), padding=(0, 1, 1))
        self.third = nn.Conv3d(20, 28, (1, 3, 3), padding=(0, 1, 1))
        self.numbers = nn.Conv1d(SCALARS, 24, 1)
        self.wide = nn.Conv1d(28 + 28 + 24, 40, 5)
        self.narrow = nn.Conv1d(40, 32, 3)
        self.last = nn.Conv1d(32, 1, 1)
        self.drop = nn.Dropout(0.2)

    def forward(self, maps: Tensor, scalars: Tensor) -> Tensor:
        """Logits [batch, steps - 10] of maps [batch, 6, steps, h, w] and scalars [batch, 20, steps]."""
        seen = torch.relu(self.first(maps))
        seen = torch.relu(self.third(torch.relu(self.second(seen))))
        numbers = torch.relu(self.numbers(scalars))[..., 2:-2]
        steps = torch.cat([seen.amax(dim=(3, 4)), seen.mean(dim=(3, 4)), numbers], dim=1)
        steps = torch.relu(self.narrow(self.drop(torch.relu(self.wide(self.drop(steps))))))
        return self.last(steps)[:, 0]
