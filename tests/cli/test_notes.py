"""Tests of notes: what a run ignored, replaced or lacked is printed and recorded."""

import json

from deepsound.cli.main import main


def test_words_the_draft_does_not_know_are_said_on_the_command_line(make_video, tmp_path, capsys):
    """0.3.0 ignored "dog" without a word."""
    clip = make_video("mute.mp4", seconds=0.5)
    assert (
        main(["run", str(clip), "--prompt", "metal qwxyz", "--steps", "9", "-o", str(tmp_path / "out"), "--json"]) == 0
    )
    out = capsys.readouterr()
    record = json.loads(out.out)
    for note in (
        "draft used: metal; did not know: qwxyz. Known words: `deepsound engines draft`, "
        "or the help page of Generate Audio in ComfyUI.",
        "draft does not use the number of steps.",
    ):
        assert note in record["notes"]
        assert note in out.err.replace("\n", " ")


def test_a_note_that_several_clips_have_is_shown_once_with_their_number(make_video, tmp_path, capsys):
    """Three long notes on the machine's packages and weights were repeated with every clip."""
    clips = [str(make_video(f"{name}.mp4", seconds=0.4)) for name in "abc"]
    assert main(["run", *clips, "--generator", "draft", "--steps", "9", "-o", str(tmp_path / "out"), "--json"]) == 0
    out = capsys.readouterr()
    note = "draft does not use the number of steps."
    assert [line for line in out.err.splitlines() if note in line] == [
        f"note {note}",
        f"note 2 more clips, the same: {note}",
    ]
    assert all(note in record["notes"] for record in json.loads(out.out))


def test_a_note_that_clips_of_a_batch_share_is_shown_once_with_their_number(make_video, tmp_path, capsys):
    clips = tmp_path / "clips"
    clips.mkdir()
    for name in "ab":
        make_video(f"clips/{name}.mp4", seconds=0.4)
    assert main(["batch", str(clips), "--generator", "draft", "--steps", "9", "--out", str(tmp_path / "out")]) == 0
    note = "draft does not use the number of steps."
    assert [line for line in capsys.readouterr().err.splitlines() if note in line] == [
        f"note    a.mp4: {note}",
        f"note    1 more clip, the same: {note}",
    ]


def test_why_an_engine_was_chosen_stays_on_one_line_of_a_log(make_video, tone, tmp_path, capsys):
    """Where stderr is no terminal it was broken at 80 columns, as no other line is."""
    clip = make_video("sounding.mp4", seconds=0.4, audio=tone(0.4))
    assert main(["run", str(clip), "-o", str(tmp_path / "out")]) == 0
    line = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("generator "))
    assert line.endswith("name another generator to replace it)")
