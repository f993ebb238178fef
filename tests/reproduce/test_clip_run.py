"""Tests of a clip's systems: from one coarse sound, finished clips skipped."""

import contextlib
import json
import pickle

import numpy as np
import pytest
import torch

from deepsound.errors import InputError
from deepsound.fallback import NEG_PROMPT
from deepsound.media.wav import read_wav
from deepsound.reproduce.clip_run import _energy
from deepsound.reproduce.run import records_of, run_clips
from deepsound.reproduce.settings import ReproductionSettings
from deepsound.reproduce.systems import SYSTEMS
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import Audio
from tests.fakes import Generator

pytestmark = pytest.mark.usefixtures("fake_engines")


@pytest.fixture
def clips(make_video, tmp_path):
    for name in ("one", "two"):
        make_video(f"clips/{name}.mp4", seconds=0.5)
    return tmp_path / "clips"


def settings(reasoner="yes", separator="halving", **others) -> ReproductionSettings:
    return ReproductionSettings("noise", reasoner, separator, **others)


def sounds_of(out, stem="one"):
    return {
        each.name: read_wav(path).waveform if (path := out / "sets" / each.name / f"{stem}.wav").is_file() else None
        for each in SYSTEMS
    }


def test_a_voice_over_that_leaves_sound_ends_as_the_background_in_every_own_system(clips, tmp_path):
    run_clips(clips, tmp_path / "out", settings())
    made = sounds_of(tmp_path / "out")
    for name in ("s3", "s4_rm", "s4_rep", "s4_neg"):
        torch.testing.assert_close(made[name], made["direct"] * 0.5)


def test_a_voice_over_that_leaves_silence_falls_back_by_each_mode(clips, tmp_path):
    run_clips(clips, tmp_path / "out", settings(separator="silencing"))
    made = sounds_of(tmp_path / "out")
    assert float(made["s3"].abs().max()) == 0.0
    assert made["s4_rm"] is None
    assert torch.equal(made["s4_rep"], made["direct"])
    assert torch.equal(made["s4_neg"], made["direct_neg"])


def test_without_voice_over_all_own_systems_keep_the_coarse_sound_in_one_file(clips, tmp_path):
    run_clips(clips, tmp_path / "out", settings("no"))
    made = sounds_of(tmp_path / "out")
    assert all(torch.equal(made[name], made["direct"]) for name in ("s3", "s4_rm", "s4_rep", "s4_neg"))
    assert (tmp_path / "out/sets/direct/one.wav").stat().st_nlink >= 5


def test_one_coarse_sound_and_one_with_the_published_negative_prompt_per_clip(clips, tmp_path):
    run_clips(clips, tmp_path / "out", settings())
    assert [request.negative_prompt for request in Generator.requests] == ["", NEG_PROMPT, "", NEG_PROMPT]
    assert {request.seed for request in Generator.requests} == {42}


def test_what_is_done_is_left_and_other_settings_are_made_anew(clips, tmp_path):
    out = tmp_path / "out"
    assert run_clips(clips, out, settings()).made == 2
    again = run_clips(clips, out, settings())
    assert (again.made, again.found) == (0, 2)
    assert run_clips(clips, out, settings(seed=7)).made == 2


@pytest.mark.parametrize("damage", ["gone", "text", "other"])
def test_a_clip_whose_record_or_sound_is_damaged_is_made_again(clips, tmp_path, damage):
    out = tmp_path / "out"
    run_clips(clips, out, settings())
    record = out / "clips" / "one.json"
    if damage == "gone":
        (out / "sets/s3/one.wav").unlink()
    else:
        record.write_text("[" * 9999 if damage == "text" else json.dumps({"fingerprint": 3}))
    again = run_clips(clips, out, settings())
    assert (again.made, again.found) == (1, 1)


