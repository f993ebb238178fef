"""DeepSoundCompare: plays and draws coarse, final and removed sound on one time axis."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from comfy_api.latest import InputImpl, io

from deepsound.errors import DeepSoundError

from . import comfy_host, host_folders
from .convert import audio_of, clip_of
from .notes import run_summary
from .schema import output, schema, seconds_input
from .temp_files import LastRuns, Place
from .values import check_text, check_values, refusal_of

if TYPE_CHECKING:
    import numpy as np

    from deepsound.compare.present import Presentation
    from deepsound.media.clip import Clip
    from deepsound.types import Audio

_LAST_RUNS: LastRuns[Presentation] = LastRuns(host_folders.temp_path)


class Compare(io.ComfyNode):
    """Plays and pictures the tracks of one clip on one time axis, at equal loudness."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundCompare",
            "Compare (DeepSound)",
            description="Coarse, final and removed voice as waveform and mel spectrogram on one time axis under the "
            "video, to listen to in turn at equal loudness; also as a picture and as a video to share.",
            search_aliases=[
                "compare audio",
                "A/B",
                "waveform",
                "spectrogram",
                "mel spectrogram",
                "listen",
                "preview",
                "before after",
                "voice removal",
            ],
            inputs=[
                io.Audio.Input("coarse", tooltip="The sound of step 1; A on the keyboard."),
                io.Audio.Input("final", tooltip="The finished sound; B on the keyboard."),
                io.Audio.Input(
                    "voice", optional=True, tooltip="The voice that was taken out; C on the keyboard. May stay empty."
                ),
                io.Video.Input("video", optional=True, tooltip="The picture they belong to. May stay empty."),
                io.String.Input(
                    "voice_spans",
                    default="auto",
                    tooltip="Where a voice is heard, in seconds, such as '0.5-1.2, 3-4'.\nauto: listens "
                    "for it in the coarse sound\nempty: nothing is marked",
                ),
                io.Boolean.Input(
                    "render",
                    default=False,
                    tooltip="Also make the video to share, which plays the tracks in turn side by side. Needs MoviePy.",
                ),
                seconds_input("render_seconds", "How much of each track that video plays; 0 means all of it."),
            ],
            outputs=[
                output(io.Image, "still", "Frames, waveforms and spectrograms as one picture.", label="image"),
                output(io.Video, "rendered", "The video to share; nothing while render is off.", label="side_by_side"),
            ],
            hidden=[io.Hidden.unique_id, io.Hidden.extra_pnginfo],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, voice_spans: str | None = None, render_seconds: float | None = None) -> bool | str:
        from deepsound.compare.spans import check_spans

        try:
            check_text("voice_spans", voice_spans or "")
            check_spans(voice_spans or "")
        except DeepSoundError as error:
            return str(error)
        return refusal_of(cls, render_seconds=render_seconds)

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> int:
        """Another number once files of an earlier run went away, which ComfyUI's cache must not bring back."""
        return _LAST_RUNS.epoch

    @classmethod
    def execute(
        cls,
        coarse: Any,
        final: Any,
        voice_spans: str,
        render: bool,
        render_seconds: float,
        voice: Any = None,
        video: Any = None,
    ) -> io.NodeOutput:
        from deepsound.compare.present import present

        check_values(cls, voice_spans=voice_spans, render_seconds=render_seconds)
        progress = comfy_host.progress(cls.hidden.unique_id)
        sounds = {"coarse": audio_of(coarse, "coarse"), "final": audio_of(final, "final")}
        if voice is not None:
            sounds["voice"] = audio_of(voice, "voice")
        clip = None if video is None else clip_of(video, progress)

        def make(place: Place) -> Presentation:
            return present(sounds, clip, voice_spans, place, render, render_seconds, progress)

        key = content_key(sounds, clip, voice_spans, render, render_seconds)
        shown = _LAST_RUNS.result(comfy_host.node_key(cls.hidden), comfy_host.prompt_id(), key, make)
        for note in shown.notes:
            comfy_host.show_text(note, cls.hidden.unique_id)
        described = {**shown.description, "result": run_summary(progress)["result"]}
        rendered = comfy_host.nothing() if shown.video is None else InputImpl.VideoFromFile(str(shown.video))
        return io.NodeOutput(_image(shown.still), rendered, ui={"deepsound": [described]})


def content_key(sounds: dict[str, Audio], clip: Clip | None, *choices: object) -> str:
    """The same text for the same sounds, file, window and choices."""
    digest = hashlib.sha256(repr(choices).encode())
    for name, sound in sounds.items():
        digest.update(repr((name, sound.sample_rate, tuple(sound.waveform.shape))).encode())
        digest.update(sound.numpy().tobytes())
    if clip is not None:
        status = clip.path.stat()
        window = (str(clip.path), status.st_mtime_ns, status.st_size, clip.start_s, clip.duration_s)
        digest.update(repr(window).encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


def _image(picture: np.ndarray) -> Any:
    """An IMAGE [1, height, width, 3] in [0, 1] of uint8 [height, width, 3]."""
    import torch

    return torch.from_numpy(picture.copy())[None].float() / 255
