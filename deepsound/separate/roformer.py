"""BS-RoFormer and Mel-Band RoFormer separators, published and embedded (step 3)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.choices import SEPARATOR_MODE_NAMES, SEPARATOR_MODES, option
from deepsound.errors import EngineError, InputError
from deepsound.runtime.execution import Execution, report_precision, torch_device, torch_dtype
from deepsound.runtime.interruption import interruptible
from deepsound.runtime.memory import retry_on_oom
from deepsound.runtime.paths import is_file
from deepsound.runtime.progress import Progress
from deepsound.runtime.sample_memory import difference, zeros_like
from deepsound.separate.buffers import blocks
from deepsound.separate.channels import channel_passes
from deepsound.separate.checkpoints import Separation, fit_to_checkpoint, load, separation, shipped_file, sources
from deepsound.separate.chunking import Mode, current_mode
from deepsound.separate.demix import DemixSettings
from deepsound.separate.voice_passes import add_voice
from deepsound.types import Audio, SeparationSettings, Stems

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

# Bytes beside the weights for each second a full-size network hears at once: the widest layer's activations.
_WORKING_BYTES_PER_S = 160 << 20
_GATE_SHARE = 0.2
_GATE_FADE_S = 0.02


class RoformerSeparator:
    """A separator by name; its file is looked for when it first runs, and nothing is downloaded unasked.

    `mode` "published" cuts and fades as the original does, to the sample; "equal_overlap" (the default, "clean" in
    0.3.0) in less than half the work, with equal chunks. `augment` is test-time augmentation, at three times the cost.
    `gated` limits separation to voiced spans (voice activity detection); without any the network is not run.
    """

    def __init__(self, name: str, mode: Mode = "equal_overlap", augment: bool = False, gated: bool = False) -> None:
        self.name = name
        self.mode: Mode = current_mode(mode)
        self.augment = augment
        self.gated = gated
        self.overlap_s: float | None = None
        self.batch: int | None = None
        self.execution = Execution()
        self._fitted: Separation | None = None
        self._computed: dict[str, object] = {}

    def configure(self, execution: Execution) -> None:
        """Say how the network is to be run, and from which file."""
        self.execution = execution

    def cut(self, settings: SeparationSettings) -> None:
        """Set chunking and test-time augmentation. Raises InputError for an impossible mode, overlap or batch."""
        mode = option("separator mode", settings.mode or SEPARATOR_MODE_NAMES[0], SEPARATOR_MODES).name
        if settings.overlap_s is not None and (mode == "published" or not settings.overlap_s >= 0):
            raise InputError(
                f"The overlap is {settings.overlap_s:g} s with the separator mode {mode!r}; expected 0 s or more with "
                "equal_overlap: the published cutting has its own."
            )
        if settings.batch is not None and settings.batch < 1:
            raise InputError(f"The separator's batch is {settings.batch}; expected 1 chunk or more.")
        if settings.mode:
            self.mode = current_mode(mode)
        self.augment = self.augment or settings.augment
        self.overlap_s, self.batch = settings.overlap_s, settings.batch

    def settings_in_use(self) -> dict[str, object]:
        """Mode, augmentation, overlap in seconds (None: the published cutting's own) and batch, defaults filled in.

        Device and precision too once the network has run.
        """
        known = self._fitted or self.nominal()
        overlap_s = known.demix.overlap / known.sample_rate if self.overlap_s is None else self.overlap_s
        is_published = self.mode == "published"
        return {
            "mode": "published" if is_published else SEPARATOR_MODE_NAMES[0],
            "tta": self.augment,
            "overlap_s": None if is_published else overlap_s,
            "batch": self.batch or known.demix.batch,
            **self._computed,
        }

    def files(self) -> dict[str, Path]:
        """The weights in use. Raises EngineError where they are nowhere."""
        return {"separator": self.locate(self.execution)}

    def locate(self, execution: Execution, progress: Progress = Progress()) -> Path:
        """The file of the weights; fetched where `execution` allows it. Raises EngineError where it is nowhere."""
        return _locate(separation(self.name), execution, progress)

    def check_files(self) -> None:
        """Read header and settings of the weights. Raises EngineError where they are missing or of no use.

        Weights that are to be downloaded are no error.
        """
        from deepsound.separate import checkpoint_settings
        from deepsound.weights.load import check_header
        from deepsound.weights.missing import MissingWeightsError

        try:
            file = self.locate(replace(self.execution, download=False))
        except MissingWeightsError:
            if not self.execution.download:
                raise
        else:
            check_header(file)
            if (settings := checkpoint_settings.beside(file)) is not None:
                checkpoint_settings.read(settings)

    def nominal(self) -> Separation:
        """The settings before a file was read."""
        return separation(self.name)

    def known(self, file: Path) -> Separation:
        """The settings of what `file` holds, which need not be the published network."""
        return fit_to_checkpoint(separation(self.name), file)

    def separate(self, audio: Audio, progress: Progress) -> Stems:
        """Split `audio` into voice and background = mix - voice, both with its rate, length and channels.

        The sound is brought to the network's rate and the voice back, so that the background keeps what lies above.
        Raises InputError for samples that are not finite, EngineError for weights that are missing or wrong.
        """
        from deepsound.separate.voice_gate import apply_gate

        mix = audio.waveform.detach().cpu()
        if not all(bool(block.isfinite().all()) for block in blocks(mix)):
            raise InputError(
                "The audio to separate holds samples that are not finite (NaN or infinite); repair it, or leave it out."
            )
        gate = self._gate(audio, progress.part(0.0, _GATE_SHARE)) if self.gated else None
        rest = progress.part(_GATE_SHARE, 1.0) if self.gated else progress
        if not any(bool(block.any()) for block in blocks(mix)) or (gate is not None and not bool(gate.any())):
            voice = zeros_like(mix)
        else:
            voice = retry_on_oom(
                lambda execution: self._voice(mix, audio.sample_rate, execution, rest),
                self.execution,
                self.name,
                progress.say,
            )
        if gate is not None:
            apply_gate(voice, gate)
        progress.update(1.0)
        return Stems(Audio(voice, audio.sample_rate), Audio(difference(mix, voice), audio.sample_rate))

    def _gate(self, audio: Audio, progress: Progress) -> Tensor:
        from deepsound.separate.voice_gate import gate_of, gate_spans

        return gate_of(gate_spans(audio, progress), audio, max(round(_GATE_FADE_S * audio.sample_rate), 1))

    def _voice(self, mix: Tensor, sample_rate: int, execution: Execution, progress: Progress) -> Tensor:
        """The voice in `mix`, both [channels, samples] at `sample_rate`."""
        from deepsound.runtime.model_cache import NetworkKey, model_cache

        voice = zeros_like(mix)
        file = self.locate(execution, progress)
        known = self._fitted = self.known(file)
        device = torch_device(execution)
        dtype = torch_dtype(execution, device)
        self._computed = report_precision(self.name, execution, device, dtype, progress)
        settings = self._settings(known, device, execution)
        passes = channel_passes(mix.shape[0], known.network.channels)
        working = settings.chunk * (settings.at_once or settings.batch) // known.sample_rate * _WORKING_BYTES_PER_S
        key = NetworkKey.of(self.name, dtype, *sources(file))
        with (
            model_cache().use(
                key, partial(load, known.network, file, dtype), device, working_bytes=working, offload=execution.offload
            ) as network,
            interruptible(network, progress.check),
        ):
            for index, channel_pass in enumerate(passes):
                share = progress.part(index / len(passes), (index + 1) / len(passes))
                model = VocalStemModel(network, known, device)
                add_voice(voice, mix, sample_rate, channel_pass, model, known.sample_rate, settings, share)
        return voice

    def _settings(self, known: Separation, device: torch.device, execution: Execution) -> DemixSettings:
        # Host memory is filled chunk by chunk: nothing is quicker there in batches, and every chunk can be reported.
        at_once = 1 if device.type == "cpu" or execution.offload else 0
        overlap = known.demix.overlap if self.overlap_s is None else round(self.overlap_s * known.sample_rate)
        batch = self.batch or known.demix.batch
        return replace(known.demix, mode=self.mode, augment=self.augment, at_once=at_once, overlap=overlap, batch=batch)


class VocalStemModel:
    """A network that takes chunks from the host and answers with the voice alone."""

    def __init__(self, network: nn.Module, known: Separation, device: torch.device) -> None:
        self.network, self.known, self.device = network, known, device

    def __call__(self, chunks: Tensor) -> Tensor:
        import torch

        with torch.no_grad():
            stems: Tensor = self.network(chunks.to(self.device))
        voice = stems[:, self.known.voice_stem]
        return highpass(voice, self.known.voice_from_hz, self.known.sample_rate) if self.known.voice_from_hz else voice


def highpass(voice: Tensor, from_hz: float, sample_rate: int) -> Tensor:
    """`voice` [..., samples] without what lies below `from_hz`, in phase (Butterworth, there and back, 8th order).

    A small network takes the slow sway of rumble for voice: in brown noise that made the background 12 dB worse, and
    with this filter the same network makes it 15 dB better.
    """
    import torch
    from scipy.signal import butter, sosfiltfilt

    sections = butter(4, from_hz, "highpass", fs=sample_rate, output="sos")
    return torch.from_numpy(sosfiltfilt(sections, voice.float().cpu().numpy()).copy()).to(voice)


def _locate(known: Separation, execution: Execution, progress: Progress = Progress()) -> Path:
    from deepsound.weights.resolve import resolve_or_download

    shipped = execution.weights.get(known.name, shipped_file(known.name))
    if shipped is None:
        return resolve_or_download(known.weights, execution, progress, known.name)
    if not is_file(shipped, EngineError):
        raise EngineError(
            f"The weights {shipped} of '{known.name}' are not there; install deepsound again, or name another file."
        )
    return shipped


class BSRoformerTinySeparator(RoformerSeparator):
    """`bs_roformer_tiny`: a small BS-RoFormer of this project, in the package, for speech and not for singing.

    Small as it is, it mistakes faint other sounds for a voice, so the voice detector says where it may work.
    """

    def __init__(self, mode: Mode = "equal_overlap", augment: bool = False, gated: bool = True) -> None:
        super().__init__("bs_roformer_tiny", mode, augment, gated)
