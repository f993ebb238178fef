"""Silero VAD at 16 kHz (versions 5 and 6): learned STFT, four convolutions, an LSTM cell.

Parameters have the names that the package gives them in safetensors; `from_script` maps those of its TorchScript.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WINDOW = 512  # samples
CONTEXT = 64  # samples of the window before, which each window is preceded by
STATE = 128
_N_FFT, _HOP = 256, 128
_STRIDES = (1, 2, 2, 1)

State = tuple[Tensor, Tensor]

_SCRIPT_NAMES = {
    "stft_conv.weight": "stft.forward_basis_buffer",
    "final_conv.weight": "decoder.decoder.2.weight",
    "final_conv.bias": "decoder.decoder.2.bias",
    **{f"conv{n + 1}.{kind}": f"encoder.{n}.reparam_conv.{kind}" for n in range(4) for kind in ("weight", "bias")},
    **{f"lstm_cell.{name}": f"decoder.rnn.{name}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")},
}


class SileroVad(nn.Module):
    """The probability of speech in each of successive windows; its memory is given and returned, not kept."""

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = nn.Conv1d(1, _N_FFT + 2, _N_FFT, _HOP, bias=False)
        widths = (_N_FFT // 2 + 1, 128, 64, 64, STATE)
        for number, stride in enumerate(_STRIDES):
            layer = nn.Conv1d(widths[number], widths[number + 1], 3, stride, padding=1)
            self.add_module(f"conv{number + 1}", layer)
        self.lstm_cell = nn.LSTMCell(STATE, STATE)
        self.final_conv = nn.Conv1d(STATE, 1, 1)

    def forward(self, windows: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Probabilities [B, N] of `windows` [B, N, CONTEXT + WINDOW], and the state after the last one.

        `state` is that of the windows before these; None is silence.
        """
        batch, count, _ = windows.shape
        features = self._features(windows.flatten(0, 1)).unflatten(0, (batch, count))
        hidden, cell = state or (features.new_zeros(batch, STATE), features.new_zeros(batch, STATE))
        outputs = []
        for step in features.unbind(1):
            hidden, cell = self.lstm_cell(step, (hidden, cell))
            outputs.append(hidden)
        seen = F.relu(torch.stack(outputs, dim=2))
        return torch.sigmoid(self.final_conv(seen))[:, 0], (hidden, cell)

    def windows(self, rows: Tensor) -> Tensor:
        """[B, N, CONTEXT + WINDOW] of rows [B, N * WINDOW]: each with the end of the one before, at first silence."""
        return F.pad(rows, (CONTEXT, 0)).unfold(1, CONTEXT + WINDOW, WINDOW)

    def _features(self, windows: Tensor) -> Tensor:
        """[M, STATE] of [M, CONTEXT + WINDOW]."""
        spectrum = self.stft_conv(F.pad(windows, (0, CONTEXT), mode="reflect")[:, None])
        real, imaginary = spectrum.chunk(2, dim=1)
        frames = (real.square() + imaginary.square()).sqrt()
        for number in range(len(_STRIDES)):
            frames = F.relu(self.get_submodule(f"conv{number + 1}")(frames))
        return frames[:, :, 0]


def from_script(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The parameters in the state dict of the TorchScript file's 16 kHz network. Raises KeyError for another file."""
    return {name: published[script].detach() for name, script in _SCRIPT_NAMES.items()}
