"""Weights of the generator seeing_hearing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepsound.generate.aligner import audioldm, imagebind
from deepsound.generate.aligner.components import AlignedComponents
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress
from deepsound.weights.resolve import resolve_all


@dataclass(frozen=True)
class SeeingHearingWeights:
    """Where everything is."""

    audioldm: audioldm.AudioLdmFolder
    imagebind: Path
    table: Path

    def weight_files(self) -> dict[str, Path]:
        """The files that hold weights, by what they do."""
        return {**self.audioldm.weight_files(), "imagebind": self.imagebind}

    def check(self) -> None:
        """Raise EngineError where the settings of two parts do not fit each other."""
        self.audioldm.check()

    def components(self, execution: Execution) -> AlignedComponents:
        """The networks on their device."""
        return AlignedComponents(execution, {**self.audioldm.sources(), **imagebind.sources(self.imagebind)})


def locate_weights(execution: Execution, progress: Progress = Progress()) -> SeeingHearingWeights:
    """Where everything is. Raises EngineError where something is nowhere, saying what to do."""
    needed = (audioldm.WEIGHTS, imagebind.WEIGHTS, imagebind.TABLE)
    paths = resolve_all(needed, execution, progress, "seeing_hearing")
    return SeeingHearingWeights(
        audioldm.AudioLdmFolder(paths[audioldm.WEIGHTS]), paths[imagebind.WEIGHTS], paths[imagebind.TABLE]
    )
