"""Wrong types and numbers in the Python API are refused before any work, in words."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

import deepsound
from deepsound import Pipeline
from deepsound.arguments import check_arguments
from deepsound.cli.main import main
from deepsound.dry_run import dry_run
from deepsound.errors import InputError
from deepsound.media.clip import Clip
from deepsound.takes import run_takes
from deepsound.types import GenerationRequest

WRONG = {
    "video": [None, 5, b"clip.mp4"],
    "output_dir": [None, 5],
    "seed": [1.5, "7", None, True, 2**64, -(2**63) - 1],
    "prompt": [None, 5, b"x"],
    "negative_prompt": [None, 5],
    "start_s": ["x", None, True],
    "duration_s": ["2", True],
    "takes": [1.5, "2", None],
    "steps": ["x", 0, -1, 1.5, True],
    "guidance": ["x", math.nan, math.inf, -1],
    "window_s": ["x", math.nan],
    "target_lufs": ["x", math.nan, 3.0, -71],
    "spans": [5, None, [(1, 0)], {"a": 1}],
    "container": [5, None],
    "length": [5],
    "downmix": [7],
    "audio_track": ["x", 1.5],
    "output_template": [5, None],
    "overwrite": ["no", None, 2],
    "write_video": ["yes"],
    "mode": [None],
    "fallback": [5],
    "scope": [None],
    "pick": [5],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_argument_of_run_is_no_traceback_and_does_no_work(name, value, tmp_path):
    given = {"video": tmp_path / "clip.mp4", "output_dir": tmp_path / "out", name: value}
    for run in (Pipeline().run, lambda **given: dry_run(Pipeline(), **given)):
        with pytest.raises(InputError, match=f"^{name}: expected .*, got .*; give one such as "):
            run(**given)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [None, 5, ["draft"], b"draft"])
@pytest.mark.parametrize("name", ["generator", "reasoner", "separator", "preset", "undecided"])
def test_a_wrong_argument_of_the_pipeline_is_no_traceback(name, value):
    with pytest.raises(InputError, match=f"^{name}: expected a name, got "):
        Pipeline(**{name: value})


@pytest.mark.parametrize("request_", [GenerationRequest(prompt=None), GenerationRequest(guidance=math.nan), "rain"])
def test_a_wrong_request_is_refused_before_the_steps_in_memory(request_, make_video, fake_engines):
    with pytest.raises(InputError, match="expected"):
        Pipeline("noise", "no", "halving").run_in_memory(Clip.open(make_video()), request_)
    assert fake_engines.requests == []


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "x"])
@pytest.mark.parametrize("command", ["run", "batch", "reproduce"])
def test_a_guidance_that_is_no_number_is_refused_by_the_command_line_at_once(command, value, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([command, str(tmp_path), f"--cfg={value}"])
    assert f"expected a finite number from 0, got '{value}'" in capsys.readouterr().err


def test_what_is_used_like_a_right_type_is_one():
    check_arguments(
        {
            "video": Path("clip.mp4"),
            "seed": np.int64(7),
            "steps": np.int32(25),
            "guidance": np.float32(4.5),
            "duration_s": 2,
            "overwrite": np.True_,
            "pictures": 1,
            "target_lufs": None,
            "unknown": object(),
        }
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {"seed": np.int64(5), "steps": np.int32(3), "takes": np.int64(2), "pick": "voice"},
        {"start_s": np.float32(0.25), "duration_s": np.float32(0.5), "write_video": np.False_},
        {"guidance": np.float32(2), "window_s": np.float32(8), "target_lufs": np.float32(-20)},
        {"removal_db": np.float32(3), "keep_ambience": np.True_, "voice_decision": "always"},
    ],
)
def test_numbers_of_numpy_reach_the_record_as_plain_ones(arguments, make_video, fake_engines, tmp_path):
    """They passed the check; then the draft overflowed, the window was no fraction, and the record no JSON."""
    plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in arguments.items()}
    records = []
    for given in (arguments, plain):
        Pipeline("noise", "no", "halving").run(make_video(), tmp_path / "out", **given)
        record = json.loads((tmp_path / "out" / "clip.result.json").read_text(encoding="utf-8"))
        records.append((record["request"], record["final_from"], record["removal_db"], record["keep_ambience"]))
    assert records[0] == records[1]


def test_numbers_of_numpy_serve_in_memory_too(make_video, fake_engines):
    request = GenerationRequest(seed=np.int64(7), guidance=np.float32(2))
    outcome = Pipeline("noise", "no", "halving").run_in_memory(Clip.open(make_video()), request)
    assert type(outcome.request.seed) is int and type(outcome.request.guidance) is float


def test_an_output_folder_that_is_none_is_refused_with_a_folder_as_the_example(make_video):
    with pytest.raises(InputError, match='output_dir: expected a path, got None; give one such as "outputs"'):
        Pipeline().run(make_video(), None)


def test_the_names_of_the_package_are_listed_before_they_are_loaded():
    """`deepsound.` and Tab did not offer Pipeline."""
    assert set(deepsound.__all__) <= set(dir(deepsound))


@pytest.mark.parametrize(
    "beside",
    [{"start_s": 0.25}, {"duration_s": 0.5}, {"audio_track": 1}, {"downmix": "mono"}],
    ids=lambda one: next(iter(one)),
)
def test_a_window_beside_a_clip_is_no_longer_ignored(beside, make_video, fake_engines, tmp_path):
    """`run(clip, start_s=...)` gave the sound of the Clip's own window, and said nothing."""
    clip, pipeline = Clip.open(make_video()), Pipeline("noise", "no", "halving")
    with pytest.raises(InputError, match=f"^{next(iter(beside))}: expected none beside a Clip.* give it to Clip.open"):
        pipeline.run(clip, tmp_path / "out", **beside)
    for count in (1, 2):
        with pytest.raises(InputError, match="beside a Clip"):
            run_takes(pipeline, clip, tmp_path / "out", count, **beside)
    assert not (tmp_path / "out").exists()


def test_a_clip_runs_with_the_window_it_was_opened_with(make_video, fake_engines, tmp_path):
    clip = Clip.open(make_video(seconds=1.0), 0.25, 0.5)
    result = Pipeline("noise", "no", "halving").run(clip, tmp_path / "out", start_s=0.0, duration_s=None)
    assert result.outcome.coarse.duration_s == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("clip", ["clip.mp4", Path("clip.mp4"), None])
def test_a_path_in_place_of_a_clip_is_told_how_to_be_opened(clip, fake_engines):
    with pytest.raises(InputError, match=r"clip: expected a Clip, got .*; open it by Clip\.open"):
        Pipeline("noise", "no", "halving").run_in_memory(clip)
