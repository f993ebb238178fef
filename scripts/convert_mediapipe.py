"""Converts the weights of BlazeFace, BlazePose and Face Mesh from mediapipe's wheel.

`python scripts/convert_mediapipe.py face|body|landmarks WHEEL OUT.safetensors`.

WHEEL is mediapipe-0.10.21-*.whl (Apache-2.0), or a .tflite file out of it; reading it needs `pip install tflite`. The
file is checked by its SHA-256, its sparse tensors are filled in, and the result is half precision in the names of
`deepsound.models.blazeface.model`, `deepsound.models.blazepose.model` and `deepsound.models.face_mesh.model`.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import tflite
import torch
from safetensors.torch import save_file

from deepsound.models.blazeface.model import BlazeFace
from deepsound.models.blazepose.model import BlazePoseDetector
from deepsound.models.face_mesh.model import FaceMesh, Head, ResidualBlock

Layer = TypeVar("Layer", bound=torch.nn.Module)


@dataclass(frozen=True)
class Source:
    """A network's file in the wheel."""

    member: str
    sha256: str
    network: type[BlazeFace] | type[BlazePoseDetector] | type[FaceMesh]


SOURCES = {
    "face": Source(
        "mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite",
        "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
        BlazeFace,
    ),
    "body": Source(
        "mediapipe/modules/pose_detection/pose_detection.tflite",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        BlazePoseDetector,
    ),
    "landmarks": Source(
        "mediapipe/modules/face_landmark/face_landmark.tflite",
        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
        FaceMesh,
    ),
}


def main(kind: str, source: str, target: str) -> None:
    wanted, path = SOURCES[kind], Path(source)
    content = path.read_bytes() if path.suffix == ".tflite" else zipfile.ZipFile(path).read(wanted.member)
    found = hashlib.sha256(content).hexdigest()
    if found != wanted.sha256:
        raise SystemExit(f"{wanted.member} has the SHA-256 {found}; expected {wanted.sha256}, of mediapipe 0.10.21.")
    network = wanted.network().eval()
    weights, slopes = parameters(content)
    for (weight, bias), module in zip(weights, in_parts(parts_of(network), torch.nn.Conv2d), strict=True):
        module.weight.data = torch.from_numpy(weight).reshape(module.weight.shape)
        module.bias.data = torch.from_numpy(bias)  # type: ignore[union-attr]
    for slope, activation in zip(slopes, in_parts(parts_of(network), torch.nn.PReLU), strict=True):
        activation.weight.data = torch.from_numpy(slope).reshape(activation.weight.shape)
    state = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    about = {"source": f"mediapipe 0.10.21, {wanted.member}", "sha256": wanted.sha256, "licence": "Apache-2.0"}
    save_file(state, target, about)


def parts_of(network: torch.nn.Module) -> list[torch.nn.Module]:
    """The network's parts in the order in which the graph runs their layers."""
    if isinstance(network, FaceMesh):
        return landmark_order(network)
    return face_order(network) if isinstance(network, BlazeFace) else body_order(cast(BlazePoseDetector, network))


def face_order(network: BlazeFace) -> list[torch.nn.Module]:
    """The network's convolutions in the order in which the graph runs them: a skip follows its level."""
    order: list[torch.nn.Module] = [network.stem]
    for level, blocks in enumerate(network.down):
        order.append(blocks)
        if 1 <= level <= 3:
            order.append(network.skips[level - 1])
    order += [*network.up, network.scores, network.boxes]
    return order


def body_order(network: BlazePoseDetector) -> list[torch.nn.Module]:
    """The same: a skip leaves after its block's expansion."""
    order: list[torch.nn.Module] = [network.stem, network.stem_depthwise, network.stem_project]
    skips = {4: network.skips[0], 10: network.skips[1]}
    for number, block in enumerate(network.down):
        parts = (block.expand, skips.get(number), block.depthwise, block.project)
        order += [part for part in parts if isinstance(part, torch.nn.Module)]
    order += [network.top, network.top_depthwise, *network.up]
    return [*order, *network.heads]


def landmark_order(network: FaceMesh) -> list[torch.nn.Module]:
    """The same: the heads take turns, layer by layer."""

    def layers(head: Head) -> list[torch.nn.Module]:
        return [*in_block(head.first), head.project, head.activation, *in_block(head.second), head.output]

    def in_block(block: ResidualBlock) -> list[torch.nn.Module]:
        return [block.depthwise, block.pointwise, block.activation]

    heads = zip(layers(network.score), layers(network.landmarks), strict=True)
    before = [network.stem, network.stem_activation, *network.trunk, *network.landmark_trunk]
    return [*before, *(layer for pair in heads for layer in pair)]


def in_parts(order: list[torch.nn.Module], kind: type[Layer]) -> list[Layer]:
    """The layers of a kind that are in the parts, in their order."""
    return [module for part in order for module in part.modules() if isinstance(module, kind)]


def parameters(content: bytes) -> tuple[list[tuple[np.ndarray, np.ndarray]], list[np.ndarray]]:
    """Weights [out, in, height, width] and biases of every convolution, and PReLU's slopes, in the graph's order."""
    model = tflite.Model.GetRootAsModel(content, 0)
    graph = model.Subgraphs(0)
    made: dict[int, np.ndarray] = {}
    found, slopes = [], []
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
        elif kind == tflite.BuiltinOperator.PRELU:
            slopes.append(made[inputs[1]].astype(np.float32))
    return found, slopes


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
