"""Benchmark of the reasoner's inference optimizations; their answers are compared.

`python -m benchmarks.reasoner [--half-billion] [--prefill]`.

Checkpoints with random weights are written in the published form and asked through the engine: the tiny one of the
tests, and one with a language model of Qwen2-0.5B's sizes whose vision tower is smaller in proportion. One is taught to
write one wording, as the published models nearly do, so that a second answer can be guessed from the first; the other
is left random, so that every token depends on everything that was read. Times are processor seconds of one thread, so
that other work on the machine does not count. On CUDA, a random language model of the
published size is timed in bfloat16 against what reading its weights costs. On the CPU two of the published 28 layers
read a prompt in bfloat16, in turn with a plain product: `--prefill` measures that alone, and keeps the saved rest.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import itemgetter
from pathlib import Path

import numpy as np
import torch

from benchmarks._measure import save
from benchmarks._side_by_side import plain_product, side_by_side
from benchmarks.mmaudio import count_flops, machine
from deepsound.models.videollama2.config import LanguageConfig, VideoLlama2Config
from deepsound.models.videollama2.kv_cache import KeyValueCache
from deepsound.models.videollama2.language import LanguageModel
from deepsound.reason.videollama2.checkpoint import VideoLLaMA2Checkpoint
from deepsound.reason.videollama2.components import VideoLLaMA2Components
from deepsound.reason.videollama2.decoding import GenerationSettings, GreedyDecoder
from deepsound.reason.videollama2.frames import Frames
from deepsound.reason.videollama2.inference import NO_OPTIMIZATIONS, InferenceOptimizations, ModelAnswer, Question, ask
from deepsound.reason.videollama2.speculative import PromptLookup
from deepsound.runtime.execution import Execution
from deepsound.runtime.feature_cache import feature_cache
from deepsound.runtime.model_cache import model_cache
from deepsound.runtime.progress import Progress
from tests.reason.videollama2 import tiny

QUIET = Progress()
RESULTS = Path(__file__).parent / "results" / "reasoner.json"
PREFILL = "7B prefill on the CPU"
WORDING = tuple(f"<word {number}>" for number in range(64))
HALF_BILLION = VideoLlama2Config(
    language=LanguageConfig(vocabulary=151936, width=896, layers=24, heads=14, key_value_heads=2, mlp_width=4864),
    vision=replace(tiny.CONFIG.vision, width=432, layers=13, heads=6, mlp_width=1600, patch_size=14),
    connector=replace(tiny.CONFIG.connector, vision_width=432, width=896),
    audio=tiny.CONFIG.audio,
)

OPTIMIZATIONS = {
    "all": InferenceOptimizations(),
    "reuse alone": InferenceOptimizations(drafts=False),
    "none": NO_OPTIMIZATIONS,
}

Row = dict[str, object]


def frames(seed: int) -> Frames:
    pictures = np.random.default_rng(seed).integers(0, 256, (16, 384, 384, 3), np.uint8)
    return Frames(pictures, tuple(range(16)), 16)


def question(seed: int, tokens: int) -> Question:
    sound = 8 * torch.randn(1, 2998, 128, generator=torch.Generator().manual_seed(seed))
    return Question("Does the audio contain voice-over?", sound, most_tokens=tokens)


def time_call(
    networks: VideoLLaMA2Components, asked: Question, optimizations: InferenceOptimizations
) -> tuple[float, ModelAnswer]:
    shown = frames(0)
    began = time.process_time()
    answer = ask(networks, shown, asked, QUIET, optimizations)
    return time.process_time() - began, answer


def load(folder: Path) -> VideoLLaMA2Components:
    """The networks, in memory and with nothing known of any clip."""
    model_cache().unload()
    feature_cache().clear()
    networks = VideoLLaMA2Components(VideoLLaMA2Checkpoint(folder), Execution(device="cpu", precision="fp32"))
    for role in ("language", "vision", "audio"):
        with networks.use(role, QUIET):
            pass
    return networks


def judgements(folder: Path, repeats: int, names: Sequence[str]) -> Row:
    """Two judgements of one clip with two sounds, by a model that writes one wording; the best of some repeats."""
    row: Row = {}
    for name in names:
        optimizations = OPTIMIZATIONS[name]
        firsts, seconds = [], []
        for _ in range(repeats):
            networks = load(folder)
            firsts.append(time_call(networks, question(1, 200), optimizations))
            seconds.append(time_call(networks, question(2, 200), optimizations))
        first_s, second_s = (min(seconds_of for seconds_of, _ in part) for part in (firsts, seconds))
        first, second = firsts[0][1], seconds[0][1]
        row[name] = {
            "first_s": first_s,
            "second_s": second_s,
            "ratio": second_s / first_s,
            "tokens": len(second.ids),
            "first_passes": first.passes,
            "second_passes": second.passes,
            "prompt_tokens": second.prompt_tokens,
            "reused_tokens": second.reused_tokens,
        }
    return row


def identical(folder: Path, tokens: int) -> bool:
    """Whether a random model's second answer has the same ids with every shortcut on and with every one off."""
    networks = load(folder)
    first, second = (time_call(networks, question(seed, tokens), InferenceOptimizations())[1].ids for seed in (1, 2))
    return second == time_call(networks, question(2, tokens), NO_OPTIMIZATIONS)[1].ids != first


