"""Reader of torch.save files, zip and legacy, that uses no unpickler of torch or Python.

Formats as in torch/serialization.py: an archive holds `data.pkl` and one record for each storage, aligned and not
compressed; a stream holds a magic number, a version, facts on the machine, the pickle, its storages' keys and bytes.
"""

from __future__ import annotations

import io
import mmap
import os
import struct
import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from deepsound.weights.rebuild import Storage, StorageType, names
from deepsound.weights.unpickler import Malformed, Unpickler

if TYPE_CHECKING:
    import torch

_MAGIC = 0x1950A86A20F9469CFC6C
# Bytes of the largest element, complex128.
_ALIGNMENT = 16
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")


def read_archive(path: Path) -> Any:
    """The content of a zip archive by `torch.save`; its tensors are mapped from the file, privately.

    Raises Malformed and RefusedName, and what zipfile and struct raise on damaged archives.
    """
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        records = _Records(file, archive)
        return Unpickler(names(), records.persistent).load(records.open("data.pkl"))


def read_stream(path: Path) -> Any:
    """The content of a file of before torch 1.6. Raises Malformed and RefusedName, EOFError where it is cut off."""
    with path.open("rb") as file:
        storages = _Stream(os.fstat(file.fileno()).st_size)
        plain = Unpickler({}, storages.refuse)
        if plain.load(file) != _MAGIC:
            raise Malformed("it is a pickle, but none that torch wrote")
        plain.load(file)
        machine = plain.load(file)
        if not isinstance(machine, dict) or machine.get("little_endian") is not True:
            raise Malformed("it was written on a machine of another byte order")
        content = Unpickler(names(), storages.persistent).load(file)
        storages.read(plain.load(file), file)
        return content


class _Records:
    """The records of an archive, all below one folder in it."""

    def __init__(self, file: IO[bytes], archive: zipfile.ZipFile) -> None:
        self._file = file
        found = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(found) != 1:
            raise Malformed("the archive holds no data.pkl, so torch.save did not write it")
        self._folder = found[0].removesuffix("data.pkl")
        self._entries = {info.filename.removeprefix(self._folder): info for info in archive.infolist()}
        if "constants.pkl" in self._entries:
            raise Malformed("it is a TorchScript program, not a checkpoint")
        if "byteorder" in self._entries and self.open("byteorder").read(16) != b"little":
            raise Malformed("it was written on a machine of another byte order")
        self._mapped: mmap.mmap | None = None
        self._storages: dict[tuple[str, Any, int], Storage] = {}

    def open(self, name: str) -> IO[bytes]:
        begin, length = self._place(name)
        self._file.seek(begin)
        return io.BytesIO(self._file.read(length))

    def persistent(self, id: Any) -> Storage:
        """The storage of a persistent id ('storage', type, key, location, elements)."""
        if not isinstance(id, tuple) or len(id) != 5 or id[0] != "storage" or not isinstance(id[1], StorageType):
            raise Malformed("a storage is named in an unknown way")
        _, kind, key, _, elements = id
        if not isinstance(key, str) or type(elements) is not int or elements < 0:
            raise Malformed("a storage is named in an unknown way")
        wanted = (key, kind.dtype, elements)
        if wanted not in self._storages:
            self._storages[wanted] = self._storage(f"data/{key}", kind, elements)
        return self._storages[wanted]

    def _storage(self, name: str, kind: StorageType, elements: int) -> Storage:
        import torch

        itemsize = kind.dtype.itemsize if kind.dtype is not None else 1
        begin, length = self._place(name)
        if elements * itemsize > length:
            raise Malformed(f"the record {name} is cut off: it has {length} of {elements * itemsize} bytes")
        if not elements:
            return Storage(torch.UntypedStorage(0), kind.dtype)
        if self._mapped is None:
            # Private: what is written to a tensor never reaches the file.
            self._mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_COPY)
        part = torch.frombuffer(self._mapped, dtype=torch.uint8, count=elements * itemsize, offset=begin)
        # Numbers that do not lie where the CPU wants them are copied.
        return Storage((part.clone() if begin % _ALIGNMENT else part).untyped_storage(), kind.dtype)

    def _place(self, name: str) -> tuple[int, int]:
        """Where in the file a record's bytes begin, and how many they are."""
        info = self._entries.get(name)
        if info is None:
            raise Malformed(f"the archive lacks the record {name[:80]}")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size or info.flag_bits & 1:
            raise Malformed(f"the record {name[:80]} is compressed or encrypted, which torch.save never does")
        self._file.seek(info.header_offset)
        header = self._file.read(_LOCAL_HEADER.size)
        signature, *_, name_length, extra_length = _LOCAL_HEADER.unpack(header)
        begin = info.header_offset + len(header) + name_length + extra_length
        if signature != b"PK\x03\x04" or begin + info.file_size > os.fstat(self._file.fileno()).st_size:
            raise Malformed(f"the record {name[:80]} is cut off")
        return begin, info.file_size


class _Stream:
    """The storages of a stream: made when the pickle names them, read when it is over."""

    def __init__(self, file_size: int) -> None:
        self._left = file_size
        self._storages: dict[str, tuple[torch.UntypedStorage, int]] = {}

    def refuse(self, id: Any) -> Any:
        raise Malformed("a storage is named where none can be")

    def persistent(self, id: Any) -> Storage:
        """The storage of a persistent id ('storage', type, key, location, elements, part of it or None)."""
        if not isinstance(id, tuple) or len(id) != 6 or id[0] != "storage" or not isinstance(id[1], StorageType):
            raise Malformed("a storage is named in an unknown way")
        _, kind, key, _, elements, part = id
        if not isinstance(key, str) or type(elements) is not int or elements < 0:
            raise Malformed("a storage is named in an unknown way")
        itemsize = kind.dtype.itemsize if kind.dtype is not None else 1
        untyped = self._allocate(key, elements, itemsize)
        if part is not None:
            _, first, count = part
            if not 0 <= first <= first + count <= elements:
                raise Malformed("a part of a storage leaves it")
            untyped = untyped[first * itemsize : (first + count) * itemsize]
        return Storage(untyped, kind.dtype)

    def _allocate(self, key: str, elements: int, itemsize: int) -> torch.UntypedStorage:
        import torch

        if key not in self._storages:
            self._left -= elements * itemsize
            if self._left < 0:
                raise Malformed("it is cut off: its tensors are larger than the file")
            self._storages[key] = torch.UntypedStorage(elements * itemsize), itemsize
        untyped, known = self._storages[key]
        if known != itemsize or untyped.nbytes() != elements * itemsize:
            raise Malformed("a storage is named with two sizes")
        return untyped

    def read(self, keys: Any, file: IO[bytes]) -> None:
        """Fill the storages with what follows the pickle."""
        if not isinstance(keys, list) or set(keys) != set(self._storages) or len(keys) != len(self._storages):
            raise Malformed("the list of its storages is damaged")
        for key in keys:
            untyped, itemsize = self._storages[key]
            (elements,) = struct.unpack("<q", file.read(8))
            if elements * itemsize != untyped.nbytes():
                raise Malformed("a storage's length is damaged")
            _read_into(untyped, file)


def _read_into(untyped: torch.UntypedStorage, file: IO[bytes]) -> None:
    import torch

    if not untyped.nbytes():
        return
    view: Any = torch.empty(0, dtype=torch.uint8).set_(untyped, 0, (untyped.nbytes(),), (1,)).numpy()
    if cast(io.BufferedReader, file).readinto(view) != len(view):
        raise Malformed("it is cut off in the midst of its tensors")
