"""A small convolutional network that finds impact onsets in maps of motion."""

from __future__ import annotations

import torch
from torch import Tensor, nn

CHANNELS, SCALARS = 6, 20
# How many steps on either side of one the network sees.
CONTEXT = 5


class ImpactNet(nn.Module):
    """Logits of an impact in each interval between frames, 32 k parameters.

    Four layers over space and time decide in each place what the thing there does; the strongest response anywhere and
    the mean over the picture are joined with the interval's own numbers.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv3d(CHANNELS, 12, 3, padding=(0, 1, 1))
        self.second = nn.Conv3d(12, 19, 3, stride=(1, 2, 2), padding=(0, 1, 1))
        self.third = nn.Conv3d(19, 25, 3, padding=(0, 1, 1))
        self.fourth = nn.Conv3d(25, 25, (5, 1, 1))
        self.numbers = nn.Conv1d(SCALARS, 19, 1)
        self.wide = nn.Conv1d(25 + 25 + 19, 32, 1)
        self.narrow = nn.Conv1d(32, 32, 1)
        self.last = nn.Conv1d(32, 1, 1)
        self.drop = nn.Dropout(0.2)
        self.numbers_in_time = nn.Conv1d(19, 19, 2 * CONTEXT + 1)

    def forward(self, maps: Tensor, scalars: Tensor) -> Tensor:
        """Logits [batch, steps - 10] of maps [batch, 6, steps, h, w] and scalars [batch, 20, steps]."""
        seen = torch.relu(self.second(torch.relu(self.first(maps))))
        seen = torch.relu(self.fourth(torch.relu(self.third(seen))))
        numbers = torch.relu(self.numbers_in_time(torch.relu(self.numbers(scalars))))
        steps = torch.cat([seen.amax(dim=(3, 4)), seen.mean(dim=(3, 4)), numbers], dim=1)
        steps = torch.relu(self.narrow(self.drop(torch.relu(self.wide(self.drop(steps))))))
        return self.last(steps)[:, 0]
