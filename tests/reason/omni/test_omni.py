"""Tests of the reasoner `omni` on tiny models of several families as whole folders."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch

from deepsound import engines
from deepsound.cli.main import main
from deepsound.errors import Cancelled, EngineError, InputError, MissingPackage
from deepsound.media.clip import Clip
from deepsound.reason.omni import constrained, inference, prefix_cache
from deepsound.reason.omni.checkpoint import find_checkpoint
from deepsound.reason.omni.engine import OmniReasoner
from deepsound.reason.untuned import read_judgement
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import Audio, Preferences, Verdict
from tests.reason.omni import tiny

pytest.importorskip("transformers", "5.0", reason="AutoModelForMultimodalLM came with transformers 5")

BEFORE_SPANS = '{"summary": "s", "caption": "c", "reasoning": "r", "voice_spans": '
QUIET = Audio(torch.zeros(1, 16000), 16000)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A models folder `omni` with one model of each family."""
    root = tmp_path_factory.mktemp("models")
    for name, write in tiny.FAMILIES.items():
        write(root / "omni" / name)
    return root


@pytest.fixture(autouse=True)
def short_answers(monkeypatch):
    """A random model would write on to the last token."""
    monkeypatch.setattr("deepsound.reason.omni.engine._MOST_TOKENS", 12)
    monkeypatch.setattr(constrained, "MOST_TOKENS_A_FIELD", 3)


@pytest.fixture
def clip(make_video):
    return Clip.open(make_video(fps=5, seconds=1.0))


def reasoner(models, family, precision="fp32", **options):
    made = OmniReasoner(**options)
    made.configure(Execution("cpu", precision, weights={"omni": models / "omni" / family}))
    return made


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_families_are_told_apart_by_their_config_and_answer_in_text(models, clip, family):
    said = []
    engine = reasoner(models, family)
    judgement = engine.judge(clip, QUIET, Progress(lambda event: said.append(event.text)))
    assert judgement.verdict is Verdict.UNDECIDED and judgement.raw
    assert any(said), "the answer is streamed"
    used = engine.settings_in_use()
    assert (used["family"], used["device"], used["precision"]) == (family, "cpu", "fp32")
    assert engine.files() and engine.files()[f"omni 1 of {len(engine.files())}"].suffix == ".safetensors"


@pytest.mark.parametrize(
    ("family", "pictures", "has_sound", "words"),
    [
        ("qwen2_5_omni", 8, True, ()),
        ("qwen2_audio", 0, True, ("A person detector looked at 8 frames and saw a person in 0.",)),
        ("qwen2_vl", 8, False, ("A voice detector heard no human voice.",)),
    ],
)
def test_what_a_model_cannot_take_is_given_in_words(models, clip, family, pictures, has_sound, words):
    engine = reasoner(models, family)
    checkpoint = find_checkpoint("", engine.execution)
    takes = inference.senses(checkpoint.config(), checkpoint.processor())
    question = engine._question(takes, clip, QUIET, "", Progress())
    assert len(question.pictures) == pictures and (question.sound is not None) is has_sound
    assert all(word in question.text for word in words) and "Choose A or B." in question.text
    assert ("detector" in question.text) is bool(words)


def test_a_model_whose_config_has_no_encoder_for_sound_is_given_none(clip, tmp_path):
    folder = tiny.gemma4(tmp_path / "gemma4", with_sound=False)
    checkpoint = find_checkpoint("", Execution(weights={"omni": folder}))
    takes = inference.senses(checkpoint.config(), checkpoint.processor())
    assert takes == inference.Senses(pictures=True, sound=False)
    assert judged(folder, clip).raw


def test_a_constrained_answer_is_json_that_decides(models, clip, monkeypatch):
    monkeypatch.setattr("deepsound.reason.omni.engine._MOST_TOKENS", 300)
    monkeypatch.setattr(constrained, "MOST_SPANS", 2)
    for family in ("qwen3_omni_moe", "qwen2_audio"):
        judgement = reasoner(models, family, constrained=True).judge(clip, QUIET, Progress())
        assert list(json.loads(judgement.raw)) == ["summary", "caption", "reasoning", "voice_spans", "conclusion"]
        assert judgement.verdict is not Verdict.UNDECIDED
    engine = reasoner(models, "qwen2_audio", constrained=True)
    engine.prefer(Preferences(trace=False))
    assert list(json.loads(engine.judge(clip, QUIET, Progress()).raw)) == ["conclusion"]


def test_whatever_tokens_are_chosen_of_those_allowed_the_answer_is_json():
    tokens = tiny.tokenizer()
    counts = set()
    for seed in range(12):
        automaton, written, chosen = constrained.JsonAnswer(tokens, 0), [], np.random.default_rng(seed)
        while (token := int(chosen.choice(automaton.allowed(written)))) != tokens.eos_token_id:
            written.append(token)
        answer = json.loads(tokens.decode(written))
        assert answer["conclusion"] in ("A", "B") and len(answer) == 5
        assert all(len(pair) == 2 for pair in answer["voice_spans"])
        counts.add(len(answer["voice_spans"]))
    assert {0, 1} < counts and max(counts) <= constrained.MOST_SPANS


