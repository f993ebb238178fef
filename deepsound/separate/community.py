"""The separator `roformer`: any BS- or Mel-Band RoFormer checkpoint with its configuration.

The form of both is that of Music-Source-Separation-Training, whose community publishes most of them.
"""

from __future__ import annotations

from pathlib import Path

from deepsound.errors import EngineError, InputError
from deepsound.runtime.execution import Execution
from deepsound.runtime.paths import escaped, is_dir, is_file
from deepsound.runtime.progress import Progress
from deepsound.separate import checkpoint_settings
from deepsound.separate.checkpoints import Separation, fit_to_checkpoint, separation
from deepsound.separate.chunking import Mode
from deepsound.separate.roformer import RoformerSeparator
from deepsound.weights.locate import SUFFIXES
from deepsound.weights.search_paths import SearchPaths, default_search_paths

# The models folder, and the key of --weights.
FOLDER, NAME = "separation", "roformer"
_NAMED_AT_MOST = 12


class CommunityRoformerSeparator(RoformerSeparator):
    """A checkpoint of one's own: `file` in the models folder `separation`, or what --weights roformer=PATH names.

    The configuration published with it lies beside it, `NAME.yaml` for `NAME.ckpt`; without one the tensors must be
    those of a network this project knows.
    """

    def __init__(self, file: str = "", mode: Mode = "equal_overlap", augment: bool = False) -> None:
        super().__init__(f"{NAME}:{file}" if file else NAME, mode, augment)
        self.file = file

    def locate(self, execution: Execution, progress: Progress = Progress()) -> Path:
        if not self.file:
            if NAME not in execution.weights:
                raise InputError(
                    f"expected a checkpoint for the separator {NAME}, got none; name it as {NAME}:FILE, or with "
                    f"--weights {NAME}=PATH. {_offered(default_search_paths())}"
                )
            path = execution.weights[NAME]
            if not is_file(path, EngineError):
                raise EngineError(f"The weights {escaped(path)} of '{NAME}' are not there; correct the path.")
            return path
        places = default_search_paths()
        found = next((path for path in checkpoints(places) if path.name == self.file), None)
        if found is None:
            raise EngineError(
                f"expected a checkpoint in the models folder {FOLDER}, got {self.file!r}, which is not there. "
                f"{_offered(places)}"
            )
        return found

    def nominal(self) -> Separation:
        return self.known(self.locate(self.execution))

    def known(self, file: Path) -> Separation:
        """The settings of what `file` holds, of whichever of the two families it is."""
        from deepsound.weights.load import read_tensors

        like = separation("bs_roformer" if "final_norm.gamma" in _inner(read_tensors(file)) else "mel_band_roformer")
        return fit_to_checkpoint(like, file)


def checkpoints(places: SearchPaths) -> list[Path]:
    """The checkpoints in the folders that are searched for separators, each name once, in the order of their names."""
    folders = [folder / FOLDER for folder in (*places.model_folders, places.cache)]
    found: dict[str, Path] = {}
    for folder in (*folders, *places.categories.get(FOLDER, ())):
        for path in sorted(folder.iterdir()) if is_dir(folder, EngineError) else ():
            if path.suffix in SUFFIXES and is_file(path, EngineError):
                found.setdefault(path.name, path)
    return [found[name] for name in sorted(found)]


def has_settings(checkpoint: Path) -> bool:
    """Whether a configuration lies beside a checkpoint."""
    return checkpoint_settings.beside(checkpoint) is not None


def _inner(tensors: dict[str, object]) -> dict[str, object]:
    wrapped = (tensors[name] for name in ("state_dict", "state") if isinstance(tensors.get(name), dict))
    return next(wrapped, tensors)  # type: ignore[arg-type]


def _offered(places: SearchPaths) -> str:
    names = [path.name for path in checkpoints(places)]
    if not names:
        return f"There is none in a models folder {FOLDER}; put one there with its .yaml."
    more = f" and {len(names) - _NAMED_AT_MOST} more" if len(names) > _NAMED_AT_MOST else ""
    return f"There: {', '.join(map(escaped, names[:_NAMED_AT_MOST]))}{more}."
