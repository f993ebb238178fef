"""Evaluation of a reasoner while it trains: verdicts, format, voice energy ratio."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from deepsound.calibrate.agreement import accuracy_by
from deepsound.media.clip import Clip
from deepsound.reason.answer_parser import category_of, read_thought, read_verdict
from deepsound.reason.videollama2.decoding import GenerationSettings, GreedyDecoder
from deepsound.reason.videollama2.tokenizer import QwenTokenizer
from deepsound.runtime.progress import Progress
from deepsound.separate.roformer import RoformerSeparator
from deepsound.train.cot_items import CotItem
from deepsound.train.item_checks import problem_of
from deepsound.train.joint_model import JointModel
from deepsound.train.reasoner.examples import MediaSettings, read_item
from deepsound.types import Verdict

_SEPARATOR = "bs_roformer_tiny"


@dataclass(frozen=True)
class WrittenAnswer:
    """What the model wrote to an item's question."""

    item: CotItem
    text: str

    @property
    def verdict(self) -> Verdict:
        return read_verdict(self.text)

    @property
    def is_right(self) -> bool:
        return self.verdict is (Verdict.YES if self.item.category == "Yes" else Verdict.NO)

    @property
    def is_right_category(self) -> bool:
        """Whether the sections lead to the item's category of Figure 4; for a plain "No", the letter alone."""
        if self.item.category == "No":
            return self.is_right
        return category_of(read_thought(self.text), self.verdict) == self.item.category

    @property
    def is_well_formed(self) -> bool:
        """Whether it has the item's form: four sections in order for a judgement, steps for a plan."""
        from dataclasses import replace

        return not problem_of(replace(self.item, answer=self.text, category=""))


@torch.no_grad()
def write_answer(
    model: JointModel, tokenizer: QwenTokenizer, item: CotItem, folder: Path, media: MediaSettings, most: int
) -> str:
    """The model's own answer to the item's question, greedily, of at most `most` tokens."""
    language = model.language
    frames, filterbank = read_item(folder / item.video, item.media, media)
    only = torch.tensor([0])
    tokens = model.media_tokens(
        1,
        None if frames is None else frames[None].to(language.device),
        only,
        None if filterbank is None else filterbank[None].to(language.device),
        only,
    )[0]
    before, after = tokenizer.question(item.question)
    parts = [language.embed(torch.tensor(ids, device=language.device)) for ids in (before, after)]
    prompt = torch.cat((parts[0], tokens.to(parts[0].dtype), parts[1]))[None]
    ends = frozenset(tokenizer.encode("<|im_end|><|endoftext|>"))
    decoder = GreedyDecoder(
        language,
        language.new_cache(prompt.shape[1] + most),
        GenerationSettings(ends, max_new_tokens=most),
    )
    return tokenizer.decode(list(decoder.tokens(prompt))).strip()


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Answers to `items` by a model as it is; `energies` are of voice and mix by clip, for Table 3's ratio."""

    tokenizer: QwenTokenizer
    items: Sequence[CotItem]
    folder: Path
    media: MediaSettings
    energies: dict[str, tuple[float, float]]
    most: int = 512

    def answers(self, model: JointModel, check: Callable[[], None]) -> list[WrittenAnswer]:
        """The model's answers, written in eval mode; its mode is restored."""
        was_training = model.training
        model.eval()
        try:
            found = []
            for item in self.items:
                check()
                text = write_answer(model, self.tokenizer, item, self.folder, self.media, self.most)
                found.append(WrittenAnswer(item, text))
            return found
        finally:
            model.train(was_training)

    def metrics(self, model: JointModel, check: Callable[[], None]) -> dict[str, float]:
        """Shares of right verdicts (all, per category), categories and well-formed answers; the voice energy ratio."""
        answers = self.answers(model, check)
        judged = [answer for answer in answers if answer.item.task == "judge"]
        found = {}
        if answers:
            found["format"] = sum(answer.is_well_formed for answer in answers) / len(answers)
        if judged:
            found["accuracy"] = sum(answer.is_right for answer in judged) / len(judged)
            found["category"] = sum(answer.is_right_category for answer in judged) / len(judged)
            by_category = accuracy_by([each.item.category for each in judged], [each.is_right for each in judged])
            found |= {f"accuracy_{name}": hits / count for name, (hits, count) in by_category.items()}
        loud = [
            self.energies[each.item.video]
            for each in judged
            if each.verdict is Verdict.YES and each.item.video in self.energies
        ]
        if loud:
            found["voice_energy_ratio"] = sum(voice for voice, _ in loud) / max(sum(mix for _, mix in loud), 1e-12)
        return found


def voice_energies(items: Sequence[CotItem], folder: Path, progress: Progress) -> dict[str, tuple[float, float]]:
    """Energy of the voice, by the embedded separator, and of the mix, of every clip among the items."""
    separator = RoformerSeparator(_SEPARATOR)
    found: dict[str, tuple[float, float]] = {}
    videos = sorted({item.video for item in items if item.task == "judge"})
    for video in progress.track(videos, len(videos)):
        audio = Clip.open(folder / video).audio(Progress(check=progress.check))
        if audio is not None:
            voice = separator.separate(audio, Progress(check=progress.check)).voice
            found[video] = tuple(float(each.waveform.double().square().sum()) for each in (voice, audio))  # type: ignore[assignment]
    return found
