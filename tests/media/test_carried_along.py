"""What a mux keeps of a source beside its picture, and what it says of the rest."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from deepsound.errors import OutputError
from deepsound.media.clip import Clip
from deepsound.media.formats import CONTAINERS
from deepsound.media.metadata import later_timecode
from deepsound.media.mux import MuxResult, mux
from deepsound.media.mux_plan import plan_mux
from deepsound.types import Audio
from tests.conftest import moving_bar, write_sound

MakeVideo = Callable[..., Path]
Sound = Callable[..., Audio]
HAS_CHAPTERS = hasattr(av.container.Container, "set_chapters")
HAS_ATTACHMENTS = hasattr(av.container.OutputContainer, "add_attachment")
SUBTITLE = b"Hello"


def rich_video(path: Path, tone: Sound, subtitles: str = "", chapters: bool = True) -> Path:
    """Two sound tracks (eng; fra, the default one), and where wanted subtitles, chapters, tags and an attachment."""
    with av.open(str(path), "w") as output:
        picture = output.add_stream("mpeg4", rate=10, width=64, height=48)
        picture.metadata["language"] = "deu"
        sounds = [output.add_stream("aac", rate=48000) for _ in range(2)]
        for stream, language in zip(sounds, ("eng", "fra"), strict=True):
            stream.codec_context.layout = "mono"
            stream.metadata["language"] = language
        flags = type(sounds[0].disposition)
        sounds[0].disposition, sounds[1].disposition = 0, flags.default.value
        output.metadata.update({"title": "My Film", "creation_time": "2024-05-06T07:08:09.000000Z"})
        words = _subtitle_track(output, subtitles) if subtitles else None
        if path.suffix == ".mkv" and HAS_ATTACHMENTS:
            output.add_attachment("font.ttf", "application/x-truetype-font", b"not a font")
        if chapters and HAS_CHAPTERS:
            output.set_chapters([_chapter(1, 0, 1000, "One"), _chapter(2, 1000, 2000, "Two")])
        paint = moving_bar(64, 48)
        for index in range(20):
            frame = av.VideoFrame.from_ndarray(paint(index), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            output.mux(picture.encode(frame))
        output.mux(picture.encode(None))
        if words is not None:
            _mux_words(output, words, subtitles)
        for hz, stream in zip((440.0, 880.0), sounds, strict=True):
            write_sound(output, stream, tone(2.0, hz=hz))
    return path


def _chapter(number: int, start: int, end: int, title: str) -> dict[str, object]:
    return {"id": number, "start": start, "end": end, "time_base": Fraction(1, 1000), "metadata": {"title": title}}


def _subtitle_track(output: av.container.OutputContainer, codec: str) -> av.stream.Stream:
    if not hasattr(output, "add_mux_stream"):
        pytest.skip("this PyAV cannot write a subtitle track for the test")
    stream = output.add_mux_stream(codec)
    stream.time_base = Fraction(1, 1000)
    stream.metadata["language"] = "ita"
    return stream


def _mux_words(output: av.container.OutputContainer, stream: av.stream.Stream, codec: str) -> None:
    payload = len(SUBTITLE).to_bytes(2, "big") + SUBTITLE if codec == "mov_text" else SUBTITLE
    packet = av.Packet(payload)
    packet.pts = packet.dts = 200
    packet.duration, packet.time_base, packet.stream = 1300, Fraction(1, 1000), stream
    output.mux(packet)


def languages(path: Path, kind: str) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.metadata.get("language", "") for stream in container.streams if stream.type == kind]


def fates(muxed: MuxResult) -> dict[str, str]:
    return {item.what: item.fate for item in muxed.report.items}


def test_other_sound_tracks_subtitles_attachments_and_tags_of_an_mkv_are_kept(tmp_path: Path, tone: Sound) -> None:
    source = rich_video(tmp_path / "full.mkv", tone, subtitles="subrip")
    muxed = mux(source, tone(2.0), tmp_path / "out.mkv")
    assert languages(tmp_path / "out.mkv", "audio") == ["fra", "eng"]
    assert languages(tmp_path / "out.mkv", "video") == ["deu"]
    assert languages(tmp_path / "out.mkv", "subtitle") == ["ita"]
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.metadata["title"] == "My Film"
        assert [bool(s.disposition & s.disposition.default) for s in container.streams.audio] == [True, False]
        words = [bytes(packet) for packet in container.demux(subtitles=0) if packet.size]
    assert words == [SUBTITLE]
    found = fates(muxed)
    assert found["sound track 2 (fra, aac)"] == "replaced"
    assert found["sound track 1 (eng, aac)"] == found["subtitles 1 (ita, subrip)"] == found["title"] == "kept"
    assert found.get("attachment font.ttf", "kept") == "kept"


@pytest.mark.skipif(not HAS_CHAPTERS, reason="this PyAV knows no chapters")
@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_chapters_are_kept_and_cut_to_the_window(tmp_path: Path, tone: Sound, suffix: str) -> None:
    source = rich_video(tmp_path / f"full{suffix}", tone)
    assert fates(mux(source, tone(2.0), tmp_path / f"whole{suffix}"))["chapters"] == "kept"
    muxed = mux(source, tone(0.5), tmp_path / "part.mp4", start_s=1.2, duration_s=0.5)
    with av.open(str(tmp_path / "part.mp4")) as container:
        chapter, *more = container.chapters()
    assert chapter["metadata"]["title"] == "Two" and not more
    assert float(chapter["end"] * chapter["time_base"]) == pytest.approx(0.5, abs=0.01)
    assert "1 of 2" in next(item.why for item in muxed.report.items if item.what == "chapters")


def test_the_losses_of_an_mkv_in_an_mp4_are_named_before_and_after(tmp_path: Path, tone: Sound) -> None:
    source = rich_video(tmp_path / "full.mkv", tone, subtitles="subrip")
    plan = plan_mux(Clip.open(source), "mp4")
    muxed = mux(source, tone(2.0), tmp_path / "out.mp4")
    for lines in (plan.lines(), muxed.report.lines()):
        assert "subtitles 1 (ita, subrip) (mp4 cannot hold it)" in " ".join(lines)
    assert fates(muxed)["sound track 1 (eng, aac)"] == "kept"


def test_the_second_sound_of_a_window_stays_in_step(tmp_path: Path, tone: Sound) -> None:
    source = rich_video(tmp_path / "full.mp4", tone)
    muxed = mux(source, tone(1.0), tmp_path / "out.mp4", start_s=0.7, duration_s=1.0)
    assert fates(muxed)["sound track 1 (eng, aac)"] == "kept"
    with av.open(str(tmp_path / "out.mp4")) as container:
        second = container.streams.audio[1]
        length_s = float(second.duration * second.time_base)
    assert length_s == pytest.approx(1.0, abs=0.03)


def test_creation_time_is_kept(tmp_path: Path, tone: Sound) -> None:
    source = rich_video(tmp_path / "full.mp4", tone)
    assert fates(mux(source, tone(2.0), tmp_path / "out.mp4"))["creation time"] == "kept"
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.metadata["creation_time"].startswith("2024-05-06T07:08:09")


@pytest.mark.parametrize("target", ["out.mov", "out.mp4", "out.mkv"])
def test_quicktime_keys_are_kept(make_video: MakeVideo, tmp_path: Path, tone: Sound, target: str) -> None:
    keys = {"com.apple.quicktime.make": "Apple", "com.apple.quicktime.location.ISO6709": "+48.1+011.5/"}
    with (
        av.open(str(make_video("plain.mov"))) as plain,
        av.open(str(tmp_path / "phone.mov"), "w", options={"movflags": "use_metadata_tags"}) as phone,
    ):
        copied = phone.add_stream_from_template(plain.streams.video[0], opaque=True)
        phone.metadata.update(keys)
        for packet in plain.demux(video=0):
            if packet.size:
                packet.stream = copied
                phone.mux(packet)
    muxed = mux(tmp_path / "phone.mov", tone(1.0), tmp_path / target)
    assert {fates(muxed)[name] for name in ("camera make", "place")} == {"kept"}
    with av.open(str(tmp_path / target)) as container:
        found = {name.lower(): text for name, text in container.metadata.items()}
    assert {name.lower(): text for name, text in keys.items()}.items() <= found.items()


def test_a_timecode_is_kept_and_moves_with_the_window(make_video: MakeVideo, tmp_path: Path, tone: Sound) -> None:
    with av.open(str(make_video("plain.mov", fps=25, gop=5))) as plain, av.open(str(tmp_path / "tc.mov"), "w") as timed:
        copied = timed.add_stream_from_template(plain.streams.video[0], opaque=True)
        copied.metadata["timecode"] = "01:00:00:00"
        for packet in plain.demux(video=0):
            if packet.size:
                packet.stream = copied
                timed.mux(packet)
    muxed = mux(tmp_path / "tc.mov", tone(0.4), tmp_path / "out.mov", start_s=0.6, duration_s=0.4)
    assert fates(muxed)["time code 01:00:00:00"] == "kept"
    with av.open(str(tmp_path / "out.mov")) as container:
        assert container.streams.video[0].metadata["timecode"] == "01:00:00:15"


@pytest.mark.parametrize(
    ("timecode", "frames", "fps", "expected"),
    [
        ("01:12:20:06", 44, Fraction(25), "01:12:22:00"),
        ("23:59:59:24", 1, Fraction(25), "00:00:00:00"),
        ("00:00:59;29", 1, Fraction(30000, 1001), "00:01:00;02"),
        ("00:09:59;29", 1, Fraction(30000, 1001), "00:10:00;00"),
        ("00:00:00;00", 17982, Fraction(30000, 1001), "00:10:00;00"),
        ("no time", 3, Fraction(25), "no time"),
    ],
)
def test_timecodes_count_as_smpte_does(timecode: str, frames: int, fps: Fraction, expected: str) -> None:
    assert later_timecode(timecode, frames, fps) == expected


def alpha_video(path: Path) -> Path:
    """A VP9 webm whose alpha plane is a ramp."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libvpx-vp9", rate=10, width=64, height=48)
        stream.pix_fmt = "yuva420p"
        stream.metadata["alpha_mode"] = "1"
        for index in range(5):
            picture = np.dstack([moving_bar(64, 48)(index), np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))])
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgba").reformat(format="yuva420p")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def alpha_of(path: Path) -> np.ndarray:
    """The first frame's alpha plane, by the decoder that knows of it."""
    with av.open(str(path)) as container:
        decoder = av.CodecContext.create("libvpx-vp9", "r")
        for packet in container.demux(video=0):
            for frame in decoder.decode(packet):
                return frame.to_ndarray(format="rgba")[..., 3]
    raise AssertionError("no frame")


