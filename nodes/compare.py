"""DeepSoundCompare: what was generated, what was kept and what was removed, to see, to hear and to share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import InputImpl, io

from deepsound.errors import DeepSoundError

from . import comfy_host
from .convert import audio_of, clip_of
from .schema import output, schema, seconds_input

if TYPE_CHECKING:
    import numpy as np


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
                "foley",
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
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, voice_spans: str | None) -> bool | str:
        from deepsound.compare.spans import check_spans

        try:
            check_spans(voice_spans or "")
        except DeepSoundError as error:
            return str(error)
        return True

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

        progress = comfy_host.progress(cls.hidden.unique_id)
        sounds = {"coarse": audio_of(coarse, "coarse"), "final": audio_of(final, "final")}
        if voice is not None:
            sounds["voice"] = audio_of(voice, "voice")
        clip = None if video is None else clip_of(video, progress)
        shown = present(sounds, clip, voice_spans, comfy_host.temp_path, render, render_seconds, progress)
        for note in shown.notes:
            comfy_host.show_text(note, cls.hidden.unique_id)
        rendered = comfy_host.nothing() if shown.video is None else InputImpl.VideoFromFile(str(shown.video))
        return io.NodeOutput(_image(shown.still), rendered, ui={"deepsound": [shown.description]})


def _image(picture: np.ndarray) -> Any:
    """An IMAGE [1, height, width, 3] in [0, 1] of uint8 [height, width, 3]."""
    import torch

    return torch.from_numpy(picture.copy())[None].float() / 255
