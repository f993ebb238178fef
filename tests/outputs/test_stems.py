"""Stems and the timeline for editors: names, alignment, formats, and what a run leaves."""

import json
import sys

import numpy as np
import pytest

from deepsound import Pipeline
from deepsound.errors import InputError, MissingPackage
from deepsound.media.audio import decode_audio
from deepsound.outputs.stems import align_stems, write_stems
from deepsound.runtime.progress import Progress
from deepsound.types import Audio


def tone(seconds, rate, level=0.5, channels=1):
    return Audio.from_numpy(np.full((channels, round(seconds * rate)), level, np.float32), rate)


def test_stems_have_one_rate_and_length_and_names_that_an_editor_sorts(tmp_path):
    sounds = {"voice": tone(1.0, 16_000), "final": tone(2.0, 48_000, channels=2), "coarse": None}
    paths = write_stems(sounds, tmp_path, "clip")
    assert [path.name for path in paths.values()] == ["clip.01_final.wav", "clip.03_voice.wav"]
    read = [decode_audio(path) for path in paths.values()]
    assert {(sound.sample_rate, sound.samples) for sound in read} == {(48_000, 96_000)}
    assert [sound.channels for sound in read] == [2, 1]


def test_flac_holds_the_samples_and_all_are_turned_down_alike_where_one_is_too_loud(tmp_path):
    notes = []
    progress = Progress(on_event=lambda event: notes.append(event.text))
    quiet = write_stems({"final": tone(0.5, 48_000, 0.25)}, tmp_path, "quiet", "flac", progress)
    assert decode_audio(quiet["final"]).numpy().max() == pytest.approx(0.25, abs=2**-22)
    assert not any("quieter" in note for note in notes)
    loud = write_stems(
        {"final": tone(0.5, 48_000, 2.0), "coarse": tone(0.5, 48_000, 0.5)}, tmp_path, "x", "flac", progress
    )
    assert decode_audio(loud["final"]).numpy().max() == pytest.approx(1.0, abs=1e-4)
    assert decode_audio(loud["coarse"]).numpy().max() == pytest.approx(0.25, abs=1e-4)
    assert any("all of them are 6.0 dB quieter" in note for note in notes)


@pytest.mark.parametrize(
    ("sounds", "stem_format", "said"),
    [
        ({}, "wav", "expected at least one sound"),
        ({"finale": tone(0.1, 8_000)}, "wav", "got 'finale'"),
        ({"final": tone(0.1, 8_000)}, "mp3", "expected wav or flac, got 'mp3'"),
    ],
)
def test_what_are_no_stems_is_refused(sounds, stem_format, said):
    with pytest.raises(InputError, match=said):
        align_stems(sounds, stem_format)


@pytest.mark.parametrize("stem_format", ["wav", "flac"])
def test_a_run_leaves_its_stems_beside_the_result_and_the_next_one_replaces_them(
    make_video, fake_engines, tmp_path, stem_format
):
    out, clip = tmp_path / "out", make_video()
    result = Pipeline("noise", "yes", "halving").run(clip, out, stems=True, stem_format=stem_format, scope="clip")
    names = [f"clip.{name}.{stem_format}" for name in ("01_final", "02_coarse", "03_voice", "04_background")]
    assert {*names} <= {*result.files} and all((out / name).is_file() for name in names)
    final, coarse, voice, background = (decode_audio(out / name) for name in names)
    assert final.samples == coarse.samples == voice.samples == background.samples
    np.testing.assert_allclose(voice.numpy() + background.numpy(), coarse.numpy(), atol=2**-20)
    again = Pipeline("noise", "no", "halving").run(clip, out)
    assert not [path for path in out.iterdir() if path.suffix == ".flac" or "_voice" in path.name]
    assert not [name for name in again.files if "_" in name]


def test_a_timeline_without_its_package_is_refused_before_the_work(make_video, fake_engines, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "opentimelineio", None)
    with pytest.raises(MissingPackage, match=r"needs OpenTimelineIO.*leave it out.*opentimelineio"):
        Pipeline("noise", "yes", "halving").run(make_video(), tmp_path / "out", timeline=True)
    assert fake_engines.requests == [] and not (tmp_path / "out").exists()


def test_a_timeline_has_picture_stems_and_markers_and_can_be_moved(make_video, fake_engines, tmp_path):
    otio = pytest.importorskip("opentimelineio", reason="the extra timeline is not installed")
    out = tmp_path / "out"
    Pipeline("noise", "yes", "halving").run(make_video(), out, timeline=True, spans="0.2-0.6")
    timeline = otio.adapters.read_from_file(str(out / "clip.otio"))
    assert [(track.name, track.enabled) for track in timeline.tracks] == [
        ("picture", True),
        ("final", True),
        ("coarse", False),
        ("voice", False),
        ("background", False),
    ]
    for track in timeline.tracks:
        (clip,) = track
        assert (out / clip.media_reference.target_url).is_file()
        assert clip.source_range.duration.to_seconds() == pytest.approx(1.0, abs=0.05)
    (marker,) = timeline.tracks.markers
    assert marker.name == "remove" and marker.marked_range.start_time.to_seconds() == pytest.approx(0.2, abs=0.05)
    assert json.loads((out / "clip.result.json").read_text())["files"]["clip.otio"] > 100
