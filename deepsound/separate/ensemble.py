"""Ensemble of separators: the mean or median of their voice estimates, sample by sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from deepsound.combined_engine import CombinedEngine
from deepsound.contracts import check_stems
from deepsound.engine_protocols import Separator, SupportsSeparationSettings
from deepsound.runtime.progress import Progress
from deepsound.runtime.sample_memory import BLOCK, copy_of, difference, release_pages, zeros_like
from deepsound.types import Audio, SeparationSettings, Stems

if TYPE_CHECKING:
    from torch import Tensor


class EnsembleSeparator(CombinedEngine[Separator]):
    """Separators by name that hear the same sound one after the other; `rule` is "mean" or "median"."""

    def __init__(self, members: Mapping[str, Separator], rule: str = "mean") -> None:
        super().__init__(members, rule)

    def cut(self, settings: SeparationSettings) -> None:
        """Set chunking and test-time augmentation of the members that support it."""
        for member in self.members.values():
            if isinstance(member, SupportsSeparationSettings):
                member.cut(settings)

    def separate(self, audio: Audio, progress: Progress) -> Stems:
        """Voice, the mean or median of the members' estimates, and background = mix - voice.

        Raises what a member raises, and EngineError naming one whose stems are not shaped like the mix.
        """
        total: Tensor | None = None
        voices: list[Tensor] = []
        for index, (name, member) in enumerate(self.members.items()):
            part = progress.part(index / len(self.members), (index + 1) / len(self.members))
            voice = check_stems(audio, member.separate(audio, part), f"The separator '{name}'").voice.waveform.cpu()
            if self.rule == "median":
                voices.append(voice)
            else:
                total = copy_of(voice) if total is None else total.add_(voice)
        made = _median(voices) if total is None else total.div_(len(self.members))
        return Stems(
            Audio(made, audio.sample_rate, audio.layout),
            Audio(difference(audio.waveform.detach().cpu(), made), audio.sample_rate, audio.layout),
        )


def _median(voices: list[Tensor]) -> Tensor:
    """The middle value of each sample, the mean of the middle two where their number is even."""
    import torch

    made, middle = zeros_like(voices[0]), len(voices) // 2
    for first in range(0, made.shape[1], BLOCK):
        ordered = torch.stack([voice[:, first : first + BLOCK] for voice in voices]).sort(dim=0).values
        both = ordered[middle] if len(voices) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
        made[:, first : first + BLOCK] = both
        release_pages()
    return made
