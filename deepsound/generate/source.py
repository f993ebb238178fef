"""The generator `source`: the video's own soundtrack as coarse audio.

Steps 2 to 4 then clean existing footage.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from deepsound.engine_protocols import REQUEST_FIELDS, GeneratorBase
from deepsound.errors import InputError
from deepsound.media.clip import no_own_sound
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, GenerationRequest

if TYPE_CHECKING:
    from deepsound.media.clip import Clip


class SourceGenerator(GeneratorBase):
    """Gives back what the clip already sounds like; prompts and seeds change nothing, so it cannot generate again."""

    name = "source"
    ignores = frozenset(REQUEST_FIELDS)

    def generate(self, clip: Clip, request: GenerationRequest, progress: Progress) -> Audio:
        """The clip's sound at its own rate and channels, cut to `request.duration_s` where that is shorter.

        A second call returns the same sound, whatever the negative prompt: the fallback `neg` takes another generator.
        Raises MediaError for a clip without sound, InputError for a duration that is not positive.
        """
        requested_s = request.duration_s
        if requested_s is not None and not (math.isfinite(requested_s) and requested_s > 0):
            raise InputError(
                f"The duration is {requested_s} s; expected more than 0 seconds; leave it out for the whole clip."
            )
        audio = clip.audio(progress)
        if audio is None:
            raise no_own_sound(clip.path)
        if requested_s is None:
            return audio
        return Audio(audio.waveform[:, : round(requested_s * audio.sample_rate)], audio.sample_rate)
