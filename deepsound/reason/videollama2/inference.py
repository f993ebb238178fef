"""VideoLLaMA2 inference: answers a question about a clip, with or without its sound."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from deepsound.models.videollama2.kv_cache import KeyValueCache
from deepsound.models.videollama2.language import LanguageModel
from deepsound.reason.videollama2.components import VideoLLaMA2Components
from deepsound.reason.videollama2.decoding import GreedyDecoder
from deepsound.reason.videollama2.frames import Frames, pixel_values
from deepsound.reason.videollama2.prefix_cache import PrefixCache, prefix_cache_of
from deepsound.reason.videollama2.sound import FILTERBANK_FRAMES, MEL_BINS
from deepsound.reason.videollama2.tokenizer import TextStreamer
from deepsound.runtime.feature_cache import feature_cache
from deepsound.runtime.progress import Progress

# The longest question's tokens, with room to spare: every question about a clip fits behind what another left.
_QUESTION_TOKENS = 256
_PICTURES_AT_ONCE = 4
# For the bar, before any answer is known.
_USUAL_TOKENS = 64


@dataclass(frozen=True)
class InferenceOptimizations:
    """What saves work and changes no answer; each can be turned off to see that it is so.

    `drafts`: guesses at the answer are checked in one pass. `reuse`: what was seen of a clip, and the prompt up to
    there, are not computed again for the next question about it. `letters`: an answer that can only be a letter ends
    with it. `compiled`: steps of one token have a fixed shape and are compiled (CUDA).
    """

    drafts: bool = True
    reuse: bool = True
    letters: bool = True
    compiled: bool = False


NO_OPTIMIZATIONS = InferenceOptimizations(drafts=False, reuse=False, letters=False)


@dataclass(frozen=True, eq=False)
class Question:
    """A question, the sound it is about (log-mel [1, frames, mel bins]), if any, and how it is to be answered.

    `expected` are answers to guess from. Writing ends early once `is_enough` says so of the text so far.
    """

    text: str
    filterbank: Tensor | None = None
    expected: tuple[str, ...] = ()
    is_enough: Callable[[str], bool] = lambda text: False
    most_tokens: int = 2048


@dataclass(frozen=True)
class ModelAnswer:
    """What was written, as text and as ids (with the end token, unless it was ended before), and what it cost.

    `passes` is how often the language model's weights were read while writing; `reused_tokens` of `prompt_tokens` were
    not read again. `share_of_yes` is what the first token's logits give to the letter A, against B.
    """

    text: str
    ids: tuple[int, ...]
    passes: int
    prompt_tokens: int
    reused_tokens: int
    share_of_yes: float


def ask(
    components: VideoLLaMA2Components,
    frames: Frames,
    question: Question,
    progress: Progress,
    optimizations: InferenceOptimizations = InferenceOptimizations(),
    on_text: Callable[[str], None] = lambda text: None,
) -> ModelAnswer:
    """The model's answer; `on_text` is given the text as it is written, and cancellation is checked at every token."""
    video = _video_tokens(components, frames, progress.part(0.0, 0.4), optimizations)
    audio = _audio_tokens(components, question.filterbank, progress.part(0.4, 0.45))
    with components.use("language", progress) as model:
        asking = _Inference(components, model, question, optimizations, progress.part(0.45, 1.0), on_text)
        return asking.answer(frames.digest(), video, audio)


