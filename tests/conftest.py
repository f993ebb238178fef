"""Fixtures: generated clips and sounds, the storm clips, sharing of the machine's cores."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from deepsound.types import Audio
from tests.material import astronaut, mixed, sounds, speech, storm

__all__ = ["astronaut", "mixed", "sounds", "speech", "storm"]

# The repository's own storm, and a recorded one of the same form where the folder beside the repository has it.
TORNADOES = {
    "own": Path(__file__).parent / "clips" / "tornado.mp4",
    "recorded": Path(__file__).parents[2] / "shared" / "data" / "vggsound_tornado_1QBsc_IXg8U_000750.mp4",
}
CODECS = {
    ".mp4": ("libx264", "aac"),
    ".mov": ("libx264", "pcm_s16le"),
    ".mkv": ("libx264", "flac"),
    ".webm": ("libvpx-vp9", "libopus"),
    ".avi": ("mpeg4", "pcm_s16le"),
    ".ts": ("libx264", "aac"),
}
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}

Painter = Callable[[int], np.ndarray]


@pytest.fixture(autouse=True)
def no_weights_of_the_machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `auto` picks must not depend on the machine or an earlier test: only this test's weights are found."""
    if (places := sys.modules.get("deepsound.weights.search_paths")) is not None:
        places.register_model_folders([])
    if (features := sys.modules.get("deepsound.runtime.feature_cache")) is not None:
        features.feature_cache().files = None
    for name in ("DEEPSOUND_HOME", "HF_HUB_CACHE", "TORCH_HOME"):
        monkeypatch.setenv(name, str(Path(os.sep, "nothing", "is", "here")))
    for name in ("DEEPSOUND_PROJECTS", *(() if "comfy" in request.path.parts else ("COMFYUI_PATH",))):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def json_fits_its_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """What any test prints with `--json` in this process is held against the published schema."""
    from deepsound.cli import formatting

    def checked(name: str, record: Mapping[str, Any]) -> dict[str, Any]:
        from tests.json_records import fits

        made = versioned(name, record)
        fits(name, made)
        return made

    versioned = formatting.versioned
    monkeypatch.setattr(formatting, "versioned", checked)


def pytest_configure(config: pytest.Config) -> None:
    """A worker among several is one thread: two that each use every core wait for each other."""
    # What `auto` precision means must not depend on the machine: exactness is tested in float32.
    # Settings of whoever runs the tests are not the tests'.
    os.environ["DEEPSOUND_CONFIG"] = "none"
    os.environ.setdefault("DEEPSOUND_CPU_PRECISION", "fp32")
    # Hundreds of child processes and loads of the pack would compile the same files anew, which takes minutes.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if "PYTEST_XDIST_WORKER" in os.environ:
        import torch

        torch.set_num_threads(1)
        os.environ["OMP_NUM_THREADS"] = "1"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """`--dist loadfile`, which shares module fixtures, with the servers and the slow files thought of."""
    if config.getoption("dist") != "loadfile":
        return None
    from tests.scheduling import CoreScheduling

    return CoreScheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of several workers none is left alone at the end with a slow file."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        from tests.scheduling import slow_files_first

        slow_files_first(items)


def pytest_report_header() -> str:
    """Say which storm clips the tests run on, so that a missing recorded one is no silent gap."""
    found = [name for name, path in TORNADOES.items() if path.is_file()]
    return f"storm clips: {', '.join(found)}" + ("" if "recorded" in found else " (the recorded one is not at hand)")


@pytest.fixture(scope="session", params=[name for name, path in TORNADOES.items() if name == "own" or path.is_file()])
def tornado(request: pytest.FixtureRequest) -> Path:
    """Ten seconds of a storm: 480x360, 30 fps, 300 shown frames behind an edit list, stereo AAC at 44100 Hz."""
    return TORNADOES[request.param]


@pytest.fixture
def fake_engines(monkeypatch: pytest.MonkeyPatch) -> type:
    """Engines whose answers are known, by the names in tests.fakes; gives the generator, which notes its requests."""
    from deepsound import engines
    from tests import fakes

    registered = tuple(
        engines.EngineInfo(kind, name, "made for tests", f"tests.fakes:{target}")
        for kind, rows in fakes.REGISTERED.items()
        for name, target in rows.items()
    )
    monkeypatch.setattr(engines, "EMBEDDED", engines.EMBEDDED + registered)
    monkeypatch.setattr(fakes.Generator, "requests", [])
    return fakes.Generator


@pytest.fixture
def nothing_at_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No weights of this machine in sight, no network in memory, no features kept."""
    from deepsound.runtime.feature_cache import feature_cache
    from deepsound.runtime.model_cache import model_cache
    from deepsound.weights.search_paths import register_model_folders

    for name in ("HF_HOME", "HF_HUB_CACHE", "TORCH_HOME", "COMFYUI_PATH", "DEEPSOUND_PROJECTS"):
        monkeypatch.setenv(name, str(tmp_path / "nothing here"))
    monkeypatch.setenv("DEEPSOUND_HOME", str(tmp_path / "home"))
    model_cache().unload()
    feature_cache().clear()
    register_model_folders([])


@pytest.fixture
def no_other_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Weights are found in the folders that the test or its host registers, nowhere else; no features kept."""
    from deepsound.runtime.feature_cache import feature_cache

    for name in ("HF_HOME", "HF_HUB_CACHE", "DEEPSOUND_HOME", "COMFYUI_PATH"):
        monkeypatch.setenv(name, str(tmp_path / "nothing here"))
    feature_cache().clear()


