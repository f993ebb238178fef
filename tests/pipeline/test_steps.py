"""Which steps are taken, and which sound becomes final."""

import json
from pathlib import Path

import numpy as np
import pytest

from deepsound import Pipeline, engine_protocols, engines
from deepsound.errors import Cancelled, EngineError, InputError
from deepsound.media.clip import Clip
from deepsound.pipeline import choose_generator
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import GenerationRequest
from tests import fakes


@pytest.fixture
def clip(make_video):
    return Clip.open(make_video())


def run(clip, reasoner="yes", separator="halving", generator="noise", scope="clip", **options):
    return Pipeline(generator, reasoner, separator).run_in_memory(clip, scope=scope, **options)


def step_names(outcome):
    return [step.name for step in outcome.steps]


def test_without_voice_over_the_coarse_sound_is_final_and_nothing_else_runs(clip):
    outcome = run(clip, reasoner="no")
    assert outcome.final is outcome.coarse
    assert outcome.final_from == "coarse"
    assert step_names(outcome) == ["plan", "generate", "judge"]
    assert outcome.stems is None and outcome.silence is None


def test_undecided_takes_the_safe_branch(clip):
    outcome = run(clip, reasoner="undecided")
    assert outcome.final is outcome.coarse
    assert not outcome.is_voice_over


def test_voice_over_is_removed_and_the_background_is_final(clip):
    outcome = run(clip)
    assert outcome.final is outcome.stems.background
    assert outcome.final_from == "background"
    assert step_names(outcome) == ["plan", "generate", "judge", "remove", "silence"]
    assert not outcome.silence.is_silent


def test_s3_stops_after_the_removal(clip):
    outcome = run(clip, separator="silencing", mode="s3")
    assert step_names(outcome)[-1] == "remove"
    assert outcome.final is outcome.stems.background
    assert outcome.silence is None


def test_rm_drops_the_sound_when_silence_is_left(clip):
    outcome = run(clip, separator="silencing", fallback="rm")
    assert outcome.silence.is_silent
    assert outcome.final is None
    assert outcome.final_from == "removed"


def test_rep_keeps_the_coarse_sound_when_silence_is_left(clip):
    outcome = run(clip, separator="silencing", fallback="rep")
    assert outcome.final is outcome.coarse


def test_neg_generates_again_with_human_voice_as_negative_prompt(clip):
    outcome = run(clip, separator="silencing", fallback="neg", request=GenerationRequest(prompt="rain", seed=7))
    assert outcome.final is outcome.regenerated
    assert step_names(outcome)[-1] == "generate again"
    first, second = fakes.Generator.requests
    assert (first.negative_prompt, second.negative_prompt) == ("", "human voice")
    assert (second.prompt, second.seed) == ("rain", 7)


def test_neg_keeps_what_the_user_did_not_want_either(clip):
    run(clip, separator="silencing", request=GenerationRequest(negative_prompt="music"))
    assert fakes.Generator.requests[1].negative_prompt == "music, human voice"


def test_fallbacks_are_not_taken_when_something_is_left(clip):
    assert run(clip, fallback="rm").final_from == "background"
    assert len(fakes.Generator.requests) == 1


@pytest.mark.parametrize(("option", "value"), [("mode", "s5"), ("fallback", "repeat")])
def test_an_unknown_option_names_the_choices(clip, option, value):
    with pytest.raises(InputError, match=rf"{option} is '{value}'; choose one of: "):
        run(clip, **{option: value})


def test_an_unknown_engine_is_refused_before_any_work():
    with pytest.raises(InputError, match="Unknown separator 'magic'"):
        Pipeline(separator="magic")


def test_nan_from_a_generator_is_an_error_that_names_it(clip):
    with pytest.raises(EngineError, match="'nan' made samples that are not finite"):
        run(clip, generator="nan")


def test_a_generator_that_returns_something_else_is_named(clip):
    with pytest.raises(EngineError, match="'wrong' returned ndarray"):
        run(clip, generator="wrong")


def test_stems_of_another_length_are_an_error_that_names_the_separator(clip):
    with pytest.raises(EngineError, match="'shortening' returned"):
        run(clip, separator="shortening")


def test_cancelling_between_and_within_steps_ends_the_run(clip):
    token = CancelToken()
    stages = []

    def on_event(event):
        stages.append(event.stage)
        if event.stage == "judge":
            token.cancel()

    with pytest.raises(Cancelled):
        Pipeline("noise", "yes", "halving").run_in_memory(clip, progress=Progress(on_event, token.check))
    assert stages[-1] == "judge"


