"""Voice envelope: how loud the voice is over time, and a mouth's correlation with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepsound.media.audio import resample, to_mono
from deepsound.media.vad import RATE, WINDOW
from deepsound.media.voice_activity import VoiceActivity
from deepsound.types import Audio

if TYPE_CHECKING:
    import numpy as np

    from deepsound.reason.mouth_tracking import MouthTrack

_BAND_HZ = (300.0, 3400.0)
# A syllable lasts about 0.2 s; pictures and sound may be this far apart.
_SMOOTH_WINDOWS = 3
_LAGS_S = (-0.16, -0.08, 0.0, 0.08, 0.16)
_LEAST_FRAMES = 8


@dataclass(frozen=True, eq=False)
class VoiceEnvelope:
    """`levels` float32 [windows]: the cube root of the power of the voice band times the probability of a voice."""

    levels: np.ndarray
    window_s: float

    def correlation(self, track: MouthTrack, start_s: float) -> float:
        """Pearson's, of a mouth's opening with the voice at the best of a few lags; `start_s` is the track's time 0."""
        import numpy as np

        if len(track.times_s) < _LEAST_FRAMES:
            return 0.0
        times_s = np.array(track.times_s) + start_s
        middles_s = (np.arange(len(self.levels)) + 0.5) * self.window_s
        voices = (np.interp(times_s + lag_s, middles_s, self.levels) for lag_s in _LAGS_S)
        return max(_pearson(np.array(track.openings), voice) for voice in voices)


def voice_envelope(audio: Audio, activity: VoiceActivity) -> VoiceEnvelope:
    """The envelope of the voice in `audio`, from its detector's probabilities and the power in the voice band."""
    import numpy as np
    from scipy import signal

    mono = resample(to_mono(audio), RATE).numpy()[0]
    band = signal.sosfilt(signal.butter(2, _BAND_HZ, "bandpass", fs=RATE, output="sos"), mono)
    windows = len(activity.probabilities)
    fitted = np.pad(band, (0, max(windows * WINDOW - len(band), 0)))[: windows * WINDOW]
    power = np.square(fitted).reshape(windows, WINDOW).mean(axis=1)
    levels = np.cbrt(power) * activity.probabilities
    smooth = np.convolve(levels, np.ones(_SMOOTH_WINDOWS) / _SMOOTH_WINDOWS, mode="same")
    return VoiceEnvelope(smooth.astype(np.float32), activity.window_s)


def _pearson(one: np.ndarray, other: np.ndarray) -> float:
    import numpy as np

    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt(np.square(one).sum() * np.square(other).sum()))
    return float((one * other).sum() / scale) if scale > 0 else 0.0
