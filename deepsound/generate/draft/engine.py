"""The generator `draft`: motion analysis, impact selection, recordings, synthesis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepsound.engine_protocols import GeneratorBase
from deepsound.errors import InputError
from deepsound.generate.draft.dense_flow import has_opencv_flow
from deepsound.generate.draft.mix import render
from deepsound.generate.draft.motion import Motion
from deepsound.generate.draft.prompt_notes import prompt_notes
from deepsound.generate.draft.prompt_parser import palette_for
from deepsound.generate.draft.prompted_motion import with_prompted_motion
from deepsound.generate.draft.recorded_layers import NO_RECORDINGS, choose_recordings
from deepsound.generate.draft.recordings import embedded
from deepsound.generate.draft.score import FoleyScore, without_spans
from deepsound.generate.draft.user_sounds import DraftSettings, user_library
from deepsound.generate.scene_prompts import scene_notes, whole_prompt
from deepsound.generate.validation import spans_within
from deepsound.media.opencv import one_opencv_thread
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, GenerationRequest

if TYPE_CHECKING:
    from deepsound.media.clip import Clip

_MOTION = Motion()
_ANALYSIS_SHARE = 0.7
_OWN_FLOW = (
    "draft measures motion without OpenCV: that takes about three times as long, and misses about one impact in 60 "
    "that is found with it. Any version of opencv-python-headless serves."
)


class DraftGenerator(GeneratorBase):
    """Foley of recordings and synthesis, nothing to download: it knows how things move and what the prompt says."""

    name = "draft"
    ignores = frozenset({"steps", "guidance", "window_s"})
    avoids_spans = True
    views = (_MOTION,)

    def __init__(self) -> None:
        super().__init__()
        self.settings = DraftSettings()

    def adjust(self, settings: DraftSettings) -> None:
        """Take a folder of sounds beside the package's own."""
        self.settings = settings

    def request_notes(self, request: GenerationRequest) -> tuple[str, ...]:
        """Which words of the prompts it follows and does not know, other settings it ignores, and a slower flow."""
        scenes = scene_notes(self.name, request.prompt)
        prompt = whole_prompt(request.prompt)
        own = user_library(self.settings.sounds)
        words = prompt_notes(prompt, request.negative_prompt, own)
        own_flow = () if has_opencv_flow() else (_OWN_FLOW,)
        return (*scenes, *words, *own_flow, *super().request_notes(request))

    def generate(self, clip: Clip, request: GenerationRequest, progress: Progress) -> Audio:
        """Stereo sound at 44100 Hz as long as the clip, or as `request.duration_s` if that is less.

        Near -23 LUFS wherever anything moves or the prompt names a sound; else it is a quiet room, which a note says.
        `steps` and `guidance` mean nothing here. Raises InputError for a duration that is not positive, MediaError
        when the clip's pictures cannot be decoded.
        """
        from deepsound.generate.draft.impact_selection import plan_impacts

        requested_s = clip.duration_s if request.duration_s is None else request.duration_s
        if not requested_s > 0:
            raise InputError(
                f"The duration is {requested_s} s; expected more than 0 seconds; leave it out for the whole clip."
            )
        own = user_library(self.settings.sounds, progress)
        with one_opencv_thread():
            track = clip.view(_MOTION, progress.part(0.0, _ANALYSIS_SHARE))
        score = FoleyScore(min(requested_s, clip.duration_s), plan_impacts(track), track.movements, track.cuts_s)
        palette = palette_for(whole_prompt(request.prompt), request.negative_prompt, own)
        recorded = choose_recordings(palette, {**embedded(), **own}, progress.note)
        score = with_prompted_motion(score, palette, recorded != NO_RECORDINGS, request.seed)
        score = without_spans(score, spans_within("avoid", request.avoid, score.duration_s))
        return render(score, palette, request.seed, progress.part(_ANALYSIS_SHARE, 1.0), recorded)
