"""Voice activity detection: silero-vad over any sound, with hysteresis and merged spans.

The network is run on the channels' mean, about each channel, and about the mean with its steady background
turned down: that is how speech 6 dB below a storm is found.
"""

from __future__ import annotations

import hashlib
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from deepsound.errors import EngineError, InputError
from deepsound.media.audio import fit_length, resample
from deepsound.media.second_opinion import is_asked_for, second_opinion
from deepsound.media.voice_activity import VoiceActivity, VoiceSettings, spans_of
from deepsound.media.whispered_speech import whispered_windows
from deepsound.runtime.packages import missing_package
from deepsound.runtime.paths import is_file
from deepsound.runtime.progress import Progress
from deepsound.runtime.sample_memory import BLOCK, release_pages
from deepsound.runtime.stages import map_in_threads
from deepsound.runtime.threads import one_thread
from deepsound.types import Audio, Span

if TYPE_CHECKING:
    import numpy as np
    import torch

    from deepsound.models.silero import SileroVad

RATE = 16_000
WINDOW = 512  # samples: the one size silero-vad takes at 16 kHz
# A block is the unit of cancellation and of the background estimate; the warm-up fills the network's memory.
BLOCK_WINDOWS = 450
WARM_UP_WINDOWS = 32
# How much of a sound's beginning is heard after both warm-ups.
EARLY_WINDOWS = 16
BLOCKS_AT_ONCE = 2
# Between two looks at whether to stop; each is about a millisecond of work a row.
WINDOWS_AT_ONCE = 32

# The network is deaf below about -60 dBFS, so every row is brought to one level; the cap keeps dither what it is.
LEVEL_RMS = 0.1
MAX_GAIN = 1000.0

# Speech at -6 dB gives the untouched sound a probability of 0.1 somewhere within a quarter of a second.
HINT = 0.1
HINT_WINDOWS = 15
# With its background turned down, foley reaches 0.67, speech at -6 to -12 dB at least 0.77: less starts no span.
SURE_WITH_LESS_BACKGROUND = 0.72
BELOW_START = 0.49


def voice_spans(audio: Audio, progress: Progress, settings: VoiceSettings | None = None) -> tuple[Span, ...]:
    """The stretches, in seconds and in order of time, in which a human voice is heard in any channel.

    Raises InputError for NaN or infinite samples, EngineError when silero-vad is not installed.
    """
    activity = voice_probabilities(audio, progress)
    return spans_of(activity, audio.duration_s, settings or VoiceSettings())


