"""Requests for a video, checked, with this project's defaults."""

from __future__ import annotations

from dataclasses import dataclass

from deepsound.errors import InputError
from deepsound.generate.aligner.guide import GuideSettings, Update
from deepsound.generate.aligner.settings import check_guide, check_rate
from deepsound.generate.validation import check_range, check_text, resolve_steps, take_seeds

STEPS = 25
# Eight pixels to a value of the latents, which the UNet halves three times.
MULTIPLE, LARGEST = 64, 1024
_MOST_STEPS = 500
_MODEL = "AnimateDiff"


@dataclass(frozen=True)
class AlignedVideoRequest:
    """What is to be seen and how; published are steps, both rates and that the prompt is tuned.

    The paper gives neither frames, size, guidance, warm-up, inner steps nor the prompt's rate: those are AnimateDiff's
    own or the released video-to-audio code's. `video_rate` and `audio_rate` are step sizes by the latents (0: not
    aligned), `video_cfg` and `audio_cfg` the strengths of classifier-free guidance; those of sound are for joint
    generation alone.
    """

    prompt: str
    negative_prompt: str = ""
    seed: int = 42
    steps: int = STEPS
    frames: int = 16
    fps: float = 8.0
    width: int = 512
    height: int = 512
    video_cfg: float = 7.5
    audio_cfg: float = 2.5
    video_rate: float = 0.01
    audio_rate: float = 0.1
    warmup: float = 0.2
    inner_steps: int = 1
    update: Update = "published"
    tune_prompt: bool = True
    prompt_rate: float = 0.001

    @property
    def guide(self) -> GuideSettings:
        return GuideSettings(self.warmup, self.inner_steps, self.update)

    @property
    def video_rates(self) -> tuple[float, float]:
        """Step sizes by the video's latents and by its prompt."""
        return self.video_rate, self.prompt_rate if self.tune_prompt else 0.0

    @property
    def audio_rates(self) -> tuple[float, float]:
        """Step sizes by the sound's latents and by its prompt."""
        return self.audio_rate, self.prompt_rate if self.tune_prompt else 0.0


def check_request(request: AlignedVideoRequest) -> None:
    """Raise InputError for an empty prompt, and for numbers and texts that make no sense."""
    if not check_text("prompt", request.prompt, _MODEL).strip():
        raise InputError(
            "The prompt is empty; expected words for what is to be seen: no captioner of sounds is among the engines."
        )
    check_text("negative prompt", request.negative_prompt, _MODEL)
    _check_picture(request)
    take_seeds(request.seed, 1)
    resolve_steps(request.steps, _MOST_STEPS, STEPS)
    check_range("video_cfg", request.video_cfg, 100.0, 7.5)
    check_range("audio_cfg", request.audio_cfg, 100.0, 2.5)
    check_guide(request.guide)
    for what in ("video_rate", "audio_rate", "prompt_rate"):
        check_rate(what, getattr(request, what))


def _check_picture(request: AlignedVideoRequest) -> None:
    for side, pixels in (("width", request.width), ("height", request.height)):
        if pixels % MULTIPLE or not MULTIPLE <= pixels <= LARGEST:
            raise InputError(f"{side}: expected a multiple of {MULTIPLE} from {MULTIPLE} to {LARGEST}, got {pixels}.")
    if not 1 <= request.fps <= 60:
        raise InputError(f"fps: expected 1 to 60 frames per second, got {request.fps}; 8 is AnimateDiff's own.")
    if request.frames < 1:
        raise InputError(f"frames: expected 1 or more, got {request.frames}; 16 is AnimateDiff's own.")


def check_frames(request: AlignedVideoRequest, most: int) -> None:
    """Raise InputError for more frames than a motion adapter has positions for."""
    if request.frames > most:
        raise InputError(
            f"frames: expected 1 to {most}, which the motion adapter has positions for, got {request.frames}; make "
            "fewer, or choose another adapter."
        )
