"""Base of the extractors: weights, loaded network, batches, errors per input."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from deepsound.errors import DeepSoundError, EngineError, InputError, MediaError
from deepsound.evaluate.extractors import DURATION_S, InputKind
from deepsound.media.clip import Clip
from deepsound.runtime.execution import Execution, torch_device
from deepsound.runtime.memory import retry_on_oom
from deepsound.runtime.model_cache import NetworkKey, running
from deepsound.runtime.packages import install_command, missing_package
from deepsound.runtime.progress import Progress
from deepsound.types import Audio
from deepsound.weights.fingerprint import sha256_of
from deepsound.weights.load import read_tensors
from deepsound.weights.missing import missing_weights
from deepsound.weights.resolve import resolve_or_download
from deepsound.weights.search_paths import default_search_paths

if TYPE_CHECKING:
    from torch import Tensor, nn

T = TypeVar("T")

# Metrics are compared across papers, so they are computed in full precision whatever else runs in less.
DTYPE = torch.float32
# Around the tensors in published files.
_WRAPPERS = ("model", "state_dict")


class Network:
    """A network behind one file of the catalogue, as long as somebody works with it.

    `revision` changes when the same input would give other numbers.
    """

    name = ""
    needs: tuple[str, ...] = ()
    revision = "1"
    # What has to be installed beside this package.
    libraries: tuple[str, ...] = ()
    working_bytes = 512 << 20

    def __init__(self) -> None:
        self.version = self.revision

    def build(self, path: Path) -> nn.Module:
        """The network in the file at `path`. Raises EngineError where it holds something else."""
        raise NotImplementedError

    def available(self, execution: Execution) -> str | None:
        for library in self.libraries:
            if find_spec(library) is None:
                return missing_library_text(library)
        if execution.download:
            return None
        try:
            missing = missing_weights(self.needs, default_search_paths(execution.weights))
        except EngineError as error:
            return str(error)
        return None if missing is None else missing.message()

    def identity(self, execution: Execution, progress: Progress = Progress()) -> str:
        unreported = Progress(check=progress.check)
        hashes = [sha256_of(resolve_or_download(id, execution, progress), unreported) for id in self.needs]
        return " ".join((self.name, self.version, *hashes))

    @contextmanager
    def running(self, execution: Execution, progress: Progress) -> Iterator[tuple[Any, torch.device]]:
        """The network and the device it is on; on a CPU it can be stopped in the midst of its work."""
        path = resolve_or_download(self.needs[0], execution, progress)
        device = torch_device(execution)
        key = NetworkKey.of(f"evaluate/{self.name}", DTYPE, path)
        with (
            torch.inference_mode(),
            running(
                key,
                partial(self.build, path),
                device,
                progress,
                working_bytes=self.working_bytes,
                offload=execution.offload,
            ) as network,
        ):
            yield network, device


class NetworkExtractor(Network):
    """An extractor of a sound's or a clip's first `duration_s` seconds; see the protocol."""

    input_kind: InputKind = "audio"
    outputs: tuple[str, ...] = ()
    # How many inputs run at once, by kind of device: a CPU gains nothing by more than one.
    at_once: Mapping[str, int] = {"cpu": 1}
    at_once_elsewhere = 16

    def __init__(self, duration_s: float = DURATION_S) -> None:
        super().__init__()
        self.duration_s = duration_s
        self.version = f"{self.revision}, {duration_s:g} s"

    def prepare(self, subject: Any, progress: Progress) -> Tensor:
        """What the network takes of one sound or clip, on the CPU. Raises InputError, MediaError."""
        raise NotImplementedError

    def run(self, network: Any, batch: Tensor, progress: Progress) -> dict[str, Tensor]:
        """The outputs of what was prepared, [B, ...] each, of a batch on the network's device."""
        raise NotImplementedError

    def extract(self, subject: Audio | Clip, execution: Execution, progress: Progress) -> dict[str, Tensor]:
        result = self.extract_many([subject], execution, progress)[0]
        if isinstance(result, DeepSoundError):
            raise result
        return result

    def extract_many(
        self,
        subjects: Sequence[Audio | Clip],
        execution: Execution,
        progress: Progress,
    ) -> list[dict[str, Tensor] | DeepSoundError]:
        results = (
            retry_on_oom(
                lambda with_offload: self._extract(subjects, with_offload, progress), execution, self.name, progress.say
            )
            if subjects
            else {}
        )
        progress.update(1.0)
        return [results[number] for number in range(len(subjects))]

    def _extract(
        self,
        subjects: Sequence[Audio | Clip],
        execution: Execution,
        progress: Progress,
    ) -> dict[int, dict[str, Tensor] | DeepSoundError]:
        results: dict[int, dict[str, Tensor] | DeepSoundError] = {}
        with self.running(execution, progress) as (network, device):
            at_once = 1 if execution.offload else self.at_once.get(device.type, self.at_once_elsewhere)
            for begin in range(0, len(subjects), at_once):
                end = min(begin + at_once, len(subjects))
                part = progress.part(begin / len(subjects), end / len(subjects))
                part.update(0.0)
                ready = self._prepare_all(subjects, range(begin, end), results, part)
                for numbers in _of_one_shape(ready):
                    batch = torch.stack([ready[number] for number in numbers]).to(device)
                    outputs = self.run(network, batch, part.part(0.5, 1.0))
                    for place, number in enumerate(numbers):
                        results[number] = {name: of_all[place].float().cpu() for name, of_all in outputs.items()}
        return results

    def _prepare_all(
        self,
        subjects: Sequence[Audio | Clip],
        numbers: range,
        results: dict[int, dict[str, Tensor] | DeepSoundError],
        progress: Progress,
    ) -> dict[int, Tensor]:
        ready: dict[int, Tensor] = {}
        for number in numbers:
            progress.check()
            try:
                ready[number] = self.prepare(self._require_input_kind(subjects[number]), Progress(check=progress.check))
            except (InputError, MediaError) as error:
                results[number] = error
        return ready

    def _require_input_kind(self, subject: Audio | Clip) -> Audio | Clip:
        wanted = Audio if self.input_kind == "audio" else Clip
        if not isinstance(subject, wanted):
            raise InputError(
                f"{self.name}: expected {wanted.__name__}, got {type(subject).__name__}; choose another extractor."
            )
        return subject


def _of_one_shape(ready: Mapping[int, Tensor]) -> list[list[int]]:
    """The numbers of what can be stacked, together."""
    groups: dict[torch.Size, list[int]] = {}
    for number, tensor in ready.items():
        groups.setdefault(tensor.shape, []).append(number)
    return list(groups.values())


def tensors_in(path: Path) -> dict[str, Any]:
    """The tensors of a published file, its wrapper taken off."""
    return read_tensors(path, _WRAPPERS)


def read_config(path: Path, config_of: Callable[[Mapping[str, Tensor]], T], tensors: Mapping[str, Tensor]) -> T:
    """What `config_of` says of the file's tensors; its ValueError as an EngineError that names the file."""
    try:
        return config_of(tensors)
    except ValueError as error:
        raise EngineError(
            f"{path} cannot be used: {error}. Get the right file with `deepsound models download`, or name another one."
        ) from error


def missing_library_text(library: str) -> str:
    """That a library is not installed, and the command that installs it."""
    return f"{library} is not installed; install it with: {install_command(library)}"


@contextmanager
def require_library(library: str) -> Iterator[None]:
    """Inside, a failing import of the library is an EngineError that says what to install."""
    try:
        yield
    except (ImportError, OSError) as error:
        raise missing_package(f"Measuring needs {library}, which cannot be imported here ({error})", library) from error