def test_a_constrained_answer_may_name_the_times_of_a_voice():
    """The automaton had no voice_spans, which the schema of other answers asks for."""
    tokens = tiny.tokenizer()
    text = (
        '{"summary": "s", "caption": "c", "reasoning": "r", "voice_spans": [[0.5, 12], [13.25, 14]], "conclusion": "A"}'
    )
    automaton, written = constrained.JsonAnswer(tokens, 0), []
    for token in tokens.encode(text):
        assert token in automaton.allowed(written), tokens.decode(written)
        written.append(token)
    assert automaton.allowed(written) == [tokens.eos_token_id]
    spans = read_judgement(tokens.decode(written), Preferences(), 20.0).voice_spans
    assert [(span.start_s, span.end_s) for span in spans] == [(0.5, 12.0), (13.25, 14.0)]


WRONG_SPANS = ("[0.5", "[[]", "[[01", "[[1, 2, ", "[[1.234", "[[12345", "[[1, 2]]]", "[[.5", "[[1]")


@pytest.mark.parametrize("wrong", WRONG_SPANS)
def test_spans_that_are_no_pairs_of_seconds_cannot_be_written(wrong):
    tokens = tiny.tokenizer()
    written = tokens.encode(BEFORE_SPANS)
    automaton = constrained.JsonAnswer(tokens, 0)
    with pytest.raises(AssertionError):
        for token in tokens.encode(wrong):
            assert token in automaton.allowed(written)
            written.append(token)


def test_examples_come_before_the_question_and_options_are_recorded(models, clip, monkeypatch):
    lengths = []
    inputs = inference._inputs
    monkeypatch.setenv("DEEPSOUND_OMNI_EXAMPLES", "1")
    monkeypatch.setattr("deepsound.reason.omni.engine._MOST_TOKENS", 1)
    monkeypatch.setattr(inference, "_inputs", lambda *given: lengths.append(inputs(*given)) or lengths[-1])
    for examples in (None, False):
        engine = reasoner(models, "qwen2_audio", examples=examples)
        engine.judge(clip, QUIET, Progress())
        assert engine.settings_in_use()["examples"] is (examples is None)
    assert lengths[0]["input_ids"].shape[1] > 2 * lengths[1]["input_ids"].shape[1]


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_prefix_that_was_read_changes_no_answer(models, clip, family):
    """Every question about a clip read its pictures anew."""
    other, answers = Audio(torch.linspace(-0.5, 0.5, 20000)[None], 16000), {}
    prefix_cache._of.clear()
    for reuse in (True, False):
        engine = reasoner(models, family, reuse=reuse)
        engine.prefer(Preferences(model_plan=True))
        judgements = [engine.judge(clip, audio, Progress()).raw for audio in (QUIET, other, other)]
        answers[reuse] = [engine.plan(clip, Progress()).raw, *judgements, engine.plan(clip, Progress()).raw]
    assert answers[True] == answers[False]
    (cache,) = prefix_cache._of.values()
    assert cache.reused > 1000, "one token is one byte: the rule and the pictures are most of it"


def test_a_family_that_does_not_go_on_behind_a_prefix_reads_the_whole_prompt(models, clip, monkeypatch):
    prefix_cache._of.clear()
    whole = reasoner(models, "qwen2_vl", reuse=False).judge(clip, QUIET, Progress()).raw
    logits = prefix_cache._logits
    wrong = iter((0.0, 9.0))

    def shifted(model, given):
        return torch.cat((logits(model, given)[:, 1:], torch.full((1, 1), next(wrong))), dim=1)

    monkeypatch.setattr(prefix_cache, "_logits", shifted)
    engine = reasoner(models, "qwen2_vl")
    assert [engine.judge(clip, QUIET, Progress()).raw for _ in range(3)] == [whole] * 3
    assert [cache.reused for cache in prefix_cache._of.values()] == [0]


def test_another_clip_s_pictures_are_never_taken_for_this_one_s(models, clip, make_video):
    prefix_cache._of.clear()
    engine = reasoner(models, "qwen2_5_omni")
    other = Clip.open(make_video("other.mp4", fps=4, seconds=1.0, size=(64, 64)))
    first = engine.judge(clip, QUIET, Progress()).raw
    assert (
        engine.judge(other, QUIET, Progress()).raw
        == reasoner(models, "qwen2_5_omni", reuse=False).judge(other, QUIET, Progress()).raw
    )
    assert engine.judge(clip, QUIET, Progress()).raw == first


