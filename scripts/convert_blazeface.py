"""Converts BlazeFace's weights from mediapipe's wheel.

`python scripts/convert_blazeface.py WHEEL OUT.safetensors`.

WHEEL is mediapipe-0.10.21-*.whl (Apache-2.0), or a .tflite file out of it; reading it needs `pip install tflite`. The
file is checked by its SHA-256, its sparse tensors are filled in, and the result is half precision in the names of
`deepsound.models.blazeface.model`.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import tflite
import torch
from safetensors.torch import save_file

from deepsound.models.blazeface.model import BlazeFace

MEMBER = "mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite"
SHA256 = "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1"


def main(source: str, target: str) -> None:
    path = Path(source)
    content = path.read_bytes() if path.suffix == ".tflite" else zipfile.ZipFile(path).read(MEMBER)
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise SystemExit(f"{MEMBER} has the SHA-256 {found}; expected {SHA256}, of mediapipe 0.10.21.")
    network = BlazeFace().eval()
    layers = convolutions(content)
    modules = in_graph_order(network)
    for (weight, bias), module in zip(layers, modules, strict=True):
        module.weight.data = torch.from_numpy(weight).reshape(module.weight.shape)
        module.bias.data = torch.from_numpy(bias)  # type: ignore[union-attr]
    state = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    save_file(state, target, {"source": f"mediapipe 0.10.21, {MEMBER}", "sha256": SHA256, "licence": "Apache-2.0"})


def in_graph_order(network: BlazeFace) -> list[torch.nn.Conv2d]:
    """The network's convolutions in the order in which the graph runs them: a skip follows its level."""
    order: list[torch.nn.Module] = [network.stem]
    for level, blocks in enumerate(network.down):
        order.append(blocks)
        if 1 <= level <= 3:
            order.append(network.skips[level - 1])
    order += [*network.up, network.scores, network.boxes]
    return [module for part in order for module in part.modules() if isinstance(module, torch.nn.Conv2d)]


def convolutions(content: bytes) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights [out, in, height, width] and biases of every convolution, in the order of the graph."""
    model = tflite.Model.GetRootAsModel(content, 0)
    graph = model.Subgraphs(0)
    made: dict[int, np.ndarray] = {}
    found = []
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        inputs = [int(index) for index in operator.InputsAsNumpy()]
        if kind in (tflite.BuiltinOperator.DEQUANTIZE, tflite.BuiltinOperator.DENSIFY):
            first = made[inputs[0]] if inputs[0] in made else constant(model, graph, inputs[0])
            made[int(operator.Outputs(0))] = first
        elif kind in (tflite.BuiltinOperator.CONV_2D, tflite.BuiltinOperator.DEPTHWISE_CONV_2D):
            weight, bias = (made[i] if i in made else constant(model, graph, i) for i in inputs[1:3])
            axes = (0, 3, 1, 2) if kind == tflite.BuiltinOperator.CONV_2D else (3, 0, 1, 2)
            found.append((np.ascontiguousarray(weight.transpose(axes), np.float32), bias.astype(np.float32)))
    return found


def constant(model: tflite.Model, graph: tflite.SubGraph, index: int) -> np.ndarray:
    """A constant tensor of the graph, with the values that a sparse one leaves out as zeros."""
    tensor = graph.Tensors(index)
    kind = {0: np.float32, 1: np.float16}[tensor.Type()]
    values = model.Buffers(tensor.Buffer()).DataAsNumpy().view(kind)
    shape = tuple(int(side) for side in tensor.ShapeAsNumpy())
    sparsity = tensor.Sparsity()
    if sparsity is None:
        return values.reshape(shape)
    # All of the graph's sparse tensors are 1 x 1 kernels whose rows list the columns they have.
    segments, indices = (vector(sparsity.DimMetadata(3), name) for name in ("ArraySegments", "ArrayIndices"))
    dense = np.zeros((shape[0], shape[3]), kind)
    for row, (begin, end) in enumerate(pairwise(segments)):
        dense[row, indices[begin:end]] = values[begin:end]
    return dense.reshape(shape)


def vector(axis: tflite.DimensionMetadata, name: str) -> np.ndarray:
    """One of an axis's lists of integers, whichever width it is kept in."""
    kind = getattr(axis, f"{name}Type")()
    made = {1: tflite.Int32Vector, 2: tflite.Uint16Vector, 3: tflite.Uint8Vector}[kind]()
    table = getattr(axis, name)()
    made.Init(table.Bytes, table.Pos)
    return np.asarray(made.ValuesAsNumpy())


if __name__ == "__main__":
    main(*sys.argv[1:])
