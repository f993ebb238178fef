"""The embedded separator `dtln`: DTLN both ways in time, a Wiener post-filter, a VAD gate.

DTLN gets the sound and its mirror image in time, up to 8 kHz; whispers, which it takes for noise, two other networks as
well. What is left of a voice above that, its hiss, is taken out as far as the octave below; what remains of a voice is
filtered out after it. Outside the voiced spans not one sample changes.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.errors import EngineError, InputError
from deepsound.runtime.interruption import interruptible
from deepsound.runtime.packaged_network import load_packaged
from deepsound.runtime.paths import is_file
from deepsound.runtime.progress import Progress
from deepsound.runtime.sample_memory import difference, zeros_like
from deepsound.runtime.threads import one_thread
from deepsound.separate.buffers import blocks
from deepsound.separate.channels import channel_passes
from deepsound.separate.demix import DemixSettings
from deepsound.separate.voice_passes import add_voice
from deepsound.separate.whisper import with_whispers
from deepsound.types import Audio, Stems

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

WEIGHTS = Path(__file__).parent / "weights" / "dtln.safetensors"
WHISPER_WEIGHTS = {
    "whisper": WEIGHTS.with_name("whispered_speech.safetensors"),
    "whisper_second": WEIGHTS.with_name("bs_roformer_tiny.safetensors"),
}
RATE, NETWORK_RATE = 48_000, 16_000
# Speech enhancement networks are trained at the level of speech; DTLN hears most at this RMS.
LEVEL_RMS, LEAST_RMS = 0.03, 1e-5
# A cold network takes a second to hear well, so it hears the sound's ends mirrored first.
WARM_UP = NETWORK_RATE
LOWEST_HZ, HIGHEST_HZ = 60.0, 7500.0
HISS_BAND_HZ, HISS_WINDOW_S = (4000.0, 7300.0), 0.02
DEMIX = DemixSettings(chunk=20 * RATE, overlap=RATE, batch=1, at_once=1)
_GATE_SHARE, _GATE_FADE_S = 0.2, 0.02


class DtlnSeparator:
    """DTLN with weights in the package, for speech and not for singing.

    `gated`: only where a voice is detected; without `post_filter` DTLN's own estimate is the voice.
    """

    def __init__(self, gated: bool = True, post_filter: bool = True) -> None:
        self.gated = gated
        self.post_filter = post_filter

    def files(self) -> dict[str, Path]:
        """The weights of the package."""
        return {"separator": WEIGHTS, **WHISPER_WEIGHTS}

    def check_files(self) -> None:
        """Raise EngineError where the package's weights are missing."""
        for file in (WEIGHTS, *WHISPER_WEIGHTS.values()):
            if not is_file(file, EngineError):
                raise EngineError(f"The weights {file} of 'dtln' are not there; install deepsound again.")

    def separate(self, audio: Audio, progress: Progress) -> Stems:
        """Split `audio` into voice and background = mix - voice; bit for bit the mix where no voice is heard.

        Both stems keep the rate, the number of samples and the channels. Raises InputError for samples that are not
        finite, EngineError when silero-vad or the weights are missing.
        """
        from deepsound.separate.voice_gate import apply_gate, gate_of, gate_spans

        mix = audio.waveform.detach().cpu()
        if not all(bool(block.isfinite().all()) for block in blocks(mix)):
            raise InputError("The audio to separate holds NaN or infinite samples; repair it, or leave it out.")
        voice = zeros_like(mix)
        if self.gated:
            spans = gate_spans(audio, progress.part(0.0, _GATE_SHARE))
            gate = gate_of(spans, audio, max(round(_GATE_FADE_S * audio.sample_rate), 1))
        if any(bool(block.any()) for block in blocks(mix)) and (not self.gated or bool(gate.any())):
            self._add_voice(voice, mix, audio.sample_rate, progress.part(_GATE_SHARE if self.gated else 0.0, 1.0))
            if self.gated:
                apply_gate(voice, gate)
        progress.update(1.0)
        return Stems(
            Audio(voice, audio.sample_rate, audio.layout),
            Audio(difference(mix, voice), audio.sample_rate, audio.layout),
        )

    def _add_voice(self, voice: torch.Tensor, mix: torch.Tensor, sample_rate: int, progress: Progress) -> None:
        import torch

        from deepsound.runtime.model_cache import NetworkKey, model_cache

        self.check_files()
        key = NetworkKey.of("dtln", torch.float32, WEIGHTS)
        passes = channel_passes(mix.shape[0], 1)
        with (
            model_cache().use(key, load_dtln, torch.device("cpu")) as network,
            interruptible(network, progress.check),
            one_thread(),
        ):
            for index, channel_pass in enumerate(passes):
                part = progress.part(index / len(passes), (index + 1) / len(passes))
                find = partial(find_voice, network, post_filter=self.post_filter, progress=part)
                add_voice(voice, mix, sample_rate, channel_pass, find, RATE, DEMIX, part)