def test_a_bad_clip_is_named_and_the_others_are_made(clips, tmp_path):
    (clips / "broken.mp4").write_bytes(b"not a video")
    tally = run_clips(clips, tmp_path / "out", settings())
    assert tally.made == 2
    assert list(tally.failed) == ["broken"]


def test_a_cancelled_run_goes_on_where_it_stopped(clips, tmp_path):
    from deepsound.errors import Cancelled

    token, out = CancelToken(), tmp_path / "out"

    def stop_after_the_first(event):
        if (out / "clips" / "one.json").is_file():
            token.cancel()

    with pytest.raises(Cancelled):
        run_clips(clips, out, settings(), progress=Progress(stop_after_the_first, token.check))
    assert run_clips(clips, out, settings()).found == 1


def test_two_clips_of_one_name_are_refused_before_any_work(make_video, tmp_path):
    make_video("clips/one.mp4", seconds=0.5)
    make_video("clips/more/one.mp4", seconds=0.5)
    with pytest.raises(InputError, match="have one name"):
        run_clips(tmp_path / "clips", tmp_path / "out", settings())


def test_shards_together_are_the_whole(clips, tmp_path):
    from deepsound.batch.clips import Shard

    out = tmp_path / "out"
    assert run_clips(clips, out, settings(), Shard(1, 2)).made == 1
    assert run_clips(clips, out, settings(), Shard(2, 2)).made == 1
    assert run_clips(clips, out, settings()).found == 2


def test_the_record_has_the_energies_that_the_ratio_is_made_of(clips, tmp_path):
    out = tmp_path / "out"
    run_clips(clips, out, settings(judges=("no",)))
    record = records_of(out, settings(judges=("no",)).fingerprint())["one"]
    coarse = read_wav(out / "sets/direct/one.wav")
    energy = float(np.square(coarse.numpy().astype(np.float64)).sum()) / coarse.sample_rate
    assert record["energy"]["mix"] == pytest.approx(energy, rel=1e-9)
    assert record["energy"]["voice"] == pytest.approx(energy / 4, rel=1e-6)
    assert {name: judged["is_voice_over"] for name, judged in record["judges"].items()} == {"yes": True, "no": False}


def test_an_engine_that_is_not_on_the_menu_is_refused_before_any_work():
    with pytest.raises(InputError, match="Unknown generator 'nothing'"):
        ReproductionSettings("nothing")


def test_workers_elsewhere_make_what_this_process_makes(clips, tmp_path):
    """A stand-in for Ray: work arrives pickled, one clip at a time, and an error is a report."""
    (clips / "broken.mp4").write_bytes(b"not a video")

    class Elsewhere(contextlib.AbstractContextManager):
        def __init__(self, work, folder):
            self.worker = pickle.loads(pickle.dumps(work)).worker(folder)  # noqa: S301 - what was pickled here

        def __exit__(self, *what):
            return None

        def work(self, jobs, progress):
            for job in jobs:
                yield self.worker.do(pickle.loads(pickle.dumps(job)), progress)  # noqa: S301 - as above

    tally = run_clips(clips, tmp_path / "there", settings(), workers=Elsewhere)
    here = run_clips(clips, tmp_path / "here", settings())
    assert (tally.made, list(tally.failed)) == (here.made, list(here.failed)) == (2, ["broken"])
    for name, sound in sounds_of(tmp_path / "here").items():
        torch.testing.assert_close(sounds_of(tmp_path / "there")[name], sound)
    assert run_clips(clips, tmp_path / "there", settings(), workers=Elsewhere).found == 2


def test_an_energy_does_not_depend_on_the_number_of_threads():
    """The table of a reproduction on Ray differed in the last place from that of one process."""
    audio = Audio(torch.randn(2, 1_000_003, generator=torch.Generator().manual_seed(1)), 44_100)
    before, found = torch.get_num_threads(), set()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.add(_energy(audio))
    finally:
        torch.set_num_threads(before)
    assert len(found) == 1
