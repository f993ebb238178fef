"""The report of a mux says losses before anything else could hide them."""

from __future__ import annotations

import json

from deepsound.media.mux_report import MuxReport, ReportItem


def report(*items: ReportItem, **known: str) -> MuxReport:
    return MuxReport("mp4", "vp9", "aac, 48000 Hz, 2 channels, 2.000 s", items=items, **known)


def test_a_lost_alpha_plane_is_never_called_copied_as_it_is() -> None:
    lines = report(ReportItem("alpha plane", "lost", "mp4 holds none")).lines()
    assert lines[0] == "picture copied (vp9), but without its alpha plane"
    assert "left behind: alpha plane (mp4 holds none)" in lines


def test_an_untouched_picture_is_said_to_be_copied() -> None:
    kept = report(ReportItem("chapters", "kept", "2"), ReportItem("sound track 1", "replaced", "eng, aac"))
    assert kept.lines()[0] == "picture copied as it is (vp9)"
    assert kept.is_lossless
    assert not report(ReportItem("chapters", "lost")).is_lossless


def test_a_picture_encoded_again_says_why() -> None:
    again = report(reencoded_because="its codec is ffv1")
    assert again.lines()[0] == "picture encoded again as vp9, because its codec is ffv1"
    assert not again.is_lossless


def test_the_report_goes_into_a_record() -> None:
    written = json.loads(json.dumps(report(ReportItem("chapters", "kept", "2")).to_json()))
    assert written["items"] == [{"what": "chapters", "fate": "kept", "why": "2"}]
    assert written["summary"][0] == "picture copied as it is (vp9)"
