"""Export Stems: files of one rate and length, per take, with a timeline on wish."""

import sys

import pytest

from deepsound.errors import InputError, MissingPackage
from deepsound.media.audio import decode_audio
from tests.nodes.test_nodes import sound


def export(nodes, *given, **more):
    return nodes["DeepSoundExportStems"].execute(*given, "film/stems", "wav", False, **more)


def test_the_sounds_come_out_aligned_and_numbered(nodes, host):
    output = export(nodes, sound(0.1, sample_rate=48000), voice=sound(0.2, sample_rate=16000))
    assert output.args[0].splitlines() == ["film/stems_00001_.01_final.wav", "film/stems_00001_.03_voice.wav"]
    assert output.ui["deepsound"][0]["note"] == output.args[0]
    read = [decode_audio(host.root / "output" / name) for name in output.args[0].splitlines()]
    assert {(each.sample_rate, each.samples) for each in read} == {(48000, 48000)}
    again = export(nodes, sound(0.1))
    assert again.args[0] not in output.args[0], "an earlier export is never replaced"


def test_each_take_has_files_of_its_own_and_another_number_is_refused(nodes, host):
    output = export(nodes, sound(0.1, batch=2), original=sound(0.3))
    first, _, second, _ = (name.partition("_.")[0] for name in output.args[0].splitlines())
    assert first != second
    with pytest.raises(InputError, match="coarse: expected 1 or 2 takes as in 'final', got 3"):
        export(nodes, sound(0.1, batch=2), coarse=sound(0.3, batch=3))


def test_a_prefix_that_leads_out_and_a_missing_package_are_refused_before_the_work(nodes, host, monkeypatch):
    node = nodes["DeepSoundExportStems"]
    assert "leads out" in node.validate_inputs("../stems") and node.validate_inputs("stems") is True
    monkeypatch.setitem(sys.modules, "opentimelineio", None)
    with pytest.raises(MissingPackage, match="OpenTimelineIO"):
        node.execute(sound(0.1), "stems", "wav", True)
    assert not list((host.root / "output").rglob("*.wav"))


def test_a_timeline_names_picture_stems_and_spans(nodes, host, make_video):
    otio = pytest.importorskip("opentimelineio", reason="the extra timeline is not installed")
    make_video("input/clip.mp4", seconds=1.0)
    video = nodes["DeepSoundLoadVideo"].execute("clip.mp4", 0.0, 0.0).args[0]
    node = nodes["DeepSoundExportStems"]
    files = node.execute(sound(0.1), "stems", "flac", True, coarse=sound(0.2), video=video, spans="0.2-0.5").args[0]
    timeline = otio.adapters.read_from_file(str(host.root / "output" / files.splitlines()[-1]))
    assert [track.name for track in timeline.tracks] == ["picture", "final", "coarse"]
    assert len(timeline.tracks.markers) == 1
    assert timeline.tracks[0][0].media_reference.target_url.startswith("file:")
