"""One question to a multimodal model: pictures, sound and words in, text out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from deepsound.errors import EngineError
from deepsound.reason.evidence import SAMPLE_RATE
from deepsound.reason.omni.checkpoint import OmniCheckpoint, transformers
from deepsound.reason.omni.components import OmniComponents
from deepsound.reason.omni.constrained import JsonAnswer
from deepsound.reason.omni.prefix_cache import Prompt, prefix_cache_of, prompt_of
from deepsound.reason.untuned import SYSTEM, examples
from deepsound.runtime.memory import is_out_of_memory
from deepsound.runtime.progress import Progress


@dataclass(frozen=True, eq=False)
class OmniQuestion:
    """`text`, pictures uint8 [height, width, 3] and samples float32 [samples] at 16 kHz; None where it is words."""

    text: str
    pictures: tuple[np.ndarray, ...] = ()
    sound: np.ndarray | None = None
    most_tokens: int = 1024
    with_examples: bool = False
    as_json: bool = False
    with_thought: bool = True


@dataclass(frozen=True)
class Senses:
    """What a model takes beside words."""

    pictures: bool
    sound: bool


def senses(config: Any, processor: Any) -> Senses:
    """What a model takes: what its processor prepares, unless its config has no encoder for it."""
    return Senses(
        _has(processor, "image_processor") and _may_have(config, "vision_config"),
        (_has(processor, "feature_extractor") or _has(processor, "audio_processor"))
        and _may_have(config, "audio_config"),
    )


def _has(processor: Any, part: str) -> bool:
    return getattr(processor, part, None) is not None


def _may_have(config: Any, part: str) -> bool:
    return getattr(config, part, True) is not None


def answer(
    components: OmniComponents,
    processor: Any,
    question: OmniQuestion,
    progress: Progress,
    on_text: Callable[[str], None],
    reuse: bool = True,
) -> str:
    """The model's answer by greedy decoding; `on_text` is given the text as it is written.

    With `reuse` a prompt's beginning that was read last is not read again. Cancellation is checked at every token.
    Raises EngineError for a model whose chat form does not take the question.
    """
    inputs = _inputs(components.checkpoint, processor, question)
    length = inputs["input_ids"].shape[1]
    prompt = prompt_of(processor, inputs["input_ids"], question.pictures, question.sound)
    with components.use("omni", progress) as holder:
        model = holder.model
        inputs = {name: _placed(value, components) for name, value in inputs.items()}
        library = transformers()
        options: dict[str, Any] = {}
        if question.as_json:
            options["prefix_allowed_tokens_fn"] = JsonAnswer(processor.tokenizer, length, question.with_thought)
        # What is taken off the device leaves nothing of its own behind.
        reusing = reuse and prompt is not None and not components.offload
        with _named_failure(components.checkpoint), _prefix(model, prompt if reusing else None, inputs) as given:
            written = model.generate(
                **given,
                max_new_tokens=question.most_tokens,
                do_sample=False,
                streamer=_streamer(library, processor.tokenizer, on_text),
                stopping_criteria=library.StoppingCriteriaList([_Check(progress, length, question.most_tokens)]),
                **options,
            )
    ids = written[0][length:] if written.shape[1] > length else written[0]
    text: str = processor.tokenizer.decode(ids, skip_special_tokens=True)
    return text.strip()


@contextmanager
def _prefix(model: Any, prompt: Prompt | None, inputs: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What `generate` is given: the inputs, or those behind a prefix that was read; the prompt is kept for the next."""
    if prompt is None:
        yield inputs
        return
    kept = prefix_cache_of(model)
    given, length = kept.inputs(model, prompt, inputs)
    yield given
    kept.keep(prompt, given, length)


def _inputs(checkpoint: OmniCheckpoint, processor: Any, question: OmniQuestion) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "image"} for _ in question.pictures]
    if question.sound is not None:
        content.append({"type": "audio", "audio": "sound"})
    content.append({"type": "text", "text": question.text})
    messages: list[dict[str, Any]] = [_message("system", SYSTEM)]
    for asked, answered in examples(question.as_json) if question.with_examples else ():
        messages += [_message("user", asked), _message("assistant", answered)]
    messages.append({"role": "user", "content": content})
    media: dict[str, Any] = {}
    if question.pictures:
        from PIL import Image

        media["images"] = [Image.fromarray(np.ascontiguousarray(picture)) for picture in question.pictures]
    if question.sound is not None:
        media |= {"audio": [question.sound], "sampling_rate": SAMPLE_RATE}
    with _named_failure(checkpoint):
        prompt = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return dict(processor(text=[prompt], return_tensors="pt", **media))


@contextmanager
def _named_failure(checkpoint: OmniCheckpoint) -> Iterator[None]:
    """Inside, what a model's own code raises becomes an EngineError; memory that runs out goes on."""
    try:
        yield
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise EngineError(
            f"expected a model that takes pictures, sound and words in its chat form, got {checkpoint.family!r} "
            f"({first[:300]}); choose another model."
        ) from error


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": [{"type": "text", "text": text}]}


def _placed(value: Any, components: OmniComponents) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    return value.to(components.device, components.dtype if value.is_floating_point() else value.dtype)


class _Check:
    """A stopping criterion that stops nothing: it reports progress and lets the user cancel."""

    def __init__(self, progress: Progress, prompt_length: int, most_tokens: int) -> None:
        self._progress, self._prompt_length, self._most_tokens = progress, prompt_length, most_tokens

    def __call__(self, ids: Any, scores: Any, **more: Any) -> Any:
        self._progress.update(min((ids.shape[1] - self._prompt_length) / self._most_tokens, 0.99))
        return torch.zeros(ids.shape[0], dtype=torch.bool, device=ids.device)


def _streamer(library: Any, tokenizer: Any, on_text: Callable[[str], None]) -> Any:
    class Streamer(library.TextStreamer):
        """Hands on text in whole words, as the library's own prints it."""

        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            on_text(text)

    return Streamer(tokenizer, skip_prompt=True, skip_special_tokens=True)
