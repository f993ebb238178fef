"""What is written, and what is left when it cannot be."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from deepsound.errors import InputError, OutputError
from deepsound.media.audio import decode_audio
from deepsound.media.files import atomic_write
from deepsound.media.mux import mux
from deepsound.media.plots import write_png
from deepsound.media.wav import read_wav, write_wav
from deepsound.types import Audio

Sound = Callable[..., Audio]


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file grow past 20 000 bytes, so that the system itself refuses to write more.

    Not a fixture: the limit holds for the whole process, and pytest's own report may be a longer file.
    """
    resource = pytest.importorskip("resource", reason="this system has no file size limit to set")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 8])
def test_wav_comes_back_bit_for_bit(tmp_path: Path, noise: Sound, channels: int) -> None:
    audio = noise(0.3, rate=44100, channels=channels, level=2.0)
    write_wav(audio, tmp_path / "a.wav")
    back = read_wav(tmp_path / "a.wav")
    assert back.sample_rate == 44100
    np.testing.assert_array_equal(back.numpy(), audio.numpy())
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.wav"]


def test_wav_without_a_sample(tmp_path: Path) -> None:
    write_wav(Audio.from_numpy(np.zeros((1, 0)), 8000), tmp_path / "empty.wav")
    data = (tmp_path / "empty.wav").read_bytes()
    assert data[:4] == b"RIFF" and struct.unpack("<I", data[4:8])[0] == len(data) - 8


def test_wav_refuses_what_is_no_number(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1 of its 4"):
        write_wav(Audio.from_numpy(np.array([0, np.nan, 0, 0]), 8000), tmp_path / "a.wav")
    assert not list(tmp_path.iterdir())


def test_full_disk_leaves_the_earlier_wav(tmp_path: Path, tone: Sound) -> None:
    path = tmp_path / "a.wav"
    write_wav(tone(0.05), path)
    before = path.read_bytes()
    with full_disk(), pytest.raises(OutputError, match=r"a\.wav") as error:
        write_wav(tone(5.0), path)
    assert "choose another" in str(error.value)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_leaves_the_earlier_video(
    tmp_path: Path,
    make_video: Callable[..., Path],
    noise: Sound,
) -> None:
    source = make_video("source.mp4")
    target = tmp_path / "out.mp4"
    target.write_bytes(b"an earlier, good file")
    with full_disk(), pytest.raises(OutputError, match=r"out\.mp4"):
        mux(source, noise(20.0), target)
    assert target.read_bytes() == b"an earlier, good file"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["out.mp4", "source.mp4"]


@pytest.mark.parametrize(
    "write",
    [
        lambda audio, path: write_wav(audio, path.with_suffix(".wav")),
        lambda audio, path: write_png(np.zeros((2, 2, 3), np.uint8), path.with_suffix(".png")),
    ],
)
def test_places_that_cannot_be_written(tmp_path: Path, tone: Sound, write: Callable[[Audio, Path], None]) -> None:
    audio = tone(0.01)
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(OutputError, match="not a folder"):
        write(audio, tmp_path / "file" / "out")
    with pytest.raises(OutputError, match="does not exist"):
        write(audio, tmp_path / "missing" / "out")
    with pytest.raises(OutputError, match="not a file name"):
        write(audio, tmp_path / "nu\0ll")


def test_a_folder_is_not_overwritten(tmp_path: Path, tone: Sound) -> None:
    (tmp_path / "a.wav").mkdir()
    with pytest.raises(OutputError, match="it is a folder"):
        write_wav(tone(0.01), tmp_path / "a.wav")


def test_any_failure_inside_removes_the_partial_file(tmp_path: Path) -> None:
    def fail() -> None:
        with atomic_write(tmp_path / "a.txt") as partial:
            partial.write_text("half")
            assert partial.suffix == ".txt" and partial.parent == tmp_path
            raise KeyError("engine")

    with pytest.raises(KeyError):
        fail()
    assert not list(tmp_path.iterdir())


def test_names_at_the_systems_limit_can_be_written(tmp_path: Path, tone: Sound) -> None:
    path = tmp_path / ("n" * 251 + ".wav")
    write_wav(tone(0.01), path)
    assert decode_audio(path).samples == 480