@torch.inference_mode()
def drafting(folder: Path, tokens: int, repeats: int) -> Row:
    """Tokens per pass of a random model, by how well its answer was guessed."""
    networks = load(folder)
    with networks.use("language", QUIET) as model:
        prompt = model.embed(torch.arange(32)[None])

        def decode_answer(drafts: PromptLookup | None) -> tuple[float, GreedyDecoder]:
            settings = GenerationSettings(repetition_penalty=1.05, max_new_tokens=tokens)
            decoder = GreedyDecoder(model, model.new_cache(32 + tokens), settings, drafts)
            began = time.process_time()
            for _ in decoder.tokens(prompt):
                pass
            return time.process_time() - began, decoder

        plain_s, plain = min((decode_answer(None) for _ in range(repeats)), key=itemgetter(0))
        near = [token if at % 16 else (token + 1) % 300 for at, token in enumerate(plain.written, 1)]
        far = [(token + 1) % 300 for token in plain.written]
        row: Row = {"plain_s_per_token": plain_s / tokens}
        for name, guess in (("known wording", plain.written), ("one word in 16 differs", near), ("unknown", far)):
            seconds, decoder = min((decode_answer(PromptLookup([guess])) for _ in range(repeats)), key=itemgetter(0))
            row[name] = {
                "tokens_per_pass": tokens / decoder.passes,
                "seconds_share": seconds / plain_s,
                "identical": decoder.written == plain.written,
            }
    return row


def measure(name: str, config: VideoLlama2Config, work: Path, tokens: int, repeats: int, names: Sequence[str]) -> Row:
    taught = tiny.write(work / f"{name} taught", script=WORDING, config=config)
    random = tiny.write(work / f"{name} random", seed=3, penalty=1.3, config=config)
    return {
        "model": name,
        "judgements": judgements(taught, repeats, names),
        "identical_ids": identical(random, tokens),
        "drafting": drafting(random, 64, repeats),
    }


def show(row: Row) -> None:
    print(f"\n{row['model']}: ids the same with every shortcut on and off: {row['identical_ids']}")
    print(
        f"  {'optimizations':<24}{'judge #1':>10}{'judge #2':>10}{'#2 / #1':>9}{'passes #2':>11}{'tokens':>8}"
        f"{'prompt reused':>15}"
    )
    for name, part in row["judgements"].items():  # type: ignore[attr-defined]
        print(
            f"  {name:<24}{part['first_s']:>8.2f} s{part['second_s']:>8.2f} s{part['ratio']:>8.2f}x"
            f"{part['second_passes']:>11}{part['tokens']:>8}{part['reused_tokens']:>7} of {part['prompt_tokens']}"
        )
    for name, part in row["drafting"].items():  # type: ignore[attr-defined]
        if isinstance(part, dict):
            print(
                f"  guesses, {name:<24}{part['tokens_per_pass']:>6.1f} tokens per pass, {part['seconds_share']:.2f}x "
                f"the time, identical: {part['identical']}"
            )
        else:
            print(f"  plain decoding          {1000 * part:.1f} ms per token")