def test_an_alpha_plane_stays_in_webm_with_its_tag(tmp_path: Path, tone: Sound) -> None:
    source = alpha_video(tmp_path / "alpha.webm")
    assert plan_mux(Clip.open(source)).container.name == "webm"
    muxed = mux(source, tone(0.5), tmp_path / "out.webm")
    assert fates(muxed)["alpha plane"] == "kept" and muxed.report.is_lossless == HAS_CHAPTERS
    assert np.ptp(alpha_of(tmp_path / "out.webm")) > 200
    np.testing.assert_array_equal(alpha_of(tmp_path / "out.webm"), alpha_of(source))


def test_picture_copied_as_it_is_is_never_said_over_a_lost_alpha_plane(tmp_path: Path, tone: Sound) -> None:
    source = alpha_video(tmp_path / "alpha.webm")
    muxed = mux(source, tone(0.5), tmp_path / "out.mp4")
    assert muxed.report.lines()[0] == "picture copied (vp9), but without its alpha plane"
    assert "alpha plane (mp4 cannot hold it)" in " ".join(plan_mux(Clip.open(source), "mp4").lines())


def test_a_dolby_vision_record_is_kept_in_mp4_and_mkv_and_its_loss_said_in_mov(
    make_video: MakeVideo, tmp_path: Path, tone: Sound
) -> None:
    source = with_dolby_record(make_video("hevc.mp4", codec="libx265", size=(64, 64)))
    for suffix, fate in ((".mp4", "kept"), (".mkv", "kept"), (".mov", "lost")):
        muxed = mux(source, tone(1.0), tmp_path / f"out{suffix}")
        assert fates(muxed)["Dolby Vision"] == fate, suffix
        assert ("Dolby Vision" in muxed.report.lines()[0]) == (fate == "lost")


