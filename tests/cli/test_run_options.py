"""Tests of flags added since 0.3.0: track, downmix, container, length, names, overwriting."""

import errno
import json
from pathlib import Path

import pytest

from deepsound.cli import option_types, output_options, run_options
from deepsound.cli.main import build_parser, main
from deepsound.cli.run import run_arguments
from deepsound.generate.aligner.settings import LARGEST_RATE, MOST_INNER_STEPS
from deepsound.generate.draft.prompt_parser import known_words
from deepsound.media.audio import decode_audio
from deepsound.media.downmix import DOWNMIXES
from deepsound.media.formats import CONTAINER_NAMES
from deepsound.media.length_policy import DEFAULT_LENGTH, LENGTH_NAMES
from deepsound.media.loudness import measure
from deepsound.outputs.naming import DEFAULT_TEMPLATE, STEM_FORMATS
from deepsound.separate.removal import ALL_DB


def options_of(*flags):
    return build_parser().parse_args(["run", "clip.mp4", *flags])


def test_help_lists_the_tables_it_is_too_light_to_import():
    assert output_options.CONTAINERS == CONTAINER_NAMES and output_options.LENGTHS == LENGTH_NAMES
    assert output_options.STEM_FORMATS == STEM_FORMATS and option_types.MOST_DB == ALL_DB
    assert (option_types.MOST_INNER_STEPS, option_types.LARGEST_RATE) == (MOST_INNER_STEPS, LARGEST_RATE)
    assert run_options.DOWNMIXES == DOWNMIXES and output_options.DEFAULT_TEMPLATE == DEFAULT_TEMPLATE
    assert options_of().length == DEFAULT_LENGTH and options_of().container == CONTAINER_NAMES[0]


def test_defaults_add_nothing_so_that_a_batch_of_0_3_0_keeps_its_fingerprints():
    names = {"mode", "fallback", "prompt", "negative_prompt", "seed", "start_s", "duration_s", "steps", "guidance"}
    assert run_arguments(options_of()).keys() == names | {"write_video", "target_lufs"}
    flags = ["--track", "2", "--downmix", "mono", "--container", "mkv", "--length", "trim", "--no_overwrite"]
    added = run_arguments(options_of(*flags, "--output_template", "{stem}.{seed}"))
    assert {name: added[name] for name in added.keys() - names - {"write_video", "target_lufs"}} == {
        "audio_track": 2,
        "downmix": "mono",
        "container": "mkv",
        "length": "trim",
        "overwrite": False,
        "output_template": "{stem}.{seed}",
    }


def test_a_second_seed_does_not_replace_the_first_where_that_is_wished(clip, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["run", str(clip), "--generator", "source", "-o", str(out)]
    assert main([*command, "--output-template", "{stem}.{seed}", "--seed", "1", "--container", "mkv"]) == 0
    assert (out / "clip.1.mkv").is_file() and (out / "clip.1.result.json").is_file()
    assert main([*command, "--output-template", "{stem}.{seed}", "--seed", "2", "--skip_final_video"]) == 0
    before = (out / "clip.1.result.json").read_bytes()
    capsys.readouterr()
    assert main([*command, "--output-template", "{stem}.{seed}", "--seed", "1", "--no-overwrite"]) != 0
    assert "clip.1" in capsys.readouterr().err and (out / "clip.1.result.json").read_bytes() == before


def test_what_became_of_the_picture_is_printed(clip, tmp_path, capsys):
    assert main(["run", str(clip), "--generator", "source", "-o", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().err
    assert "picture copied as it is (h264)" in printed and "sound: " in printed


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--track", "7"], "7"),
        (["--downmix", "5.1"], "'5.1'"),
        (["--container", "gif"], "'gif'"),
        (["--length", "stretch"], "'stretch'"),
        (["--output_template", "{stem}/{seed}"], "names files"),
    ],
)
def test_a_value_that_is_none_is_refused_before_the_work(clip, tmp_path, capsys, flags, message):
    assert main(["run", str(clip), "-o", str(tmp_path / "out"), *flags]) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--steps", "0"], "--steps/--num_steps: expected a whole number from 1, got '0'"),
        (["--loudness", "nan"], "--loudness: expected a loudness from -70 to 0 LUFS"),
        (["--loudness", "5"], "--loudness: expected a loudness from -70 to 0 LUFS"),
        (["--overlap", "-1"], "--overlap: expected a finite number from 0"),
        (["--separator-batch", "0"], "expected a whole number from 1"),
        (["--removal-db", "101"], "--removal-db: expected 0 to 100 dB"),
        (["--align-steps", "21"], "--align-steps: expected a whole number from 1 to 20"),
        (["--align-warmup", "2"], "--align-warmup: expected a share from 0 to 1"),
        (["--align-rate", "11"], "--align-rate: expected a step size from 0 to 10"),
    ],
)
def test_a_number_out_of_range_is_refused_by_its_flag(clip, capsys, flags, message):
    """Messages named arguments of Python (target_lufs); an overlap of -1 passed where the separator had no chunks."""
    with pytest.raises(SystemExit) as ended:
        main(["run", str(clip), *flags])
    assert ended.value.code == 2 and message in capsys.readouterr().err


