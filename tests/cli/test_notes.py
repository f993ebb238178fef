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