def find_voice(
    network: nn.Module, chunks: torch.Tensor, post_filter: bool = True, progress: Progress = Progress()
) -> torch.Tensor:
    """The voice in `chunks`, both float32 [B, 1, samples] at 48 kHz, by DTLN and the post-filter after it.

    `progress` can cancel.
    """
    import numpy as np
    import torch
    from torch import nn

    from deepsound.separate.post_filter import remove_residue

    sounds = chunks[:, 0].numpy()
    low = torch.from_numpy(np.stack([_resample(sound, RATE, NETWORK_RATE) for sound in sounds]))
    found, whispered = with_whispers(low, _both_ways(network, low), progress)
    voices = [
        _with_hiss(_resample(voice, NETWORK_RATE, RATE), sound)
        for voice, sound in zip(found.numpy(), sounds, strict=True)
    ]
    voice = torch.from_numpy(np.stack(voices))
    if not post_filter:
        return voice[:, None]
    filtered = remove_residue(chunks[:, 0], voice, RATE)
    if whispered is not None:
        # What resembles a whisper is as often the background: over recorded sounds the filter lost 0.4 dB there.
        filtered += nn.functional.interpolate(whispered, voice.shape[1], mode="linear")[:, 0] * (voice - filtered)
    return filtered[:, None]


def _both_ways(network: nn.Module, low: torch.Tensor) -> torch.Tensor:
    """The mean of what the network hears forwards and backwards, [B, samples] at 16 kHz."""
    import torch

    rms = low.square().mean(dim=1, keepdim=True).sqrt().clamp_min(LEAST_RMS)
    level = low * (LEVEL_RMS / rms)
    ends = min(WARM_UP, level.shape[1])
    padded = torch.cat([level[:, :ends].flip(1), level, level[:, level.shape[1] - ends :].flip(1)], dim=1)
    with torch.no_grad():
        # Side by side both cost little more than one: recurrent networks wait for memory.
        forwards, backwards = network(torch.cat([padded, padded.flip(1)])).chunk(2)
    mean = (forwards + backwards.flip(1)) / 2
    return mean[:, ends : ends + low.shape[1]] * (rms / LEVEL_RMS)


def _with_hiss(voice: np.ndarray, sound: np.ndarray) -> np.ndarray:
    """The voice between its lowest and its highest frequency, and above that as much of `sound` as just below."""
    import numpy as np

    if len(sound) < RATE // 100:
        return np.zeros_like(sound)
    voice = np.pad(voice, (0, max(len(sound) - len(voice), 0)))[: len(sound)]
    below = _filtered(_filtered(voice, HIGHEST_HZ, "lowpass"), LOWEST_HZ, "highpass")
    share = _power(_filtered(voice, HISS_BAND_HZ, "bandpass")) / _power(_filtered(sound, HISS_BAND_HZ, "bandpass"))
    above = sound - _filtered(sound, HIGHEST_HZ, "lowpass")
    return np.asarray(below + above * np.sqrt(np.clip(share, 0, 1)), np.float32)


def _filtered(sound: np.ndarray, hz: float | tuple[float, float], kind: str) -> np.ndarray:
    """A Butterworth filter there and back, so that nothing is moved in time."""
    from scipy import signal

    return signal.sosfiltfilt(signal.butter(4, hz, kind, fs=RATE, output="sos"), sound).astype("float32")


def _power(sound: np.ndarray) -> np.ndarray:
    """The power over the 20 ms around each sample."""
    import numpy as np
    from scipy import signal

    window = np.hanning(round(HISS_WINDOW_S * RATE))
    return np.maximum(signal.oaconvolve(np.square(sound), window / window.sum(), mode="same"), 1e-14)


def _resample(sound: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    import soxr

    return soxr.resample(sound, from_hz, to_hz, quality="HQ").astype("float32")


def load_dtln() -> nn.Module:
    """DTLN with the package's weights."""
    from deepsound.models.dtln.model import DTLN

    return load_packaged(DTLN, WEIGHTS)