@pytest.fixture
def no_gradients() -> Iterator[None]:
    import torch

    with torch.no_grad():
        yield


@pytest.fixture
def tone() -> Callable[..., Audio]:
    """Make a sine tone: tone(seconds=1.0, rate=48000, channels=1, hz=440.0, level=0.5)."""

    def make(
        seconds: float = 1.0, rate: int = 48000, channels: int = 1, hz: float = 440.0, level: float = 0.5
    ) -> Audio:
        wave = level * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)
        return Audio.from_numpy(np.tile(wave, (channels, 1)), rate)

    return make


@pytest.fixture
def noise() -> Callable[..., Audio]:
    """Make white noise: noise(seconds=1.0, rate=48000, channels=1, level=0.1, seed=0); `level` is its RMS."""

    def make(seconds: float = 1.0, rate: int = 48000, channels: int = 1, level: float = 0.1, seed: int = 0) -> Audio:
        samples = np.random.default_rng(seed).normal(scale=level, size=(channels, round(seconds * rate)))
        return Audio.from_numpy(samples, rate)

    return make


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """Write a small clip below tmp_path and return its path.

    make_video(name="clip.mp4", size=(64, 48), fps=10, seconds=1.0, codec=None, audio=None, audio_codec=None,
    paint=None, times=None, rotation=0, pixel_format="yuv420p", gop=None, options=None): the container follows the
    suffix, `paint(index)` gives uint8 [height, width, 3], `times` sets each frame's time in seconds (varying frame
    rate) and `rotation` turns the shown picture clockwise, in degrees (mp4 and mov).
    """

    def make(name: str = "clip.mp4", **wanted: object) -> Path:
        path = tmp_path / name
        write_video(path, **wanted)  # type: ignore[arg-type]
        return path

    return make


@pytest.fixture(scope="session")
def short_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """clip.mp4 of 1.2 s at 25 fps without sound, which the small networks of the generators can work on."""
    path = tmp_path_factory.mktemp("videos") / "clip.mp4"
    write_video(path, fps=25, seconds=1.2)
    return path


@pytest.fixture
def turn_video() -> Callable[[Path, int], None]:
    """Turn the shown picture of an mp4 or mov clockwise in place: turn_video(path, degrees)."""
    return turn


def write_video(
    path: Path,
    size: tuple[int, int] = (64, 48),
    fps: int | Fraction = 10,
    seconds: float = 1.0,
    codec: str | None = None,
    audio: Audio | None = None,
    audio_codec: str | None = None,
    paint: Painter | None = None,
    times: list[float] | None = None,
    rotation: int = 0,
    pixel_format: str = "yuv420p",
    gop: int | None = None,
    options: dict[str, str] | None = None,
) -> None:
    width, height = size
    paint = paint or moving_bar(width, height)
    video_codec, sound_codec = CODECS[path.suffix]
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec or video_codec, rate=Fraction(fps), width=width, height=height)
        stream.pix_fmt = pixel_format
        # With several threads x264 decides by their timing, and equal calls would give different files.
        stream.codec_context.thread_count = 1
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if gop:
            stream.gop_size = gop
        sound = None
        if audio is not None:
            sound = container.add_stream(audio_codec or sound_codec, rate=audio.sample_rate)
            sound.codec_context.layout = LAYOUTS[audio.channels]
        for index in range(len(times) if times is not None else round(seconds * fps)):
            frame = av.VideoFrame.from_ndarray(paint(index), format="rgb24")
            frame.pts = round(times[index] * 1000) if times is not None else index
            frame.time_base = Fraction(1, 1000) if times is not None else 1 / Fraction(fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None and audio is not None:
            write_sound(container, sound, audio)
    if rotation:
        turn(path, rotation)


def write_sound(container: av.container.OutputContainer, stream: av.AudioStream, audio: Audio) -> None:
    """Encode a sound into a stream, converted to what the stream's codec takes."""
    resampler = av.AudioResampler(stream.codec_context.format, stream.codec_context.layout, audio.sample_rate)
    block = 1024
    for start in range(0, audio.samples, block):
        samples = np.ascontiguousarray(audio.numpy()[:, start : start + block])
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=LAYOUTS[audio.channels])
        frame.sample_rate = audio.sample_rate
        frame.pts = start
        frame.time_base = Fraction(1, audio.sample_rate)
        for converted in resampler.resample(frame):
            container.mux(stream.encode(converted))
    container.mux(stream.encode(None))


def moving_bar(width: int, height: int) -> Painter:
    """A grey ramp with a white bar that moves four pixels a frame, so that every frame differs."""

    def paint(index: int) -> np.ndarray:
        picture = np.empty((height, width, 3), np.uint8)
        picture[:] = np.linspace(40, 160, height, dtype=np.uint8)[:, None, None]
        left = 4 * index % width
        picture[:, left : left + 8] = 255
        return picture

    return paint


def turn(path: Path, degrees: int) -> None:
    """Set the video track's display matrix in an mp4 or mov, clockwise, by patching its tkhd box."""
    matrices = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
    a, b, c, d = matrices[degrees]
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = np.array([a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30], ">i4").tobytes()
    path.write_bytes(bytes(data))