def test_a_batch_names_options_without_effect_too(clip, tmp_path, capsys):
    """Only `run` did."""
    command = ["batch", str(clip.parent), "--generator", "draft", "--duration", "0.3", "--out", str(tmp_path / "out")]
    assert main([*command, "--stem-format", "flac", "--skip-final-video"]) == 0
    assert "--stem-format flac is not used" in capsys.readouterr().err


def test_a_batch_names_files_by_the_clip_and_tells_notes_in_its_summary(clip, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["batch", str(clip.parent), "--generator", "draft", "--prompt", "xylo metal", "--out", str(out)]
    assert main([*command, "--output_template", "{seed}"]) == 2
    assert "{stem}" in capsys.readouterr().err
    assert main([*command, "--output_template", "{stem}-{seed}", "--seed", "3"]) == 0
    assert (out / "clip-3.mp4").is_file() and "did not know: xylo" in capsys.readouterr().err
    header, row = (out / "summary.csv").read_text().splitlines()
    assert header.endswith(",record,notes") and "did not know: xylo" in row and "picture copied" in row


def test_the_words_that_draft_knows_are_listed(capsys):
    assert main(["engines", "draft"]) == 0
    printed = capsys.readouterr().out
    assert "metal" in printed and "materials" in printed and "mmaudio" not in printed
    assert main(["engines", "draft", "--json"]) == 0
    (described,) = json.loads(capsys.readouterr().out)
    assert described["known_words"].keys() == known_words().keys()
    assert main(["engines", "rules"]) == 0 and "materials" not in capsys.readouterr().out
    assert main(["engines", "nonsense"]) == 2 and "Unknown engine 'nonsense'" in capsys.readouterr().err


@pytest.mark.parametrize("is_there", [False, True])
def test_a_read_only_output_folder_is_one_sentence_before_the_work(
    fake_engines, clip, tmp_path, capsys, monkeypatch, is_there
):
    def refuse(*named, **options):
        raise OSError(errno.EROFS, "Read-only file system")

    if is_there:
        (tmp_path / "out").mkdir()
    monkeypatch.setattr("os.mkdir", refuse)
    command = ["run", str(clip), "--generator", "noise", "--reasoner", "no", "--separator", "halving", "--quiet"]
    assert main([*command, "-o", str(tmp_path / "out")]) == 5
    assert "the disk is read-only; choose another folder" in capsys.readouterr().err
    assert not fake_engines.requests


def test_a_stated_loudness_is_that_of_the_finished_files(tmp_path):
    """0.3.0 left -29.0 LUFS for every target."""
    out, source = tmp_path / "out", Path(__file__).parents[2] / "demo" / "silent_impacts.mp4"
    command = ["run", str(source), "--duration", "2", "--generator", "draft", "--reasoner", "rules", "--quiet"]
    assert main([*command, "--loudness", "-16", "-o", str(out)]) == 0
    final, in_video = (measure(decode_audio(out / f"silent_impacts.{kind}")) for kind in ("wav", "mp4"))
    assert final.integrated_lufs == pytest.approx(-16, abs=0.5) and final.true_peak_dbtp <= -1
    assert in_video.integrated_lufs == pytest.approx(-16, abs=0.5)
