"""One range of seeds for all runs: 0 to 2^64 - 1, and negative ones as the same 64 bits."""

import json

import pytest

from deepsound.errors import InputError
from deepsound.media.audio import decode_audio
from deepsound.pipeline import Pipeline
from deepsound.runtime.progress import Progress
from deepsound.runtime.seeds import consecutive_seeds
from deepsound.takes import run_takes


def test_takes_go_on_with_0_after_the_largest_seed():
    assert consecutive_seeds(2**64 - 2, 3) == (2**64 - 2, 2**64 - 1, 0)
    assert consecutive_seeds(-1, 2) == (-1, 0)


def test_a_negative_seed_stays_the_same_64_bits_for_draft_and_a_note_says_which_it_is(make_video, tmp_path):
    video, notes = make_video("clip.mp4", seconds=1.0), []
    progress = Progress(lambda event: notes.append(event.text))
    pipeline = Pipeline("draft", "rules", "spectral")
    one = pipeline.run(video, tmp_path / "a", prompt="rain", seed=-1, progress=progress)
    other = pipeline.run(video, tmp_path / "b", prompt="rain", seed=2**64 - 1)
    assert decode_audio(one.final_audio_path).numpy().any()
    assert (decode_audio(one.final_audio_path).numpy() == decode_audio(other.final_audio_path).numpy()).all()
    assert "The seed -1 is used as 18446744073709551615, which is the same 64 bits." in notes
    assert json.loads(one.result_path.read_text(encoding="utf-8"))["request"]["seed"] == 2**64 - 1


def test_every_generator_is_given_a_seed_of_64_bits_without_a_sign(make_video, fake_engines, tmp_path):
    pipeline = Pipeline("noise", "no", "halving")
    pipeline.run(make_video("clip.mp4", seconds=1.0), tmp_path / "out", seed=-1, takes=2)
    assert [request.seed for request in fake_engines.requests] == [2**64 - 1, 0]


def test_takes_past_the_largest_seed_are_all_finished(make_video, fake_engines, tmp_path):
    run_takes(
        Pipeline("noise", "no", "halving"), make_video("clip.mp4", seconds=1.0), tmp_path / "out", 2, seed=2**64 - 1
    )
    assert [request.seed for request in fake_engines.requests] == [2**64 - 1, 0]


def test_a_seed_out_of_range_is_refused_before_the_work(make_video, fake_engines, tmp_path):
    with pytest.raises(InputError, match="expected a seed from 0 to 18446744073709551615, got 18446744073709551616"):
        Pipeline("noise", "no", "halving").run(make_video("clip.mp4", seconds=1.0), tmp_path / "out", seed=2**64)
    assert not fake_engines.requests and not (tmp_path / "out").exists()