def test_progress_reports_each_step_with_its_time(clip):
    events = []
    outcome = Pipeline("noise", "yes", "halving").run_in_memory(clip, progress=Progress(events.append))
    done = [event for event in events if event.seconds is not None]
    assert [event.stage for event in done] == step_names(outcome)
    assert any("<SUMMARY>" in event.text for event in events)


def test_auto_drafts_a_clip_without_a_sound_track(make_video):
    choice = choose_generator(Clip.open(make_video()))
    assert choice.name == "draft" and "no sound track" in choice.why


def test_auto_drafts_a_clip_whose_sound_track_is_silent(make_video, tone):
    choice = choose_generator(Clip.open(make_video(audio=tone(level=0.0))))
    assert choice.name == "draft" and "silent" in choice.why


def test_auto_cleans_a_clip_that_can_be_heard(make_video, tone):
    choice = choose_generator(Clip.open(make_video(audio=tone())))
    assert choice.name == "source" and choice.why


def test_the_same_seed_gives_the_same_samples(clip):
    first, second = (run(clip, request=GenerationRequest(seed=3)).final for _ in range(2))
    np.testing.assert_array_equal(first.numpy(), second.numpy())


class Own(engine_protocols.GeneratorBase, fakes.Generator):
    """Always the same sound, whatever is asked."""

    name = "own"
    ignores = frozenset(engine_protocols.REQUEST_FIELDS)

    def generate(self, clip, request, progress):
        return fakes.noise(clip.duration_s, 0.2, seed=1)


@pytest.fixture
def own(monkeypatch):
    info = engines.EngineInfo("generator", "own", "made for tests", f"{__name__}:Own")
    monkeypatch.setattr(engines, "EMBEDDED", (*engines.EMBEDDED, info))
    monkeypatch.setattr(engines, "_own", lambda found: Own() if found is info else ORIGINAL(found))


ORIGINAL = engines._own


def test_neg_takes_another_generator_where_the_first_cannot_avoid_voices(own, clip):
    """0.3.0 asked the same generator again, which gave the same voice-over: the clip came back unchanged."""
    outcome = run(clip, generator="own", separator="silencing", request=GenerationRequest("metal", steps=4))
    assert outcome.final_from == "regenerated" and outcome.regenerated_by.name == "draft"
    assert not np.array_equal(outcome.final.numpy()[0][:100], outcome.coarse.numpy()[0][:100])
    assert any("'own' cannot generate again without voices: 'draft' made the sound" in note for note in outcome.notes)
    assert "own does not use the prompt and the number of steps." in outcome.notes


def test_a_generator_that_avoids_voices_generates_again_itself(clip):
    outcome = run(clip, separator="silencing")
    assert outcome.regenerated_by == outcome.choices.generator and outcome.notes == ()


def test_rep_on_a_clip_that_is_all_voice_says_that_the_voice_stays(own, clip):
    outcome = run(clip, generator="own", separator="silencing", fallback="rep")
    assert outcome.final is outcome.coarse
    assert any("'rep' keeps the coarse sound as it is, voice and all" in note for note in outcome.notes)


def test_a_voice_over_alone_does_not_come_back_unchanged(make_video, tone, tmp_path):
    """The whole run, on the fault's own ground: `auto` picks source, nothing is left, `neg` follows."""
    clip = make_video("narrated.mp4", seconds=1.0, audio=tone())
    events = []
    result = Pipeline(reasoner="yes", separator="silencing").run(
        clip, tmp_path / "out", progress=Progress(events.append)
    )
    record = json.loads(result.result_path.read_text())
    assert record["engines"]["generator"]["name"] == "source" and record["engines"]["generator"]["why"]
    assert record["regenerated_by"]["name"] == "draft" and "'source' cannot" in record["regenerated_by"]["why"]
    assert record["notes"] and record["notes"] == [event.text for event in events if event.is_note]
    assert Path(record["final_audio_path"]).read_bytes() != Path(record["step1_audio_path"]).read_bytes()


def test_notes_of_an_engine_at_work_are_kept_once(monkeypatch, clip):
    class Telling(fakes.Generator):
        def generate(self, clip, request, progress):
            for _ in range(2):
                progress.part(0, 0.5).note("there is nothing to hear")
            return super().generate(clip, request, progress)

    monkeypatch.setattr(fakes, "Generator", Telling)
    assert run(clip, reasoner="no").notes == ("there is nothing to hear",)
