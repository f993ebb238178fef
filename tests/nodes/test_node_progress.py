"""Tests of node progress: stage, share, time left, at a bounded rate."""

import pytest

from deepsound.runtime.progress import Progress, ProgressEvent

pytestmark = pytest.mark.usefixtures("pack")


class Told:
    """A listener on a clock that only moves when told to."""

    def __init__(self, in_panel=False):
        from types import SimpleNamespace

        from deepsound_pack_under_test.nodes.node_progress import NodeListener

        self.now, self.texts, self.written, self.bars = 0.0, [], [], []
        bar = SimpleNamespace(update_absolute=lambda value, total: self.bars.append(value))
        show = (lambda text, line: self.written.append((text, line))) if in_panel else None
        self.progress = Progress(NodeListener(bar, self.texts.append, show, lambda: self.now))


def test_stage_share_and_time_left():
    told = Told()
    stage = told.progress.at("generate")
    assert told.texts == ["generate · 0%"]
    told.now = 10.0
    stage.update(0.25)
    assert told.texts[-1] == "generate · 25% · 30 s left"
    told.now = 40.0
    stage.finish("8.00 s", 40.0)
    assert told.texts[-1] == "generate: 8.00 s (40.0 s)"
    told.progress.at("judge")
    assert told.texts[-1] == "generate: 8.00 s (40.0 s)\njudge · 0%"


def test_the_line_is_told_twice_a_second_however_often_work_reports():
    told = Told()
    stage = told.progress.at("write")
    for step in range(1000):
        told.now = step / 100
        stage.update(step / 1000)
    assert len(told.texts) in range(19, 23)
    assert len(told.bars) == 200


def test_nothing_is_foretold_from_too_little():
    told = Told()
    stage = told.progress.at("read")
    told.now = 1.0
    stage.update(0.5)
    assert told.texts[-1] == "read · 50%"
    told.now = 60.0
    stage.update(0.01)
    assert told.texts[-1] == "read · 1%"


def test_a_stage_that_begins_anew_is_measured_anew():
    told = Told()
    stage = told.progress.at("write")
    told.now = 100.0
    stage.update(0.9)
    told.now = 101.0
    stage.update(0.0)
    told.now = 111.0
    stage.update(0.5)
    assert told.texts[-1] == "write · 50% · 10 s left"


def test_what_is_left_below_the_node_says_that_it_is_done():
    told = Told()
    stage = told.progress.at("separate")
    told.now = 0.4
    stage.update(1.0)
    assert told.texts == ["separate · 0%", "separate done in 0.4 s"]


def test_work_without_a_name_still_tells_its_share():
    told = Told()
    told.progress.update(0.1)
    assert told.texts == []
    told.now = 5.0
    told.progress.update(0.5)
    assert told.texts == ["50% · 5 s left"]


def test_written_text_goes_to_the_panel_whole_and_the_line_below_the_node():
    told = Told(in_panel=True)
    stage = told.progress.at("judge")
    stage.say("<SUMMARY> look </SUMMARY>\n")
    stage.say("<CAPTION> <b>")
    assert told.written[-1] == ("<SUMMARY> look </SUMMARY>\n<CAPTION> <b>", "judge · 0%")
    assert told.texts[-1] == "judge · 0%"
    stage.finish("voice-over", 1.0)
    assert told.written[-1][1] == told.texts[-1] == "judge: voice-over (1.0 s)"


def test_an_endless_writer_does_not_flood_the_page():
    told = Told(in_panel=True)
    stage = told.progress.at("judge")
    for _ in range(30):
        stage.say("x" * 1000)
    assert len(told.written[-1][0]) == 20_000


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "1 s"),
        (89, "89 s"),
        (90, "2 min"),
        (3000, "50 min"),
        (4200, "1 h 10 min"),
    ],
)
def test_lengths_of_time_are_said_plainly(seconds, said):
    from deepsound_pack_under_test.nodes.node_progress import duration

    assert duration(seconds) == said


def test_what_is_written_on_a_node_goes_to_the_pack_s_own_page_as_text(pack, host):
    from deepsound_pack_under_test.nodes import comfy_host as node_host

    node_host.progress("7").say("<img onerror=x>")
    assert host.texts == [("7", "<img onerror=x>")]
    node_host.progress("7", in_panel=True).say("<img onerror=x>")
    assert host.events[-1] == ("deepsound.reasons", {"node": "7", "text": "<img onerror=x>", "status": ""})


def test_peaks_are_the_loudest_of_all_channels():
    import torch
    from deepsound_pack_under_test.nodes.judgement_view import peaks

    from deepsound.types import Audio

    stereo = torch.zeros(2, 8)
    stereo[0, 1], stereo[1, 5], stereo[1, 7] = -0.5, 0.25, 3.0
    assert peaks(Audio(stereo, 8), 4) == [50, 0, 25, 100]
    assert peaks(Audio(stereo[:, :2], 8), 600) == [0, 50]
    assert peaks(Audio(stereo[:, :0], 8), 600) == []
    assert peaks(Audio(torch.full((1, 2), float("nan")), 8), 1) == [0]


def test_a_note_is_kept_below_the_node_and_out_of_the_reasoning(pack):
    from deepsound_pack_under_test.nodes.node_progress import NodeListener

    shown, written = [], []
    listener = NodeListener(
        type("Bar", (), {"update_absolute": lambda *_: None})(), shown.append, lambda *rows: written.append(rows)
    )
    listener(ProgressEvent("generate", None, "draft did not know: dog.", is_note=True))
    listener(ProgressEvent("judge", None, "<SUMMARY> looking </SUMMARY>"))
    assert "note: draft did not know: dog." in shown[-1]
    assert "dog" not in written[-1][0]