def voice_probabilities(audio: Audio, progress: Progress) -> VoiceActivity:
    """The probability of a voice in each 32 ms window of `audio`, whatever its rate, level and channel count.

    The last few answers are kept by content, so that judging and separating one sound costs one pass.
    Raises InputError for NaN or infinite samples, EngineError when silero-vad is not installed.
    """
    import numpy as np

    key = _fingerprint(audio)
    known = _recent.get(key)
    if known is not None:
        progress.update(1.0)
        return known
    windows = -(-audio.samples * RATE // (audio.sample_rate * WINDOW))
    blocks = list(_blocks(windows))
    with one_thread():  # blocks know nothing of each other
        found = map_in_threads(partial(_block_probabilities, audio, progress), blocks, BLOCKS_AT_ONCE, progress)
    activity = VoiceActivity(np.concatenate(found) if found else np.zeros(0, np.float32))
    _recent.put(key, activity)
    return activity


def _blocks(windows: int) -> Iterator[tuple[int, int]]:
    """Nearly equal blocks: a short last one would have too little to know the background by."""
    count = -(-windows // BLOCK_WINDOWS)
    for index in range(count):
        yield windows * index // count, windows * (index + 1) // count


def _block_probabilities(audio: Audio, progress: Progress, block: tuple[int, int]) -> np.ndarray:
    import torch

    first, last = block
    channels = _cut(audio, max(first - WARM_UP_WINDOWS, 0), last)
    release_pages()
    repeated = min(WARM_UP_WINDOWS, last) if first == 0 else 0
    if repeated:
        # A sound that starts at full level looks like a voice's onset to a cold network: let it hear the beginning
        # twice.
        channels = torch.cat([channels[:, : repeated * WINDOW], channels], dim=1)
    with one_thread():
        rows, count = _rows(channels), last - first
        heard = _ask_network(rows, progress)
        if repeated:
            early = _ask_mirrored(rows, repeated, progress)
            heard[:, repeated : repeated + early.shape[1]].clamp_(max=early)
        combined = _combine_probabilities(heard)[-count:]
        if is_asked_for(heard[:, -count:], combined):

            def ask(more: torch.Tensor) -> torch.Tensor:
                return _ask_network(_normalise_level(more), progress)

            combined = torch.maximum(combined, second_opinion(rows[:1], ask, repeated)[-count:])
        return torch.maximum(combined, whispered_windows(rows[:1], heard.shape[1])[-count:]).numpy()


def _ask_mirrored(rows: torch.Tensor, repeated: int, progress: Progress) -> torch.Tensor:
    """Probabilities [rows, up to EARLY_WINDOWS] of the beginning, itself mirrored before it.

    Either way of warming up hears voices that are none: the mirror makes a swell, like a syllable, of a hit that dies
    away, the repetition an onset of what breaks off. Both must hear one.
    """
    import torch

    start = repeated * WINDOW
    mirrored = torch.cat([rows[:, :start].flip(1), rows[:, start : start + EARLY_WINDOWS * WINDOW]], dim=1)
    return _ask_network(mirrored, progress)[:, repeated:]


def _combine_probabilities(heard: torch.Tensor) -> torch.Tensor:
    """One probability per window from [rows, windows] in the order of `_rows`.

    What is heard with less background counts only near a hint in the untouched mean, and starts no span unless it is
    sure: alone it hears voices in storms and whooshes.
    """
    import torch
    from torch.nn.functional import max_pool1d

    hint = max_pool1d(heard[None, :1], HINT_WINDOWS, stride=1, padding=HINT_WINDOWS // 2)[0, 0] >= HINT
    less = torch.where(heard[1] < SURE_WITH_LESS_BACKGROUND, heard[1].clamp_max(BELOW_START), heard[1])
    return torch.maximum(torch.cat([heard[:1], heard[2:]]).amax(dim=0), less * hint)


def _cut(audio: Audio, first: int, last: int) -> torch.Tensor:
    """Windows `first` to `last` at 16 kHz, [channels, samples], padded with silence to whole windows."""
    import torch

    begin, end = (index * WINDOW * audio.sample_rate // RATE for index in (first, last))
    samples = audio.waveform[:, begin : end + 1].detach().cpu()
    if not bool(torch.isfinite(samples).all()):
        raise InputError(
            f"The sound has NaN or infinite samples between {begin / audio.sample_rate:.2f} and "
            f"{end / audio.sample_rate:.2f} s; repair or generate it again before judging it."
        )
    return fit_length(resample(Audio(samples, audio.sample_rate), RATE), (last - first) * WINDOW).waveform


def _rows(channels: torch.Tensor) -> torch.Tensor:
    """What the network listens to: the mean as it is and with less background, and each channel that differs."""
    import torch

    middle = channels.mean(dim=0, keepdim=True)
    apart = [channels] if bool((channels != channels[:1]).any()) else []
    return _normalise_level(torch.cat([middle, _less_background(_normalise_level(middle)), *apart]))


def _normalise_level(rows: torch.Tensor) -> torch.Tensor:
    rms = rows.square().mean(dim=1, keepdim=True).sqrt()
    return rows * (LEVEL_RMS / rms.clamp_min(LEVEL_RMS / MAX_GAIN))


def _less_background(rows: torch.Tensor, size: int = 1024, over: float = 1.0, floor: float = 0.3) -> torch.Tensor:
    """Spectral subtraction of each bin's median power, [rows, samples] to the same; 80 Hz and below are dropped."""
    import torch
    from torch.nn.functional import avg_pool2d

    if rows.shape[1] <= size:
        return rows
    window = torch.hann_window(size)
    spectrum = torch.stft(rows, size, size // 4, window=window, return_complex=True)  # [rows, bins, frames]
    power = spectrum.abs().square()
    # The power of noise in one bin is exponentially distributed: its mean is its median / ln 2.
    noise = power.median(dim=2, keepdim=True).values / 0.6931
    smooth = avg_pool2d(power[:, None], 5, stride=1, padding=2, count_include_pad=False)[:, 0]
    gain = (1 - over * noise / smooth.clamp_min(1e-12)).clamp_min(floor**2).sqrt()
    gain[:, : 80 * size // RATE] = 0
    return torch.istft(spectrum * gain, size, size // 4, window=window, length=rows.shape[1])


def _ask_network(rows: torch.Tensor, progress: Progress) -> torch.Tensor:
    """Probabilities [rows, windows] of [rows, samples], from silence on."""
    import torch

    network, state, answers = _network(), None, []
    with torch.no_grad():
        for part in network.windows(rows).split(WINDOWS_AT_ONCE, dim=1):
            progress.check()
            probabilities, state = network(part, state)
            answers.append(probabilities)
    return torch.cat(answers, dim=1)


@cache
def _network() -> SileroVad:
    """silero-vad's network, from its file without importing the package: its import sets torch's thread count."""
    spec = find_spec("silero_vad")
    folders = [Path(folder) / "data" for folder in (spec.submodule_search_locations or ())] if spec is not None else []
    # The package's own silero_vad_16k.safetensors holds the weights of an older version.
    for folder in folders:
        if is_file(folder / "silero_vad.jit", EngineError):
            return _load(folder / "silero_vad.jit")
    raise missing_package(
        "The voice detector needs silero-vad 5.1 or newer with its model file data/silero_vad.jit", "silero-vad>=5.1"
    )


def _load(file: Path) -> SileroVad:
    """The network with the parameters of the package's TorchScript file; nothing in that file is run."""
    import torch

    from deepsound.models.silero import SileroVad, from_script

    with torch.device("meta"):
        network = SileroVad()
    try:
        with warnings.catch_warnings():
            # torch says at every load that TorchScript is deprecated, in a class that changes with the version.
            warnings.simplefilter("ignore")
            script = torch.jit.load(str(file), map_location="cpu")
        network.load_state_dict(from_script(script._model.state_dict()), strict=True, assign=True)
    except Exception as error:  # torch fails in many ways on a damaged file, and another version has other names
        raise EngineError(
            f"The voice detector's file {file} cannot be used ({str(error).strip().splitlines()[0][:200]}). Install "
            "silero-vad again, version 5.1 or newer."
        ) from error
    return network.eval().requires_grad_(False)


def _fingerprint(audio: Audio) -> bytes:
    digest = hashlib.blake2b(f"{audio.channels} {audio.sample_rate} ".encode(), digest_size=16)
    for channel in audio.waveform.detach().cpu():
        for first in range(0, audio.samples, BLOCK):
            digest.update(channel[first : first + BLOCK].contiguous().numpy().data)
            release_pages()
    return digest.digest()


class _Recent:
    """The last few answers, least recently asked for out first; safe to share between threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = Lock()
        self._kept: OrderedDict[bytes, VoiceActivity] = OrderedDict()

    def get(self, key: bytes) -> VoiceActivity | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: bytes, activity: VoiceActivity) -> None:
        with self._lock:
            self._kept[key] = activity
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)


_recent = _Recent(8)
