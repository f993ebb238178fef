"""The names a checkpoint's pickle may use, and checked rebuilding of tensors and arrays."""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from deepsound.weights.unpickler import Maker, Malformed, PendingObject, Token

if TYPE_CHECKING:
    import torch
    from torch import Tensor

# The storage classes in which torch names a tensor's type, and the type.
_STORAGES = {
    "Double": "float64",
    "Float": "float32",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
    "ComplexFloat": "complex64",
    "ComplexDouble": "complex128",
}
_DTYPES = (*_STORAGES.values(), "uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2")
_LAYOUT_OF_NUMBERS = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|c8|c16)")
# numpy 2 has moved these; files written under either name are read under either.
_NUMPY = ("numpy.core", "numpy._core")
_MOST_DIMENSIONS = 64


@dataclass(frozen=True)
class StorageType:
    """A storage class by name: the type of its elements; None for bytes of any type."""

    dtype: torch.dtype | None


@dataclass(frozen=True)
class Storage:
    """Bytes of the file: elements of `dtype`, or of the tensor's own type where that is None."""

    untyped: torch.UntypedStorage
    dtype: torch.dtype | None


_NDARRAY, _TENSOR_CLASS = Token("numpy.ndarray"), Token("torch.Tensor")


@cache
def names() -> Mapping[str, Any]:
    """Everything that a pickle may name, by its dotted name."""
    import torch

    table: dict[str, Any] = {
        "collections.OrderedDict": Maker(OrderedDict),
        "_codecs.encode": Maker(_encode),
        "torch.Size": Maker(tuple),
        "torch.device": Maker(lambda *_: None),
        "torch._utils._rebuild_tensor": Maker(tensor),
        "torch._utils._rebuild_tensor_v2": Maker(tensor),
        "torch._utils._rebuild_tensor_v3": Maker(_typed_tensor),
        "torch._utils._rebuild_parameter": Maker(_parameter),
        "torch._utils._rebuild_parameter_with_state": Maker(_parameter),
        "torch._tensor._rebuild_from_type_v2": Maker(_from_type),
        "torch.storage.UntypedStorage": StorageType(None),
        "numpy.ndarray": _NDARRAY,
        "numpy.dtype": Maker(_NumberLayout),
    }
    for name in ("torch.Tensor", "torch._tensor.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer"):
        table[name] = _TENSOR_CLASS
    for module in ("builtins", "__builtin__"):
        table |= {f"{module}.set": Maker(_set), f"{module}.bytearray": Maker(_bytes), f"{module}.bytes": Maker(_bytes)}
    for name, element in _STORAGES.items():
        for module in ("torch", "torch.cuda"):
            table[f"{module}.{name}Storage"] = StorageType(getattr(torch, element))
    table |= {f"torch.{name}": getattr(torch, name) for name in _DTYPES if hasattr(torch, name)}
    for module in _NUMPY:
        table[f"{module}.multiarray._reconstruct"] = Maker(_PendingArray)
        table[f"{module}.multiarray.scalar"] = Maker(_scalar)
    return table


def tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Tensor:
    """A view of stored bytes. Raises Malformed for one that leaves its storage or repeats elements without end."""
    if not isinstance(storage, Storage) or storage.dtype is None:
        raise Malformed("a tensor has no storage")
    return _view(storage, storage.dtype, offset, size, stride)


def _typed_tensor(storage: Any, offset: Any, size: Any, stride: Any, _: Any, __: Any, dtype: Any, *___: Any) -> Tensor:
    import torch

    if not isinstance(storage, Storage) or not isinstance(dtype, torch.dtype):
        raise Malformed("a tensor has no storage or no type")
    return _view(storage, dtype, offset, size, stride)


