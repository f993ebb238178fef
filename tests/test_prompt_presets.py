"""Prompt presets: the draft knows every word, and the command line lists and takes them."""

import json

import pytest

from deepsound.cli.main import main
from deepsound.errors import InputError
from deepsound.generate.draft.prompt_notes import read_prompt
from deepsound.prompt_presets import PROMPT_PRESETS, join_prompt


@pytest.mark.parametrize("preset", PROMPT_PRESETS, ids=lambda preset: preset.name)
def test_the_draft_follows_every_word_of_a_preset(preset):
    reading = read_prompt(preset.prompt)
    assert reading.used and not (reading.unknown or reading.left_out or reading.nearest or reading.voices)


def test_a_preset_is_a_line_of_its_own_beside_lines_with_times():
    assert join_prompt("rain", "0-2: thunder\n2-4: wind") == "rain, downpour\n0-2: thunder\n2-4: wind"
    assert join_prompt("none", " soft ") == " soft " and join_prompt("", "soft") == "soft"
    with pytest.raises(InputError, match="prompt_preset is 'no'"):
        join_prompt("no", "")


def test_the_command_lists_them(capsys):
    assert main(["prompts", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["name"]: row["prompt"] for row in rows}["sea"] == "sea, waves, beach"
    assert main(["prompts"]) == 0 and "thunderstorm" in capsys.readouterr().out


def test_a_run_takes_one_by_name(fake_engines, make_video, tmp_path, capsys):
    flags = ["--generator", "noise", "--reasoner", "no", "--separator", "halving", "--quiet"]
    video, out = str(make_video()), str(tmp_path / "out")
    assert main(["run", video, "-o", out, *flags, "--prompt-preset", "sea", "--prompt", "soft"]) == 0
    assert fake_engines.requests[-1].prompt == "sea, waves, beach, soft"
    with pytest.raises(SystemExit):
        main(["run", video, "-o", out, "--prompt-preset", "seas"])
    assert "did you mean sea?" in capsys.readouterr().err
