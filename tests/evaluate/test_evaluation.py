"""Tests of whole evaluations on fake extractors: computed, cached, omitted, reported."""

import json

import numpy as np
import pytest

from deepsound.errors import Cancelled, InputError
from deepsound.evaluate.clips import ON_SCREEN, VOICE_OVER
from deepsound.evaluate.evaluation import EvaluationSettings, evaluate, find_sets
from deepsound.evaluate.frechet_distance import frechet_distance
from deepsound.media.wav import write_wav
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import Audio
from tests.conftest import write_video

NETWORKS = EvaluationSettings(
    only=("FD_PaSST", "FD_PANNs", "FD_VGG", "KL_PANNs", "KL_PaSST", "IS", "IB", "DeSync", "KD_PaSST")
)
SOUND_ONLY = EvaluationSettings(only=("FD_PANNs", "KL_PANNs", "IS"))


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def names(count):
    return [f"clip{number:03d}" for number in range(count)]


def test_every_metric_of_the_table_is_computed(fakes, tmp_path, cache, sounds):
    predicted, reference = sounds(tmp_path / "p", names(12)), sounds(tmp_path / "r", names(12), seed=1)
    for name in names(12):
        write_video(reference / f"{name}.mp4", seconds=1.0)
    report = evaluate(find_sets([predicted], reference, "made up"), NETWORKS, cache=cache)
    (one,) = report.sets
    assert list(one.scores) == list(NETWORKS.only) and all(score.value is not None for score in one.scores.values())
    assert {score.clips for score in one.scores.values()} == {12}
    assert one.scores["DeSync"].value == pytest.approx(0.2)
    assert report.missing == () and report.problems == ()
    assert report.reference.name == "made up" and report.reference.clips == 12
    assert len(one.rows) == 12 and set(one.rows[0].numbers) == {"KL_PANNs", "KL_PaSST", "IB", "DeSync"}
    mean = np.mean([row.numbers["KL_PANNs"] for row in one.rows])
    assert one.scores["KL_PANNs"].value == pytest.approx(mean)
    assert any(report.reference.fingerprint in note for note in report.notes)


def test_more_clips_cost_only_what_is_new(fakes, tmp_path, cache, sounds):
    predicted, reference = sounds(tmp_path / "p", names(60)), sounds(tmp_path / "r", names(60), seed=1)
    first = evaluate(find_sets([predicted], reference), SOUND_ONLY, cache=cache)
    assert first.computed == {"panns": 120} and fakes.seen["panns"] == 120
    again = evaluate(find_sets([predicted], reference), SOUND_ONLY, cache=cache)
    assert again.computed == {"panns": 0} and fakes.seen["panns"] == 120
    assert again.sets == first.sets and again.reference == first.reference
    sounds(predicted, [f"new{number}" for number in range(10)], seed=2)
    more = evaluate(find_sets([predicted], reference), SOUND_ONLY, cache=cache)
    assert more.computed == {"panns": 10} and fakes.seen["panns"] == 130
    assert more.sets[0].clips == 70 and more.sets[0].without_reference == tuple(f"new{n}" for n in range(10))


def test_the_same_content_under_two_names_is_computed_once(fakes, tmp_path, cache, sounds):
    predicted = sounds(tmp_path / "p", ["a"])
    (predicted / "b.wav").write_bytes((predicted / "a.wav").read_bytes())
    report = evaluate(find_sets([predicted]), EvaluationSettings(only=("IS",)), cache=cache)
    assert report.computed == {"panns": 1} and report.sets[0].scores["IS"].clips == 2


def test_another_length_is_another_computation(fakes, tmp_path, cache, sounds):
    predicted = sounds(tmp_path / "p", ["a"])
    for duration_s, count in ((8.0, 1), (5.0, 2), (8.0, 2)):
        evaluate(find_sets([predicted]), EvaluationSettings(duration_s, only=("IS",)), cache=cache)
        assert fakes.seen["panns"] == count


def test_bad_files_are_listed_and_the_rest_goes_on(fakes, tmp_path, cache, sounds):
    predicted, reference = sounds(tmp_path / "p", names(4)), sounds(tmp_path / "r", names(6), seed=1)
    (predicted / "clip004.wav").write_bytes(b"RIFF and nothing more")
    (predicted / "clip005.mp4").write_bytes(b"")
    sounds(predicted, ["short"], seconds=0.2)
    (predicted / "notes.txt").write_text("not media")
    (predicted / "clip000.flac").write_bytes(b"a duplicate")
    report = evaluate(find_sets([predicted], reference), SOUND_ONLY, cache=cache)
    told = {(problem.file.name, problem.extractor) for problem in report.problems}
    assert told == {
        ("clip004.wav", ""),
        ("clip005.mp4", ""),
        ("short.wav", "panns"),
        ("clip000.flac", ""),
        ("clip000.wav", ""),
    }
    assert [file.name for file in report.ignored] == ["notes.txt"]
    scores = report.sets[0].scores
    assert scores["KL_PANNs"].clips == 3 and scores["FD_PANNs"].clips == 3
    assert scores["IS"].value is None and "3 clips" in scores["IS"].why and "10" in scores["IS"].why
    assert any("not all" in note for note in report.notes)


