"""What a file holds, and how files that hold nothing usable are refused."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from deepsound.errors import InputError, MediaError
from deepsound.media.clip import Clip
from deepsound.media.container import MAX_FRAME_PIXELS
from deepsound.media.mux import mux
from deepsound.media.probe import probe
from deepsound.media.wav import write_wav

MakeVideo = Callable[..., Path]


@pytest.mark.parametrize(
    ("name", "video_codec", "audio_codec"),
    [
        ("clip.mp4", "h264", "aac"),
        ("clip.mov", "h264", "pcm_s16le"),
        ("clip.webm", "vp9", "opus"),
        ("clip.mkv", "h264", "flac"),
        ("clip.avi", "mpeg4", "pcm_s16le"),
        ("clip.ts", "h264", "aac"),
    ],
)
def test_common_containers(
    make_video: MakeVideo,
    tone: Callable,
    name: str,
    video_codec: str,
    audio_codec: str,
) -> None:
    info = probe(make_video(name, audio=tone(1.0, channels=2)))
    assert info.video is not None and info.audio is not None
    assert (info.video.width, info.video.height, info.video.fps) == (64, 48, 10)
    assert (info.video.codec, info.audio.codec) == (video_codec, audio_codec)
    assert (info.audio.sample_rate, info.audio.channels) == (48000, 2)
    assert info.video.duration_s == pytest.approx(1.0, abs=1e-6)
    assert info.video.frame_count_estimate == 10


def test_ntsc_rate_is_exact(make_video: MakeVideo) -> None:
    video = Clip.open(make_video(fps=Fraction(30000, 1001), seconds=1.001)).video
    assert video.fps == Fraction(30000, 1001)
    assert video.duration_s == pytest.approx(1.001, abs=1e-6)


@pytest.mark.parametrize(("rotation", "size"), [(0, (64, 48)), (90, (48, 64)), (180, (64, 48)), (270, (48, 64))])
def test_displayed_size_follows_the_rotation(make_video: MakeVideo, rotation: int, size: tuple[int, int]) -> None:
    video = Clip.open(make_video(rotation=rotation)).video
    assert (video.width, video.height, video.rotation_degrees) == (*size, rotation)


def test_odd_sizes_are_kept(make_video: MakeVideo) -> None:
    video = Clip.open(make_video("odd.mkv", codec="ffv1", size=(65, 49))).video
    assert (video.width, video.height) == (65, 49)


def test_varying_rate_lasts_to_the_end_of_the_last_frame(make_video: MakeVideo, tmp_path: Path) -> None:
    # The codec reorders frames, so decoding times, which the mp4 header counts, end long before the last picture.
    times = [0, 0.1, 0.13, 0.5, 0.52, 1.0, 1.7]
    path = make_video(times=times)
    assert Clip.open(path).duration_s > 1.7
    # Copied into Matroska, the rate that remains is the container's clock of 1000 ticks a second.
    mux(path, None, tmp_path / "vfr.mkv")
    matroska = Clip.open(tmp_path / "vfr.mkv").video
    assert matroska.duration_s > 1.7
    assert float(matroska.fps) == pytest.approx(7 / 1.75, rel=0.1)


def test_longer_sound_does_not_lengthen_the_picture(make_video: MakeVideo, tone: Callable) -> None:
    for name in ("long.mp4", "long.mkv", "long.webm"):
        assert Clip.open(make_video(name, audio=tone(3.0))).duration_s == pytest.approx(1.0, abs=0.01)


def test_live_recording_without_a_duration(make_video: MakeVideo, tmp_path: Path) -> None:
    path = tmp_path / "live.webm"
    with av.open(str(make_video("finished.webm", seconds=2.0))) as source:
        buffer = io.BytesIO()
        # Neither seeking nor closing tags: the length could not be written into the header afterwards.
        with av.open(_WriteOnly(buffer), "w", format="webm", options={"live": "1"}) as output:
            stream = output.add_stream_from_template(source.streams.video[0], opaque=True)
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    output.mux(packet)
    path.write_bytes(buffer.getvalue())
    with av.open(str(path)) as live:
        assert live.duration is None
    assert Clip.open(path).duration_s == pytest.approx(2.0, abs=0.11)


class _WriteOnly:
    def __init__(self, buffer: io.BytesIO) -> None:
        self._buffer = buffer

    def write(self, data: bytes) -> int:
        return self._buffer.write(data)


def test_one_frame_lasts_one_frame(make_video: MakeVideo) -> None:
    clip = Clip.open(make_video(seconds=0.1))
    assert clip.duration_s == pytest.approx(0.1)
    assert clip.video.frame_count_estimate == 1


def test_audio_only_mp4_is_no_video(tmp_path: Path, tone: Callable) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(1024 / 48000).numpy(), format="fltp", layout="mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert probe(path).video is None
    with pytest.raises(MediaError, match="sound but no video"):
        Clip.open(path)


def test_wav_is_no_video(tmp_path: Path, tone: Callable) -> None:
    write_wav(tone(0.5), tmp_path / "a.wav")
    info = probe(tmp_path / "a.wav")
    assert info.video is None and info.duration_s == pytest.approx(0.5)


def test_no_frames_at_all(tmp_path: Path) -> None:
    path = tmp_path / "none.mkv"
    with av.open(str(path), "w") as container:
        container.add_stream("ffv1", rate=10, width=64, height=48)
        container.start_encoding()
    with pytest.raises(MediaError, match=r"no frame|cannot be read"):
        probe(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"not a video" * 50, "cannot be read"),
        (bytes(range(256)) * 40, "cannot be read"),
        (b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n", "cannot be read"),
        (b"ffconcat version 1.0\nfile /etc/hostname\n", "cannot be read"),
    ],
)
def test_not_a_video(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "odd.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=message) as error:
        probe(path)
    assert str(path) in str(error.value)


def test_truncated_before_the_index(make_video: MakeVideo) -> None:
    path = make_video(seconds=2.0, paint=_noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(MediaError, match="cut short"):
        probe(path)


def _noise(index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 255, (48, 64, 3), np.uint8)


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="does not exist"):
        probe(tmp_path / "missing.mp4")
    with pytest.raises(MediaError, match="folder"):
        probe(tmp_path)
    with pytest.raises(InputError, match="not a file name"):
        probe("clip\0.mp4")
    with pytest.raises(InputError, match="not a file name"):
        probe("")
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(MediaError, match="does not exist"):
        probe(tmp_path / "file" / "clip.mp4")


def test_a_link_to_what_is_gone_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").symlink_to(tmp_path / "gone.mp4")
    with pytest.raises(MediaError, match=r"clip\.mp4 is a link to .*gone\.mp4, which does not exist; mend the link"):
        probe(tmp_path / "clip.mp4")
    (tmp_path / "folder").symlink_to(tmp_path / "nowhere", target_is_directory=True)
    with pytest.raises(MediaError, match=r"folder is a link to .*nowhere, which does not exist; mend the link"):
        probe(tmp_path / "folder" / "clip.mp4")


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/clip.mp4", "concat:a.mp4|b.mp4", "pipe:0"])
def test_addresses_are_only_ever_local_files(address: str) -> None:
    with pytest.raises(MediaError, match="does not exist"):
        probe(address)


def test_huge_frames_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "huge.avi"
    path.write_bytes(_avi_header(16000, 12000))
    with pytest.raises(MediaError, match=f"16000 x 12000.*{MAX_FRAME_PIXELS}"):
        probe(path)


def _avi_header(width: int, height: int) -> bytes:
    """An uncompressed AVI that claims a size, with one empty frame."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack("<4sI", name, len(body)) + body + b"\0" * (len(body) % 2)

    main = struct.pack("<14I", 100000, 0, 0, 0, 1, 0, 1, 0, width, height, 0, 0, 0, 0)
    stream = struct.pack("<4s4sIHHIIIIIIII4H", b"vids", b"MJPG", 0, 0, 0, 0, 1, 10, 0, 1, 0, 0, 0, 0, 0, 0, 0)
    picture = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, b"MJPG", 0, 0, 0, 0, 0)
    streams = b"strl" + chunk(b"strh", stream) + chunk(b"strf", picture)
    header = chunk(b"LIST", b"hdrl" + chunk(b"avih", main) + chunk(b"LIST", streams))
    body = b"AVI " + header + chunk(b"LIST", b"movi" + chunk(b"00dc", b"\xff\xd8\xff\xd9"))
    return chunk(b"RIFF", body)


def test_the_real_clip(tornado: Path) -> None:
    info = probe(tornado)
    assert info.video is not None and info.audio is not None
    assert (info.video.width, info.video.height, info.video.fps) == (480, 360, 30)
    assert info.video.duration_s == pytest.approx(10.0, abs=1e-6)
    assert info.video.frame_count_estimate == 300
    assert (info.audio.sample_rate, info.audio.channels, info.audio.codec) == (44100, 2, "aac")