@dataclass(frozen=True, eq=False)
class _Inference:
    """One question to a loaded language model."""

    components: VideoLLaMA2Components
    model: LanguageModel
    question: Question
    optimizations: InferenceOptimizations
    progress: Progress
    on_text: Callable[[str], None]

    def answer(self, seen: str, video: Tensor, audio: Tensor | None) -> ModelAnswer:
        """Answer about the clip whose frames have the digest `seen`."""
        tokenizer, recalled = self.components.checkpoint.tokenizer, prefix_cache_of(self.model)
        before, after = tokenizer.question(self.question.text)
        beginning = torch.cat((self._embed(before), self._here(video)), dim=1)
        rest = self._embed(after) if audio is None else torch.cat((self._here(audio), self._embed(after)), dim=1)
        drafts = recalled.drafts(self.question.text, lambda: map(tokenizer.encode, self.question.expected))
        settings = replace(self.components.checkpoint.generation, max_new_tokens=self.question.most_tokens)
        with self._prefilled_cache(recalled, (seen, *before), beginning) as (kept, reused):
            self.progress.update(0.1)
            decoder = GreedyDecoder(self.model, kept, settings, drafts if self.optimizations.drafts else None)
            expected = len(drafts.propose([], settings.max_new_tokens)) or _USUAL_TOKENS
            text = self._decode(decoder.tokens(rest), TextStreamer(tokenizer), expected)
        drafts.learn(decoder.written)
        yes, no = (tokenizer.encode(letter)[0] for letter in "AB")
        share = float((decoder.first_row[yes] - decoder.first_row[no]).sigmoid())
        return ModelAnswer(
            text, tuple(decoder.written), decoder.passes, beginning.shape[1] + rest.shape[1], reused, share
        )

    @contextmanager
    def _prefilled_cache(
        self, recalled: PrefixCache, key: Hashable, beginning: Tensor
    ) -> Iterator[tuple[KeyValueCache, int]]:
        """A cache that holds the prompt's beginning, and how many of its tokens had been read before."""
        capacity = (
            beginning.shape[1] + _most_sound_tokens(self.components) + _QUESTION_TOKENS + self.question.most_tokens
        )
        kept = recalled.take(key, capacity) if self.optimizations.reuse else None
        reused = kept.length if kept is not None else 0
        if kept is None:
            if self.optimizations.compiled and self.model.device.type == "cuda":
                self.model.compile_step(mode="reduce-overhead")
            kept = self.model.new_cache(capacity, fixed=self.optimizations.compiled)
            self.model(beginning, kept, rows=0)
        yield kept, reused
        # What is taken off the device leaves nothing of its own behind.
        if self.optimizations.reuse and not self.components.offload:
            recalled.keep(key, beginning.shape[1], kept)

    def _decode(self, tokens: Iterator[int], streamed: TextStreamer, expected: int) -> str:
        text = ""
        for count, token in enumerate(tokens, 1):
            self.progress.update(0.1 + 0.9 * min(count / expected, 0.99))
            new = streamed.add(token)
            if new:
                text += new
                self.on_text(new)
            if self.question.is_enough(text):
                break
        self.progress.update(1.0)
        return text.strip()

    def _embed(self, ids: list[int]) -> Tensor:
        return self.model.embed(torch.tensor([ids], device=self.model.device))

    def _here(self, tokens: Tensor) -> Tensor:
        return tokens.to(self.model.device, self.model.dtype)


def _video_tokens(
    components: VideoLLaMA2Components, frames: Frames, progress: Progress, optimizations: InferenceOptimizations
) -> Tensor:
    def encode() -> Tensor:
        with components.use("vision", progress) as network:
            starts = range(0, len(frames.pictures), _PICTURES_AT_ONCE)
            parts = [
                network.vision_tower(_pixels(components, frames, start))
                for start in progress.track(starts, len(starts))
            ]
            tokens: Tensor = network.mm_projector(torch.cat(parts)[None])
            return tokens

    if not optimizations.reuse:
        return encode()
    return feature_cache().get((components.key("vision"), components.device.type, frames.digest()), encode)


def _pixels(components: VideoLLaMA2Components, frames: Frames, start: int) -> Tensor:
    return pixel_values(frames.pictures[start : start + _PICTURES_AT_ONCE]).to(components.device, components.dtype)


def _audio_tokens(components: VideoLLaMA2Components, filterbank: Tensor | None, progress: Progress) -> Tensor | None:
    if filterbank is None:
        return None
    with components.use("audio", progress) as network:
        tokens: Tensor = network(filterbank.to(components.device, components.dtype_of("audio")))
        return tokens


def _most_sound_tokens(components: VideoLLaMA2Components) -> int:
    """How many tokens any sound becomes: each is padded to the same length."""
    size = components.checkpoint.config.audio.patch_size
    return (FILTERBANK_FRAMES // size) * (MEL_BINS // size)
