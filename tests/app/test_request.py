"""What the page asks for is checked, wherever it comes from."""

import pytest

from deepsound.app.request import LARGEST_SEED, RunRequest
from deepsound.errors import InputError

USUAL = {
    "prompt": " rain\non  tin ",
    "negative_prompt": None,
    "generator": "draft",
    "reasoner": "auto",
    "separator": "spectral",
    "mode": "s3",
    "fallback": "rep",
    "duration": 2,
    "seed": 7.0,
}


def test_usual_values_are_taken():
    asked = RunRequest.of(**USUAL)
    assert asked == RunRequest("rain on tin", "", "draft", "auto", "spectral", "s3", "rep", 2.0, 7)
    assert RunRequest.of(**USUAL | {"duration": 0}).duration_s is None


def test_window_takes_and_pick_mean_what_the_command_line_means():
    usual = RunRequest.of(**USUAL)
    assert (usual.window_s, usual.takes, usual.pick) == (None, 1, "")
    asked = RunRequest.of(**USUAL, window=0, takes=3.0, pick="voice")
    assert (asked.window_s, asked.takes, asked.pick) == (0.0, 3, "voice")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("prompt", "x" * 2001, "at most 2000"),
        ("prompt", ["x"], "expected text"),
        ("generator", "../../etc/passwd", "expected one of"),
        ("generator", None, "expected one of"),
        ("reasoner", "spectral", "expected one of"),
        ("separator", {"path": "/etc/passwd"}, "expected one of"),
        ("mode", "s5", "expected one of s4, s3"),
        ("fallback", "", "expected one of neg, rep, rm"),
        ("duration", -1, "from 0"),
        ("duration", 1e9, "3600"),
        ("duration", float("nan"), "a number"),
        ("duration", "2", "a number"),
        ("seed", 1.5, "whole number"),
        ("seed", -1, "whole number"),
        ("seed", LARGEST_SEED + 1, "whole number"),
        ("seed", None, "a number"),
        ("seed", True, "a number"),
        ("seed", 10**400, "a number"),
        ("window", 1, "expected -1"),
        ("window", 61, "expected -1"),
        ("window", "auto", "a number"),
        ("takes", 0, "from 1 to 64"),
        ("takes", 65, "from 1 to 64"),
        ("takes", 1.5, "whole number"),
        ("pick", "worst", "expected one of"),
        ("pick", "voice", "2 takes or more"),
    ],
)
def test_anything_else_is_one_clear_error(field, value, message):
    with pytest.raises(InputError, match=message):
        RunRequest.of(**USUAL | {field: value})