def test_a_long_sound_is_judged_in_windows_and_the_plan_is_asked_for(models, make_video, monkeypatch):
    monkeypatch.setattr("deepsound.reason.omni.engine._MOST_TOKENS", 2)
    clip = Clip.open(make_video(fps=2, seconds=30.0))
    engine = reasoner(models, "qwen2_vl")
    assert len(engine.judge(clip, Audio(torch.zeros(1, 16000 * 30), 16000), Progress()).windows) == 2
    assert engine.judge(clip, None, Progress()).verdict is Verdict.NO
    assert len(engine.plan(clip, Progress()).steps) == 4
    engine.prefer(Preferences(model_plan=True))
    assert len(engine.plan(clip, Progress()).steps) == 4 and engine.plan(clip, Progress()).raw


def test_it_is_cancelled_between_tokens(models, clip):
    token = CancelToken()
    progress = Progress(lambda event: token.cancel() if event.fraction and event.fraction > 0.3 else None, token.check)
    with pytest.raises(Cancelled):
        reasoner(models, "qwen2_audio").judge(clip, QUIET, progress)


@pytest.mark.parametrize("family", ["qwen2_5_omni", "gemma4", "audioflamingo3"])
def test_the_command_line_names_a_folder_and_records_the_model(models, clip, fake_engines, tmp_path, family):
    flags = ["--generator", "noise", "--separator", "halving", "--precision", "fp32", "--quiet"]
    more = ["--reasoner", f"omni:{family}", "--models", str(models), "-o", str(tmp_path / "out")]
    assert main(["run", str(clip.path), *flags, *more]) == 0
    record = json.loads((tmp_path / "out" / "clip.result.json").read_text())
    assert record["engines"]["reasoner"]["name"] == f"omni:{family}"
    assert f'"family": "{family}"' in json.dumps(record["engine_settings"])


def test_menus_offer_the_folders_that_are_there(models):
    from deepsound.weights.search_paths import register_model_folders

    register_model_folders([models])
    assert {"omni", *(f"omni:{name}" for name in tiny.FAMILIES)} <= set(engines.names("reasoner"))


def damaged(models, tmp_path, family="qwen2_audio", **config):
    """A copy of a model whose config.json has other values; those of None are left out."""
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in (models / "omni" / family).iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    values = json.loads((folder / "config.json").read_text()) | config
    (folder / "config.json").write_text(
        json.dumps({name: value for name, value in values.items() if value is not None})
    )
    return folder


def judged(folder, clip, precision="fp32"):
    engine = OmniReasoner()
    engine.configure(Execution("cpu", precision, weights={"omni": folder}))
    engine.check_files()
    return engine.judge(clip, QUIET, Progress())


def test_code_in_a_folder_is_never_run(models, clip, tmp_path):
    marker = tmp_path / "run"
    folder = damaged(models, tmp_path, auto_map={"AutoModel": "evil.Evil", "AutoConfig": "evil.Evil"})
    (folder / "evil.py").write_text(f"open({str(marker)!r}, 'w')\nclass Evil: pass\n")
    assert judged(folder, clip).verdict is Verdict.UNDECIDED
    values = json.loads((folder / "config.json").read_text()) | {"model_type": "evil"}
    (folder / "config.json").write_text(json.dumps(values))
    with pytest.raises(EngineError, match="needs code of its own, which is refused"):
        judged(folder, clip)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "nobody_knows"}, "got the family 'nobody_knows'"),
        ({"model_type": None}, "expected a model_type"),
        ({"model_type": "bert"}, "got the family 'bert'"),
    ],
)
def test_a_config_that_is_none_of_a_multimodal_model_is_refused(models, clip, tmp_path, config, message):
    with pytest.raises(EngineError, match=message):
        judged(damaged(models, tmp_path, **config), clip)


def test_weights_that_lack_tensors_or_are_pickled_are_refused(models, clip, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = damaged(models, tmp_path)
    tensors = load_file(folder / "model.safetensors")
    del tensors[next(name for name in tensors if "q_proj" in name)]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(EngineError, match="1 of its tensors are missing"):
        judged(folder, clip)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(EngineError, match=r"expected weights as .safetensors"):
        judged(folder, clip)
    (folder / "config.json").write_text("{")
    with pytest.raises(EngineError, match="cannot be read as JSON"):
        judged(folder, clip)


def test_names_and_packages_that_are_missing_are_said(models, clip, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="There is none in a models folder omni"):
        OmniReasoner().check_files()
    with pytest.raises(InputError, match=r"expected a model in the models folder omni, got '\.\./qwen'"):
        OmniReasoner("../qwen").check_files()
    monkeypatch.setattr("deepsound.reason.omni.components.find_spec", lambda name: None)
    with pytest.raises(MissingPackage, match="8 and 4 bit need accelerate and bitsandbytes"):
        judged(models / "omni" / "qwen2_audio", clip, "nf4")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingPackage, match="needs transformers"):
        judged(models / "omni" / "qwen2_audio", clip)
