"""Pickles and the files around them by hand, and the check that one is refused."""

import pickle
import zipfile
from pathlib import Path

import pytest

from deepsound.errors import EngineError
from deepsound.weights.load import read_tensors

PROTO, STOP = b"\x80\x02", b"."


def archive(path: Path, pickled: bytes, records: dict[str, bytes] | None = None) -> Path:
    """A zip file as torch.save writes it, around any pickle."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", pickled)
        file.writestr("archive/version", b"3\n")
        file.writestr("archive/byteorder", b"little")
        for name, content in (records or {}).items():
            file.writestr(f"archive/data/{name}", content)
    return path


def stream(path: Path, pickled: bytes) -> Path:
    """A file of before torch 1.6 around any pickle, without storages."""
    facts = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    parts = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, facts)]
    path.write_bytes(b"".join(parts) + pickled + pickle.dumps([], 2))
    return path


def name(dotted: str) -> bytes:
    module, _, attribute = dotted.rpartition(".")
    return f"c{module}\n{attribute}\n".encode()


def value(content: object) -> bytes:
    return pickle.dumps(content, 2).removeprefix(PROTO).removesuffix(STOP)


def refused(path: Path, match: str | None = None) -> None:
    with pytest.raises(EngineError, match=match) as caught:
        read_tensors(path)
    assert path.name in str(caught.value)