@torch.inference_mode()
def against_bandwidth(config: LanguageConfig, device: torch.device, prompt_tokens: int = 2899, steps: int = 64) -> Row:
    """A random language model in bfloat16: prefill, and the time of a step beside what reading its weights takes."""
    model = LanguageModel(config).to(torch.bfloat16).to(device).eval()
    weight_bytes = sum(parameter.nbytes for parameter in model.parameters()) - model.model.embed_tokens.weight.nbytes
    source = torch.empty(1 << 30, dtype=torch.uint8, device=device)
    floor_s = _seconds(source.clone, 5, device) / (2 * source.numel()) * weight_bytes
    row: Row = {"floor_s_per_token": floor_s}
    for name, fixed in (("plain", False), ("compiled", True)):
        if fixed:
            model.compile_step(**({"mode": "reduce-overhead"} if device.type == "cuda" else {"backend": "eager"}))
        kept = model.new_cache(prompt_tokens + 2 * steps + 8, fixed)
        prompt = torch.randn(1, prompt_tokens, config.width, device=device).bfloat16()

        def prefill(kept: KeyValueCache = kept, prompt: torch.Tensor = prompt) -> None:
            kept.rewind(0)
            model(prompt, kept, 1)

        def step(kept: KeyValueCache = kept, token: torch.Tensor = prompt[:, :1]) -> None:
            model(token, kept, 1).argmax()

        prefill_s = _seconds(prefill, 3, device)
        _seconds(step, 4, device)
        token_s = _seconds(step, steps, device)
        row[name] = {"prefill_s": prefill_s, "s_per_token": token_s, "times_floor": token_s / floor_s}
    return row


@torch.inference_mode()
def prefill_on_cpu(prompt_tokens: int = 2899, layers: int = 2, turns: int = 2) -> Row:
    """The share of a plain product's rate at which layers of the 7B form read a prompt in bfloat16 (processor time)."""
    config = replace(LanguageConfig(), layers=layers, vocabulary=256)
    model = LanguageModel(config).to(torch.bfloat16).eval()
    cache = model.new_cache(prompt_tokens + 8, False)
    prompt = torch.randn(1, prompt_tokens, config.width).bfloat16()

    def prefill() -> torch.Tensor:
        cache.rewind(0)
        made: torch.Tensor = model(prompt, cache, 1)
        return made

    _, flops = count_flops(prefill)
    product, product_flops = plain_product(torch.device("cpu"), torch.bfloat16)
    product()
    taken = side_by_side({"prefill": prefill, "product": product}, turns, torch.device("cpu"))
    seconds, product_s = taken["prefill"].cpu_s[0], taken["product"].cpu_s[0]
    return {
        "machine": machine(torch.get_num_threads()),
        "layers": layers,
        "of_layers": LanguageConfig().layers,
        "prompt_tokens": prompt_tokens,
        "flops": flops,
        "cpu_s": seconds,
        "product_flops_per_s": product_flops / product_s,
        "utilisation": flops / seconds / (product_flops / product_s),
        "target": 0.7,
    }


def _seconds(work: Callable[[], object], times: int, device: torch.device) -> float:
    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize()

    work()
    wait()
    began = time.perf_counter()
    for _ in range(times):
        work()
    wait()
    return (time.perf_counter() - began) / times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half-billion", action="store_true", help="also the 0.5B-sized model: ten minutes, 6 GB")
    parser.add_argument("--prefill", action="store_true", help="only the 7B form's prefill on the CPU: a minute, 2 GB")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.prefill:
        row = prefill_on_cpu()
        print({name: value for name, value in row.items() if name != "machine"})
        print("written to", save({**json.loads(RESULTS.read_text()), PREFILL: row}, "reasoner"))
        return
    results: Row = {"cores": os.cpu_count(), "threads": 1, "models": []}
    with tempfile.TemporaryDirectory() as folder:
        wanted = [("tiny", tiny.CONFIG, 64, 5, tuple(OPTIMIZATIONS)), ("0.5B", HALF_BILLION, 16, 1, ("all",))]
        for name, config, tokens, repeats, names in wanted[: 1 + arguments.half_billion]:
            results["models"].append(measure(name, config, Path(folder), tokens, repeats, names))  # type: ignore[attr-defined]
            show(results["models"][-1])  # type: ignore[index]
    if torch.cuda.is_available():
        results["7B on CUDA"] = against_bandwidth(LanguageConfig(), torch.device("cuda"))
        print(torch.cuda.get_device_name(), results["7B on CUDA"])
    else:
        results["7B on CUDA"] = "not measured: no CUDA device here"
        print(f"\n7B on CUDA, prefill and time per token: {results['7B on CUDA']}")
    results[PREFILL] = prefill_on_cpu()
    print(f"7B prefill on the CPU: {results[PREFILL]}")
    print("written to", save(results, "reasoner"))


if __name__ == "__main__":
    main()