def _view(storage: Storage, dtype: torch.dtype, offset: Any, size: Any, stride: Any) -> Tensor:
    import torch

    if not all(isinstance(lengths, (tuple, list)) for lengths in (size, stride)) or len(size) != len(stride):
        raise Malformed("a tensor's shape and strides do not belong together")
    if not all(type(number) is int and 0 <= number < 1 << 48 for number in (offset, *size, *stride)):
        raise Malformed("a tensor's shape is no shape")
    stored = storage.untyped.nbytes() // dtype.itemsize
    elements = math.prod(size)
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if len(size) > _MOST_DIMENSIONS or (elements and (last >= stored or elements > stored)):
        raise Malformed(f"a tensor of shape {tuple(size)[:9]} does not fit the {stored} numbers stored for it")
    if not elements:
        return torch.empty(size, dtype=dtype)
    return torch.empty(0, dtype=dtype).set_(storage.untyped, offset, tuple(size), tuple(stride))


def _parameter(data: Any, *_: Any) -> Tensor:
    return _checked_tensor(data)


def _from_type(maker: Any, kind: Any, arguments: Any, *_: Any) -> Tensor:
    if not isinstance(maker, Maker) or kind is not _TENSOR_CLASS or not isinstance(arguments, tuple):
        raise Malformed("a tensor is of an unknown class")
    return _checked_tensor(maker.function(*arguments))


def _checked_tensor(value: Any) -> Tensor:
    import torch

    if not isinstance(value, torch.Tensor):
        raise Malformed("a parameter is no tensor")
    return value


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    """Bytes as protocols without bytes hold them."""
    if not isinstance(text, str) or str(encoding).replace("-", "") != "latin1":
        raise Malformed("bytes are written in an unknown way")
    return text.encode("latin-1")


def _bytes(value: Any = b"", encoding: Any = "latin1") -> bytes:
    return value if isinstance(value, bytes) else _encode(value, encoding)


def _set(values: Any = ()) -> set[Any]:
    if not isinstance(values, (list, tuple, set)):
        raise Malformed("a set is made of no list")
    return set(values)


class _NumberLayout(PendingObject):
    """A numpy type of plain numbers, from the arguments and the state that `numpy.dtype` is pickled with."""

    def __init__(self, layout: Any, *_: Any) -> None:
        if not isinstance(layout, str) or not _LAYOUT_OF_NUMBERS.fullmatch(layout):
            raise Malformed("an array holds something else than plain numbers")
        self.layout = layout.lstrip("<>|=")
        self.order = "="

    def build(self, state: Any) -> _NumberLayout:
        if not isinstance(state, tuple) or len(state) not in (8, 9) or state[1] not in ("<", ">", "|", "="):
            raise Malformed("an array's type is damaged")
        if state[2:5] != (None, None, None) or state[5:8] != (-1, -1, 0):
            raise Malformed("an array holds something else than plain numbers")
        self.order = state[1]
        return self

    def numbers(self, content: Any) -> Any:
        """The numbers in `content`, one-dimensional, in this machine's byte order."""
        import numpy as np

        dtype = np.dtype(self.order.replace("|", "=") + self.layout)
        data = content.encode("latin-1") if isinstance(content, str) else content
        if not isinstance(data, bytes) or len(data) % dtype.itemsize:
            raise Malformed("an array's numbers are cut off")
        return np.frombuffer(data, dtype).astype(dtype.newbyteorder("="))


class _PendingArray(PendingObject):
    """A numpy array in the making: `numpy.ndarray` itself is never called."""

    def __init__(self, kind: Any, *_: Any) -> None:
        if kind is not _NDARRAY:
            raise Malformed("an array is of an unknown class")

    def build(self, state: Any) -> Any:
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], _NumberLayout):
            raise Malformed("an array's state is damaged")
        _, shape, layout, by_columns, content = state
        if not isinstance(shape, tuple) or not all(type(length) is int and length >= 0 for length in shape):
            raise Malformed("an array's shape is no shape")
        numbers = layout.numbers(content)
        if len(shape) > _MOST_DIMENSIONS // 2 or math.prod(shape) != len(numbers):
            raise Malformed(f"an array of shape {shape[:9]} has {len(numbers)} numbers")
        return numbers.reshape(shape, order="F" if by_columns else "C")


def _scalar(layout: Any, content: Any) -> Any:
    if not isinstance(layout, _NumberLayout):
        raise Malformed("a number has no type")
    numbers = layout.numbers(content)
    if len(numbers) != 1:
        raise Malformed(f"a single number is {len(numbers)} numbers")
    return numbers[0]