def with_dolby_record(path: Path) -> Path:
    """The mp4 with a Dolby Vision configuration record (profile 8, level 1) at the end of its sample entry."""
    data = path.read_bytes()
    record = (32).to_bytes(4, "big") + b"dvvC" + bytes([1, 0, 8 << 1, 1 << 3 | 0b101, 4 << 4]) + bytes(19)
    moov = data.index(b"moov") - 4
    entry = data.index(b"hev1", moov) - 4 if b"hev1" in data[moov:] else data.index(b"hvc1", moov) - 4
    end = entry + int.from_bytes(data[entry : entry + 4], "big")
    patched = bytearray(data[:end] + record + data[end:])
    assert data.index(b"mdat") < moov, "the index must come last, or chunk offsets would have to move"
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"):
        at = patched.index(name, moov) - 4
        patched[at : at + 4] = (int.from_bytes(patched[at : at + 4], "big") + 32).to_bytes(4, "big")
    patched[entry : entry + 4] = (int.from_bytes(patched[entry : entry + 4], "big") + 32).to_bytes(4, "big")
    path.write_bytes(bytes(patched))
    return path


@pytest.mark.parametrize("suffix", sorted(CONTAINERS))
def test_the_table_of_containers_lists_only_what_pyav_copies(tmp_path: Path, suffix: str) -> None:
    row = CONTAINERS[suffix]
    with av.open(str(tmp_path / f"empty{suffix}"), "w", format=row.format) as output:
        known = set()
        for name in output.supported_codecs:
            for mode in ("r", "w"):
                try:
                    known.add(av.codec.Codec(name, mode).canonical_name)
                except ValueError:
                    continue
        output.add_stream("flac" if suffix == ".mkv" else "aac" if suffix != ".webm" else "libopus", rate=48000)
    assert not (row.pictures | row.other_sounds | row.subtitles | set(row.sounds)) - known


