"""The whole reasoner on tiny checkpoints that lie on the disk as the published ones do."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from deepsound.errors import Cancelled, EngineError, InputError
from deepsound.media.clip import Clip
from deepsound.models.videollama2.language import LanguageModel
from deepsound.reason.plan import STEPS
from deepsound.reason.videollama2.engine import VideoLlama2Reasoner
from deepsound.reason.videollama2.quantization import Bits, quantise
from deepsound.runtime.execution import Execution
from deepsound.runtime.model_cache import model_cache
from deepsound.runtime.progress import CancelToken, Progress, ProgressEvent
from deepsound.types import Audio, Verdict
from deepsound.weights.search_paths import register_model_folders
from tests.reason.videollama2 import tiny

pytestmark = pytest.mark.usefixtures("nothing_at_hand")

MakeVideo = Callable[..., Path]
QUIET = Progress()

THOUGHT = (
    "Summary\n<SUMMARY> I will look and listen.</SUMMARY>\n",
    "Caption\n<CAPTION> The video shows there are no people in the video. There is the sound of people in the audio. ",
    "</CAPTION>\n",
    "<REASONING> There are no people in the video. There is the sound of people in the audio. ",
    "I detect that the audio contains a voice-over. </REASONING>\n",
    "Conclusion\n<CONCLUSION>",
    " A ",
    "</CONCLUSION>",
)


@pytest.fixture(scope="module")
def yes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write(tmp_path_factory.mktemp("yes"), script=THOUGHT)


@pytest.fixture(scope="module")
def random(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write(tmp_path_factory.mktemp("random"), seed=3)


@pytest.fixture
def clip(make_video: MakeVideo) -> Clip:
    return Clip.open(make_video(fps=10, seconds=2.0))


def reasoner(folder: Path, model: str = "cot", precision: str = "fp32", **options: object) -> VideoLlama2Reasoner:
    made = VideoLlama2Reasoner(model, **options)  # type: ignore[arg-type]
    weights = {"videollama2/av_cot": folder, "videollama2/av_qa": folder}
    made.configure(Execution(device="cpu", precision=precision, weights=weights))  # type: ignore[arg-type]
    return made


def said(events: list[ProgressEvent]) -> list[str]:
    return [event.text for event in events if event.text]


def test_a_chain_of_thought_becomes_a_judgement_and_is_said_as_it_is_written(yes: Path, clip: Clip, noise) -> None:
    events: list[ProgressEvent] = []
    judgement = reasoner(yes).judge(clip, noise(2.0), Progress(on_event=events.append))
    assert (judgement.verdict, judgement.category) == (Verdict.YES, "Yes")
    assert judgement.thought.summary == "I will look and listen." and judgement.thought.conclusion == "A"
    assert judgement.raw == "".join(THOUGHT).strip()
    assert said(events) == "".join(THOUGHT).splitlines()
    shares = [event.fraction for event in events if event.fraction is not None]
    assert shares == sorted(shares) and shares[-1] == 1.0 and len(shares) > len(THOUGHT)


def test_without_the_trace_it_ends_with_the_verdict(yes: Path, clip: Clip, noise) -> None:
    whole, short = (reasoner(yes, trace=trace).judge(clip, noise(2.0), QUIET) for trace in (True, False))
    assert short.verdict is whole.verdict and whole.raw.startswith(short.raw)
    assert short.thought.conclusion == whole.thought.conclusion


@pytest.mark.parametrize(
    ("letter", "verdict", "conclusion"), [("A", Verdict.YES, "A. Yes"), ("B", Verdict.NO, "B. No")]
)
def test_a_letter_alone(tmp_path: Path, clip: Clip, noise, letter: str, verdict: Verdict, conclusion: str) -> None:
    folder = tiny.write(tmp_path / "qa", script=(letter, ". and more"))
    asked = reasoner(folder, "qa")
    judgement = asked.judge(clip, noise(2.0), QUIET)
    assert asked.settings_in_use()["precision"] == "fp32"
    assert (judgement.verdict, judgement.thought.conclusion, judgement.raw) == (verdict, conclusion, letter)
    share = float(re.findall(r"A is ([\d.]+)% likely", judgement.thought.reasoning)[0])
    assert share > 60 if verdict is Verdict.YES else share < 40
    published = reasoner(folder, "qa", published_parser=True).judge(clip, noise(2.0), QUIET)
    assert published.verdict is Verdict.NO and published.raw == f"{letter}. and more"


def test_an_answer_that_says_nothing_is_undecided_and_kept(tmp_path: Path, clip: Clip, noise) -> None:
    for model in ("cot", "qa"):
        folder = tiny.write(tmp_path / model, script=("I cannot", " tell \x1b[31m."))
        events: list[ProgressEvent] = []
        judgement = reasoner(folder, model).judge(clip, noise(2.0), Progress(on_event=events.append))
        assert judgement.verdict is Verdict.UNDECIDED and judgement.category == ""
        assert judgement.raw == "I cannot tell \x1b[31m." and said(events) == ["I cannot tell [31m."]


def test_words_in_the_picture_are_an_answer_like_any_other(tmp_path: Path, clip: Clip, noise) -> None:
    folder = tiny.write(
        tmp_path / "led",
        script=(
            "<SUMMARY> The picture says: <|im_start|>system {{ 7*7 }} __import__('os') <script>x</script>",
            " </SUMMARY>",
            "<CONCLUSION> B. No",
            " </CONCLUSION>",
        ),
    )
    judgement = reasoner(folder).judge(clip, noise(2.0), QUIET)
    assert judgement.verdict is Verdict.NO and "{{ 7*7 }} __import__('os') <script>" in judgement.thought.summary


def test_the_published_parser_can_be_chosen(tmp_path: Path, clip: Clip, noise) -> None:
    folder = tiny.write(tmp_path / "odd", script=("<CONCLUSION>", "A", "</CONCLUSION>"))
    verdicts = [
        reasoner(folder, published_parser=published).judge(clip, noise(2.0), QUIET).verdict
        for published in (False, True)
    ]
    assert verdicts == [Verdict.YES, Verdict.NO]


def test_the_fixed_plan_asks_no_model(tmp_path: Path, clip: Clip) -> None:
    events: list[ProgressEvent] = []
    plan = reasoner(tmp_path / "nowhere").plan(clip, Progress(on_event=events.append))
    assert plan.steps == STEPS == tuple(said(events)) and clip.passes == 0


def test_a_models_plan_is_read_and_one_that_cannot_be_is_replaced(tmp_path: Path, clip: Clip) -> None:
    lines = [f"{step}\n" for step in (STEPS[0], STEPS[1].rstrip("."), STEPS[2], STEPS[3])]
    good = tiny.write(tmp_path / "good", script=lines)
    assert reasoner(good, planning="model_plan").plan(clip, QUIET).steps == STEPS
    events: list[ProgressEvent] = []
    bad = tiny.write(tmp_path / "bad", script=("Sing", " a song."))
    plan = reasoner(bad, planning="model_plan").plan(clip, Progress(on_event=events.append))
    assert plan.steps == STEPS and plan.raw == "Sing a song." and "cannot be read" in said(events)[-1]


def test_plan_and_judge_share_one_copy(yes: Path, clip: Clip, noise) -> None:
    engine = reasoner(yes, planning="model_plan")
    engine.plan(clip, QUIET)
    engine.judge(clip, noise(2.0), QUIET)
    engine.judge(clip, noise(1.0), QUIET)
    assert sorted(held.key.name for held in model_cache().report()) == [
        "videollama2 audio",
        "videollama2 language",
        "videollama2 vision",
    ]
    assert clip.passes == 1


def test_no_sound_is_a_case_of_its_own_and_needs_no_model(tmp_path: Path, clip: Clip) -> None:
    for audio in (None, Audio.from_numpy(np.zeros(0), 16000)):
        judgement = reasoner(tmp_path / "nowhere").judge(clip, audio, QUIET)
        assert judgement.verdict is Verdict.NO and "no audio" in judgement.thought.reasoning and judgement.raw == ""


@pytest.mark.parametrize("seconds", [0.0001, 0.5, 9.0])
def test_sounds_shorter_and_longer_than_the_clip_and_silent_ones(yes: Path, clip: Clip, noise, seconds: float) -> None:
    for level in (0.1, 0.0):
        assert reasoner(yes).judge(clip, noise(seconds, level=level), QUIET).verdict is Verdict.YES


def test_nan_samples_are_refused(yes: Path, clip: Clip) -> None:
    with pytest.raises(InputError, match="not finite"):
        reasoner(yes).judge(clip, Audio.from_numpy(np.full(8000, np.nan), 8000), QUIET)


def test_it_can_be_stopped_before_and_between_tokens(yes: Path, random: Path, clip: Clip, noise) -> None:
    token = CancelToken()
    with pytest.raises(Cancelled):
        reasoner(yes).judge(
            clip,
            noise(2.0),
            Progress(on_event=lambda event: token.cancel() if "CAPTION" in event.text else None, check=token.check),
        )
    with pytest.raises(Cancelled):
        reasoner(random).judge(clip, noise(2.0), Progress(check=token.check))
    assert not any(held.in_use for held in model_cache().report())
    assert reasoner(yes).judge(clip, noise(2.0), QUIET).verdict is Verdict.YES


def test_a_checkpoint_without_a_vision_tower_takes_a_separate_one(tmp_path: Path, clip: Clip, noise) -> None:
    lean = tiny.write(tmp_path / "lean", seed=3, with_tower=False)
    engine = reasoner(lean)
    with pytest.raises(EngineError, match=r"siglip/so400m_384.*deepsound models download"):
        engine.judge(clip, noise(2.0), QUIET)
    siglip = tiny.write_siglip(tmp_path / "siglip", seed=3)
    engine.configure(Execution(device="cpu", weights={"videollama2/av_cot": lean, "siglip/so400m_384": siglip}))
    assert len(engine.files()) == 3
    assert engine.judge(clip, noise(2.0), QUIET).raw


def test_weights_are_found_where_they_are_kept(yes: Path, tmp_path: Path, clip: Clip, noise) -> None:
    shutil.copytree(yes, tmp_path / "models" / "videollama2" / "VideoLLaMA2.1-7B-AV-CoT")
    engine = VideoLlama2Reasoner()
    engine.configure(Execution(device="cpu"))
    with pytest.raises(EngineError, match="videollama2/av_cot"):
        engine.judge(clip, noise(2.0), QUIET)
    register_model_folders([tmp_path / "models"])
    assert engine.judge(clip, noise(2.0), QUIET).verdict is Verdict.YES


@pytest.mark.parametrize("precision", ["bf16", "fp16", "int8", "nf4"])
def test_every_precision_writes_the_same(yes: Path, clip: Clip, precision: str) -> None:
    if precision in ("int8", "nf4"):
        pytest.importorskip("bitsandbytes", reason="bitsandbytes is in the [quantised] extra")
    # A plan's prompt has no sound in it: on a processor, bitsandbytes would take a minute for one that has.
    plan = reasoner(yes, precision=precision, planning="model_plan").plan(clip, QUIET)
    assert plan.raw == "".join(THOUGHT).strip()


@pytest.mark.parametrize(("bits", "bytes_each", "alike"), [("int8", 1.0, 0.99), ("nf4", 0.5, 0.9)])
def test_fewer_bits_are_for_the_language_models_layers_alone(bits: Bits, bytes_each: float, alike: float) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is in the [quantised] extra")
    with torch.inference_mode():
        model = tiny.seeded(LanguageModel(tiny.CONFIG.language), 1).eval().to(torch.bfloat16)
        prompt = torch.randn(1, 12, 64, generator=torch.Generator().manual_seed(0)).bfloat16()
        exact, untouched = model(prompt), {name: tensor.clone() for name, tensor in model.named_parameters()}
        linears = {
            name: module.weight.numel()
            for name, module in model.model.named_modules()
            if isinstance(module, torch.nn.Linear)
        }
        quantise(model, bits, torch.device("cpu"))
        for name, numbers in linears.items():
            assert model.model.get_submodule(name).weight.nbytes == bytes_each * numbers
        for name in ("model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"):
            assert torch.equal(model.get_parameter(name), untouched[name])
        assert torch.nn.functional.cosine_similarity(exact, model(prompt), dim=-1).min() > alike


def test_without_bitsandbytes_the_error_says_what_to_install(yes: Path, clip: Clip, noise, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(EngineError, match=r"need bitsandbytes, .*-m pip install bitsandbytes"):
        reasoner(yes, precision="nf4").judge(clip, noise(2.0), QUIET)


def test_offload_leaves_nothing_in_memory(yes: Path, clip: Clip, noise) -> None:
    engine = reasoner(yes)
    engine.configure(Execution(device="cpu", offload=True, weights=engine.execution.weights))
    assert engine.judge(clip, noise(2.0), QUIET).verdict is Verdict.YES
    assert model_cache().report() == []


def test_running_out_of_memory_is_tried_once_more_with_offload(yes: Path, clip: Clip, noise, monkeypatch) -> None:
    from deepsound.reason.videollama2 import inference as asking

    calls = []

    def short_of_memory(networks, *arguments, **named):
        calls.append(networks.offload)
        if not networks.offload:
            raise RuntimeError("CUDA out of memory")
        return ask(networks, *arguments, **named)

    ask = asking.ask
    monkeypatch.setattr(asking, "ask", short_of_memory)
    assert reasoner(yes).judge(clip, noise(2.0), QUIET).verdict is Verdict.YES
    assert calls == [False, True]


def broken(source: Path, target: Path) -> Path:
    shutil.copytree(source, target)
    return target


def edit(path: Path, **changes: object) -> None:
    content = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in (content | changes).items() if value is not None}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda folder: (folder / "model-00002-of-00002.safetensors").unlink(),
            "lacks model-00002-of-00002.safetensors",
        ),
        (
            lambda folder: (
                (folder / "model-00001-of-00002.safetensors").unlink(),
                (folder / "model.safetensors.index.json").unlink(),
            ),
            "1 of 2 files",
        ),
        (lambda folder: (folder / "vocab.json").unlink(), "no vocab.json"),
        (lambda folder: (folder / "merges.txt").unlink(), "no merges.txt"),
        (lambda folder: (folder / "vocab.json").write_text("{"), "cannot be read"),
        (lambda folder: (folder / "config.json").write_text("[]"), "holds a list"),
        (lambda folder: (folder / "config.json").write_text("not json"), "cannot be read as settings"),
        (lambda folder: edit(folder / "config.json", model_type="llama"), "model_type"),
        (lambda folder: edit(folder / "config.json", num_hidden_layers=3), "missing"),
        (lambda folder: edit(folder / "config.json", vocab_size=401), "another shape"),
        (lambda folder: edit(folder / "generation_config.json", no_repeat_ngram_size=3), "no_repeat_ngram_size"),
        (
            lambda folder: edit(folder / "tokenizer_config.json", chat_template="{{ messages[0]['role'] }}"),
            "chat template",
        ),
        (
            lambda folder: (folder / "model-00001-of-00002.safetensors").write_bytes(b"\x10" * 40),
            "model-00001-of-00002",
        ),
    ],
    ids=range(13),
)
def test_what_is_wrong_with_a_folder_is_said_and_where(yes, tmp_path, clip, noise, spoil, message) -> None:
    folder = broken(yes, tmp_path / "broken")
    spoil(folder)
    with pytest.raises(EngineError, match=message) as raised:
        reasoner(folder).judge(clip, noise(2.0), QUIET)
    assert str(folder) in str(raised.value)


def test_a_folder_that_lacks_a_tensor_names_it(yes: Path, tmp_path: Path, clip: Clip, noise) -> None:
    folder = broken(yes, tmp_path / "broken")
    shard = folder / "model-00001-of-00002.safetensors"
    tensors = load_file(shard)
    del tensors["lm_head.weight"]
    save_file(tensors, shard)
    with pytest.raises(EngineError, match=r"1 missing: lm_head\.weight"):
        reasoner(folder).judge(clip, noise(2.0), QUIET)


def test_a_folder_without_generation_settings_or_chat_template_is_complete(yes, tmp_path, clip, noise) -> None:
    folder = broken(yes, tmp_path / "lean")
    (folder / "generation_config.json").unlink()
    end = json.loads((yes / "generation_config.json").read_text())["eos_token_id"][0]
    edit(folder / "config.json", eos_token_id=end)
    assert reasoner(folder).judge(clip, noise(2.0), QUIET).verdict is Verdict.YES


def test_unknown_models_and_plannings_are_refused() -> None:
    with pytest.raises(InputError, match="cot, qa"):
        VideoLlama2Reasoner("chain")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="fixed_plan, model_plan"):
        VideoLlama2Reasoner(planning="own")  # type: ignore[arg-type]


def test_an_answer_without_end_is_capped(tmp_path: Path, clip: Clip, noise) -> None:
    folder = tiny.write(tmp_path / "endless", script=("la ", "li "), endless=True, penalty=1.0)
    judgement = reasoner(folder).judge(clip, noise(2.0), QUIET)
    assert judgement.raw == "la li " * 1023 + "la li" and judgement.verdict is Verdict.UNDECIDED
