"""Weights of audio to video and of joint generation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepsound.generate.aligner import animatediff, audioldm, imagebind
from deepsound.generate.aligner.components import AlignedComponents
from deepsound.generate.aligner.picture_model import BASE
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress
from deepsound.weights.catalogue import needed_by
from deepsound.weights.resolve import resolve_all


@dataclass(frozen=True)
class AlignedVideoWeights:
    """Where everything is; AudioLDM is None where no sound is made."""

    animatediff: animatediff.AnimateDiffFiles
    imagebind: Path
    table: Path
    audioldm: audioldm.AudioLdmFolder | None = None

    def weight_files(self) -> dict[str, Path]:
        """The files that hold weights, by what they do."""
        sound = {} if self.audioldm is None else self.audioldm.weight_files()
        return {**self.animatediff.weight_files(), "imagebind": self.imagebind, **sound}

    def check(self) -> None:
        """Raise EngineError where a file is of another base model, or two parts do not fit each other."""
        self.animatediff.check()
        if self.audioldm is not None:
            self.audioldm.check()

    def components(self, execution: Execution) -> AlignedComponents:
        """The networks on their device; what a single frame keeps for its gradient is 6 GB at 512 x 512 pixels."""
        sound = {} if self.audioldm is None else self.audioldm.sources()
        video = {**self.animatediff.sources(), **imagebind.sources(self.imagebind)}
        return AlignedComponents(execution, {**video, **sound}, recompute=True)


def locate_weights(direction: str, execution: Execution, progress: Progress = Progress()) -> AlignedVideoWeights:
    """Where everything of `audio_to_video` or `joint` is. Raises EngineError where something is nowhere."""
    paths = resolve_all([entry.id for entry in needed_by(direction)], execution, progress, direction)
    files = animatediff.AnimateDiffFiles(paths[BASE], paths[animatediff.ADAPTER])
    folder = paths.get(audioldm.WEIGHTS)
    sound = None if folder is None else audioldm.AudioLdmFolder(folder)
    return AlignedVideoWeights(files, paths[imagebind.WEIGHTS], paths[imagebind.TABLE], sound)