def test_side_data_is_read_where_it_is_a_mapping_by_type():
    """PyAV 19's side data iterates over types; every run ended in an AttributeError there."""
    from types import SimpleNamespace

    from deepsound.media.inventory import _side_data_names

    kind = SimpleNamespace(name="STEREO3D")
    assert _side_data_names(SimpleNamespace(side_data=[kind])) == {"STEREO3D"}
    assert _side_data_names(SimpleNamespace(side_data=[SimpleNamespace(type=kind)])) == {"STEREO3D"}


def test_hdr_that_must_be_encoded_again_is_tone_mapped_and_said(tmp_path: Path, tone: Sound) -> None:
    pytest.importorskip("moviepy")
    if not hasattr(av.VideoFrame, "color_trc"):
        pytest.skip("this PyAV cannot make an HDR video for the test")
    source = tmp_path / "hdr.mkv"
    with av.open(str(source), "w") as output:
        stream = output.add_stream("ffv1", rate=10, width=64, height=48)
        stream.pix_fmt = "yuv420p10le"
        stream.codec_context.color_trc, stream.codec_context.color_primaries = 16, 9
        stream.codec_context.colorspace = 9
        for index in range(3):
            # PQ code 0.58 is diffuse white, 203 nits.
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 148, np.uint8), format="rgb24")
            frame = frame.reformat(format="yuv420p10le")
            frame.color_trc, frame.color_primaries, frame.colorspace = 16, 9, 9
            frame.pts, frame.time_base = index, Fraction(1, 10)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    muxed = mux(source, tone(0.3), tmp_path / "out.mp4")
    assert "HDR (PQ was tone mapped to SDR)" in " ".join(muxed.report.lines())
    with av.open(str(tmp_path / "out.mp4")) as container:
        level = next(container.decode(video=0)).to_ndarray(format="gray").mean()
    # Diffuse white: 0.8 of the light of SDR's white, which leaves room above; untouched it would stay at 148.
    assert level == pytest.approx(255 * 0.8 ** (1 / 2.4), abs=12)


def test_a_rendering_that_lost_its_end_names_the_folder(
    make_video: MakeVideo, tmp_path: Path, tone: Sound, monkeypatch: pytest.MonkeyPatch
) -> None:
    moviepy = pytest.importorskip("moviepy")
    monkeypatch.setattr(moviepy.VideoClip, "write_videofile", lambda self, name, **_: Path(name).write_bytes(b"half"))
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(OutputError, match=r"out.*got 0.*MiB are free"):
        mux(make_video("odd.mkv", codec="ffv1"), tone(1.0), out / "out.mp4")
    assert not list(out.iterdir())
