"""Extractors that chosen metrics need: those that run here, and why others cannot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from deepsound.evaluate import alignment
from deepsound.evaluate.extractors import Extractor, OffsetScorer, extractor, offset_scorer
from deepsound.evaluate.metrics import METRICS, OFFSET
from deepsound.evaluate.sounds import LevelsExtractor, VoiceExtractor
from deepsound.runtime.execution import Execution

VOICE, LEVELS = "voice", "levels"


@dataclass
class ExtractorSet:
    """`extractors` that can run, by name, DeSync's head, and for what is `absent` the reason and what it `needs`."""

    execution: Execution
    extractors: dict[str, Extractor] = field(default_factory=dict)
    scorer: OffsetScorer | None = None
    absent: dict[str, str] = field(default_factory=dict)
    needs: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, names: Iterable[str], duration_s: float, execution: Execution) -> ExtractorSet:
        """What metrics, voice and levels are measured with; the networks look at the first `duration_s` seconds."""
        tools = cls(execution)
        own: dict[str, Extractor] = {VOICE: VoiceExtractor(), LEVELS: LevelsExtractor()}
        own |= {name: local(duration_s) for name, local in alignment.EXTRACTORS.items()}
        needed = dict.fromkeys(
            one for name in names for one in (METRICS[name].extractors if name in METRICS else (name,))
        )
        for name in needed:
            if name == OFFSET:
                scorer = offset_scorer()
                tools.scorer = scorer if tools._is_there(name, scorer) else None
            else:
                tool = own.get(name) or extractor(name, duration_s)
                if tools._is_there(name, tool):
                    tools.extractors[name] = tool
        return tools

    def absence_reason(self, names: Iterable[str]) -> str:
        """Why not all of these can run; empty where they can."""
        return " ".join(dict.fromkeys(self.absent[name] for name in names if name in self.absent))

    def fetch_command(self, lacking: Sequence[str]) -> str:
        """What fetches the weights that these lack; empty where it is not weights that are lacking."""
        from deepsound.weights.catalogue import weights
        from deepsound.weights.locate import candidates
        from deepsound.weights.search_paths import default_search_paths

        named = self.execution.weights
        places = default_search_paths(named)
        ids = dict.fromkeys(id for name in lacking for id in self.needs.get(name, ()) if id not in named)
        missing = [id for id in ids if next(candidates(weights(id), places), None) is None]
        return f"deepsound models download {' '.join(missing)}" if missing else ""

    def _is_there(self, name: str, tool: Extractor | OffsetScorer) -> bool:
        self.needs[name] = tuple(tool.needs)
        reason = tool.available(self.execution)
        if reason is not None:
            self.absent[name] = reason
        return reason is None
