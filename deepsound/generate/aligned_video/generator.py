"""Audio to video, and joint generation of both (arXiv 2402.17723)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from deepsound.errors import InputError
from deepsound.generate.aligned_video.request import AlignedVideoRequest, check_frames, check_request
from deepsound.runtime.components import without_gradients
from deepsound.runtime.execution import Execution, report_precision
from deepsound.runtime.memory import retry_on_oom
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

if TYPE_CHECKING:
    from pathlib import Path

    import torch

AUDIO_TO_VIDEO, JOINT = "audio_to_video", "joint"
# Below -60 dBFS there is nothing to align with.
_SILENT = 1e-3
# Kaldi's analysis frame.
_SHORTEST_S = 0.025


@dataclass(frozen=True, eq=False)
class AlignedVideo:
    """`images` float32 [frames, height, width, 3] in [0, 1] at `fps`, the `audio` that goes with them, equally long.

    `settings` is what they were made with and how far both are apart, as plain data; `files` are the weights.
    """

    images: torch.Tensor
    fps: float
    audio: Audio
    settings: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)


def audio_to_video(
    audio: Audio, request: AlignedVideoRequest, execution: Execution, progress: Progress
) -> AlignedVideo:
    """A video for a sound: AnimateDiff led by prompt and sound (equation 14).

    The sound is cut to the video's length. Raises InputError for silence, for a sound shorter than the video and for
    a request that cannot be met, EngineError for a library or weights that are missing or wrong.
    """
    check_request(request)
    needed_s = request.frames / request.fps
    if not bool(audio.waveform.isfinite().all()):
        raise InputError("The sound has values that are no numbers; expected a sound, mend or choose another.")
    if not audio.samples or float(audio.waveform.abs().max()) < _SILENT:
        raise InputError("The sound is silent; expected one that can be heard, since the video is to follow it.")
    if audio.duration_s < needed_s - 1 / request.fps:
        raise InputError(
            f"The sound lasts {audio.duration_s:.2f} s, and {request.frames} frames at {request.fps:g} fps last "
            f"{needed_s:.2f} s; expected a sound at least as long: use fewer frames, more fps, or a longer sound."
        )
    if min(audio.duration_s, needed_s) < _SHORTEST_S:
        raise InputError(
            f"The video lasts {needed_s * 1000:.0f} ms and the sound {audio.duration_s * 1000:.0f} ms; expected "
            f"{_SHORTEST_S * 1000:.0f} ms or more of both for ImageBind: use more frames, fewer fps, or a longer sound."
        )
    if audio.duration_s > needed_s + 0.5:
        progress.note(
            f"The video lasts {needed_s:.2f} s ({request.frames} frames at {request.fps:g} fps): the sound's remaining "
            f"{audio.duration_s - needed_s:.2f} s are cut off."
        )
    return _aligned(AUDIO_TO_VIDEO, audio, request, execution, progress)


def video_with_sound(request: AlignedVideoRequest, execution: Execution, progress: Progress) -> AlignedVideo:
    """A video and its sound from words: both latents and both prompts aligned (equation 16, algorithm 1).

    Raises as `audio_to_video` does.
    """
    check_request(request)
    return _aligned(JOINT, None, request, execution, progress)


def _aligned(
    direction: str, audio: Audio | None, request: AlignedVideoRequest, execution: Execution, progress: Progress
) -> AlignedVideo:
    from deepsound.generate.aligner.dependencies import require_libraries

    require_libraries()

    def work(used: Execution) -> AlignedVideo:
        # A host's inference mode ends here: what is read within it could not take part in gradients.
        with without_gradients(differentiable=True):
            return _generate(direction, audio, request, used, progress)

    return retry_on_oom(work, execution, direction, progress.say)


def _generate(
    direction: str, audio: Audio | None, request: AlignedVideoRequest, execution: Execution, progress: Progress
) -> AlignedVideo:
    from deepsound.generate.aligned_video.components import locate_weights
    from deepsound.generate.aligned_video.sampling import generate_video
    from deepsound.generate.aligner.animatediff import VideoFormat

    weights = locate_weights(direction, execution, progress)
    weights.check()
    picture = VideoFormat(request.frames, request.fps, request.width, request.height)
    check_frames(request, weights.animatediff.most_frames)
    components = weights.components(execution)
    computed = report_precision(direction, execution, components.device, components.dtype, progress)
    images, sound, distances = generate_video(weights, components, picture, audio, request, progress)
    if distances:
        computed["distances"] = {name: round(value, 4) for name, value in distances.items()}
    return AlignedVideo(images, request.fps, sound, asdict(request) | computed, weights.weight_files())