def test_a_silent_video_has_no_sound_to_score(fakes, tmp_path, cache, sounds):
    write_video(tmp_path / "p" / "a.mp4", seconds=1.0)
    report = evaluate(find_sets([tmp_path / "p"]), EvaluationSettings(only=("IS", "IB")), cache=cache)
    assert "no sound" in report.problems[0].what
    assert all(score.value is None and score.why for score in report.sets[0].scores.values())


def test_missing_networks_are_named_and_the_others_computed(fakes, tmp_path, cache, sounds):
    fakes.absent["passt"] = "The weights metrics/passt are not on this machine."
    fakes.broken.add("vggish")
    predicted, reference = sounds(tmp_path / "p", names(3)), sounds(tmp_path / "r", names(3), seed=1)
    report = evaluate(find_sets([predicted], reference), NETWORKS, cache=cache)
    why = {one.metric: one.why for one in report.missing}
    assert set(why) == {"FD_PaSST", "KL_PaSST", "KD_PaSST", "FD_VGG", "IB", "DeSync"}
    assert "metrics/passt" in why["FD_PaSST"] and "damaged" in why["FD_VGG"] and "picture" in why["IB"]
    assert report.sets[0].scores["FD_PANNs"].value is not None and fakes.seen["imagebind_audio"] == 0


def test_the_command_that_fetches_is_told(tmp_path, cache, sounds, monkeypatch):
    for variable in ("DEEPSOUND_HOME", "HF_HOME", "HF_HUB_CACHE", "TORCH_HOME", "COMFYUI_PATH"):
        monkeypatch.setenv(variable, str(tmp_path / "none"))
    monkeypatch.setattr("deepsound.weights.search_paths._registered_folders", ())
    predicted = sounds(tmp_path / "p", names(2))
    report = evaluate(find_sets([predicted], predicted), EvaluationSettings(only=("FD_PANNs", "IS")), cache=cache)
    assert [one.fetch for one in report.missing] == ["deepsound models download metrics/panns_cnn14_16k"] * 2


def test_without_a_reference_what_needs_one_says_so(fakes, tmp_path, cache, sounds):
    report = evaluate(find_sets([sounds(tmp_path / "p", names(10))]), SOUND_ONLY, cache=cache)
    assert {one.metric: "--gt" in one.why for one in report.missing} == {"FD_PANNs": True, "KL_PANNs": True}
    assert report.sets[0].scores["IS"].value == pytest.approx(1.0) and report.reference is None


def test_unpaired_takes_all_clips_and_paired_those_with_a_partner(fakes, tmp_path, cache, sounds):
    predicted, reference = sounds(tmp_path / "p", names(9)), sounds(tmp_path / "r", names(6), seed=1)
    only = ("FD_PaSST", "FD_PANNs")
    sets = find_sets([predicted], reference)
    paired = evaluate(sets, EvaluationSettings(only=only), cache=cache).sets[0].scores
    every = evaluate(sets, EvaluationSettings(only=only, paired=False), cache=cache).sets[0].scores
    assert paired["FD_PaSST"].value != every["FD_PaSST"].value
    assert paired["FD_PANNs"] == every["FD_PANNs"], "the benchmark takes all clips of both sides here"


def test_a_stopped_run_goes_on_where_it_was(fakes, tmp_path, cache, sounds, monkeypatch):
    monkeypatch.setattr("deepsound.evaluate.extraction._SOUNDS", 4)
    predicted = sounds(tmp_path / "p", names(20))
    token = CancelToken()

    def stop_at_ten(event):
        if fakes.seen["panns"] >= 10:
            token.cancel()

    with pytest.raises(Cancelled):
        evaluate(
            find_sets([predicted]),
            EvaluationSettings(only=("IS",)),
            cache=cache,
            progress=Progress(stop_at_ten, token.check),
        )
    done = fakes.seen["panns"]
    assert 10 <= done < 20
    report = evaluate(find_sets([predicted]), EvaluationSettings(only=("IS",)), cache=cache)
    assert report.sets[0].scores["IS"].clips == 20 and fakes.seen["panns"] <= 24


def test_progress_goes_from_nothing_to_all_and_never_back(fakes, tmp_path, cache, sounds):
    events = []
    evaluate(
        find_sets([sounds(tmp_path / "p", names(6))]),
        EvaluationSettings(only=("IS", "levels")),
        cache=cache,
        progress=Progress(events.append),
    )
    moved = [event.fraction for event in events if event.stage == "features" and event.fraction is not None]
    assert moved[0] == 0.0 and moved[-1] == 1.0 and moved == sorted(moved) and len(set(moved)) > 4


@pytest.mark.parametrize("seconds", [0.5, 1.0])
def test_voice_rates_before_and_after_by_group(tmp_path, cache, sounds, speech, seconds):
    voice = Audio(speech(16000).waveform[:, : round(8 * 16000 * seconds) // 4], 16000)
    folder = sounds(tmp_path / "runs", ["cleaned", "seen", "quiet"], seconds=voice.duration_s)
    records = {"cleaned": {"is_vo": True}, "seen": {"category": "No2"}, "quiet": {"category": "No1"}}
    for name, content in records.items():
        (folder / f"{name}.result.json").write_text(json.dumps({"final_audio_path": f"{name}.wav", **content}))
        write_wav(voice if name != "quiet" else Audio(voice.waveform * 0, 16000), folder / f"{name}.step1.wav")
    write_wav(voice, folder / "seen.wav")
    report = evaluate(find_sets([folder], folder), EvaluationSettings(only=("voice",)), cache=cache)
    rates = report.sets[0].voice
    assert list(rates["before"]) == list(rates["after"]) == ["all", VOICE_OVER, ON_SCREEN]
    assert (rates["before"]["all"].of_clips, rates["after"]["all"].of_clips) == pytest.approx((2 / 3, 1 / 3))
    assert (rates["before"][VOICE_OVER].of_clips, rates["after"][VOICE_OVER].of_clips) == (1.0, 0.0)
    assert rates["after"][ON_SCREEN].of_clips == 1.0 and 0.3 < rates["after"][ON_SCREEN].of_time <= 1.0
    assert report.reference.voice.of_clips == pytest.approx(1 / 3)
    assert any("33.3% of the reference's clips" in note for note in report.notes)


def test_what_was_before_can_be_scored_as_a_set_of_its_own(fakes, tmp_path, cache, sounds):
    after, before = sounds(tmp_path / "after", names(10)), sounds(tmp_path / "before", names(8), seed=5)
    settings = EvaluationSettings(only=("IS", "voice"), also_before=True)
    sets = find_sets([after], before=before, settings=settings, groups={"clip000": "rain"})
    report = evaluate(sets, settings, cache=cache)
    assert [one.name for one in report.sets] == ["after", "after (before)"]
    assert [one.clips for one in report.sets] == [10, 8]
    assert report.sets[0].voice["after"]["rain"].clips == 1
    assert any("different numbers of clips" in note for note in report.notes)


def test_levels_of_a_set(tmp_path, cache, sounds):
    folder = sounds(tmp_path / "p", ["a", "b"])
    write_wav(Audio.from_numpy(np.zeros((1, 16000)), 16000), folder / "silent.wav")
    levels = evaluate(find_sets([folder]), EvaluationSettings(only=("levels",)), cache=cache).sets[0].levels
    assert (levels.clips, levels.without_lufs, levels.silent_clips) == (3, 1, 1)
    assert -25 < levels.lufs_mean < -15 and -15 < levels.true_peak_dbtp < 0
    assert levels.silence_ratio == pytest.approx(1 / 3)


def test_a_full_disk_is_told_and_the_scores_are_right(fakes, tmp_path, cache, sounds, monkeypatch):
    predicted, reference = sounds(tmp_path / "p", names(5)), sounds(tmp_path / "r", names(5), seed=1)
    expected = evaluate(find_sets([predicted], reference), SOUND_ONLY, cache=cache).sets

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.numpy.save_file", full)
    report = evaluate(find_sets([predicted], reference), SOUND_ONLY, cache=tmp_path / "other")
    assert report.sets == expected and any("disk is full" in note for note in report.notes)


def test_what_cannot_be_measured_at_all_is_an_error(fakes, tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match="no sound or video"):
        find_sets([tmp_path])
    with pytest.raises(InputError, match="does not exist"):
        find_sets([tmp_path / "nowhere"])
    (tmp_path / "a.wav").write_bytes(b"x")
    with pytest.raises(InputError, match="names in the table"):
        find_sets([tmp_path], groups={"other": "rain"})
    with pytest.raises(InputError, match="--before"):
        find_sets([tmp_path], settings=EvaluationSettings(also_before=True))
    with pytest.raises(InputError, match="choose from"):
        EvaluationSettings(only=("FAD",))
    with pytest.raises(InputError, match="duration"):
        EvaluationSettings(duration_s=0)


def test_the_distances_of_a_set_are_those_of_its_features(fakes, tmp_path, cache, sounds):
    from deepsound.media.audio import decode_audio
    from tests.evaluate.fakes import Panns

    predicted, reference = sounds(tmp_path / "p", names(5)), sounds(tmp_path / "r", names(4), seed=1)
    score = evaluate(find_sets([predicted], reference), SOUND_ONLY, cache=cache).sets[0].scores["FD_PANNs"]
    sides = [
        np.stack(
            [
                Panns().extract(decode_audio(file), None, Progress())["features"].numpy()
                for file in sorted(folder.iterdir())
            ]
        )
        for folder in (predicted, reference)
    ]
    assert score.value == pytest.approx(frechet_distance(*sides)) and score.clips == 4
