"""DeepSoundMuxVideo: saves a video with its new sound and shows it."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from deepsound.errors import DeepSoundError
from deepsound.media.formats import CONTAINER_CHOICES
from deepsound.media.length_policy import DEFAULT_LENGTH, LENGTHS

from . import comfy_host, host_folders
from .convert import audios_of, clip_of
from .image_video import as_video, encoding_notes, image_rate_input, picture_input
from .save_video import CODECS, SaveSettings, save_takes, shown_files
from .schema import downmix_input, option_input, output, schema, supported_kwargs
from .values import check_values, refusal_of


class MuxVideo(io.ComfyNode):
    """Joins picture and sound in a file in ComfyUI's output folder; the picture is copied as it is."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundMuxVideo",
            "Mux and Save Video (DeepSound)",
            description="Saves the video with this sound in the output folder and shows it. The picture is copied "
            "where the container holds it; what is changed or left behind is said on the node.",
            search_aliases=[
                "save video",
                "combine audio video",
                "add audio to video",
                "merge audio and video",
                "soundtrack",
                "export",
                "remux",
            ],
            inputs=[
                picture_input("The picture."),
                io.Audio.Input(
                    "audio",
                    optional=True,
                    tooltip="The sound. Nothing connected keeps the video's own. Each take of a batch becomes a video "
                    "of its own, with a number in its name.",
                ),
                io.String.Input(
                    "filename_prefix",
                    default="DeepSound/video",
                    tooltip="How the file's name begins, below the output folder; '/' makes a subfolder.",
                ),
                option_input(
                    "container",
                    CONTAINER_CHOICES,
                    "The kind of file.",
                    **supported_kwargs(io.Combo.Input, advanced=True),
                ),
                io.Combo.Input(
                    "codec",
                    options=list(CODECS),
                    default="auto",
                    tooltip="How the sound is stored; auto takes the usual one for the container.",
                    **supported_kwargs(io.Combo.Input, advanced=True),
                ),
                option_input("length", LENGTHS, "Where sound and picture do not last equally long.", optional=True),
                downmix_input("Mix the sound's channels down to two or to one; keep leaves them as they are."),
                image_rate_input(),
            ],
            outputs=[output(io.Video, "saved", "The saved file; of several takes each.", label="video", per_take=True)],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo, io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, filename_prefix: str | None = None, fps: float | None = None) -> bool | str:
        try:
            if filename_prefix is not None:
                host_folders.check_prefix(filename_prefix)
        except DeepSoundError as error:
            return str(error)
        return refusal_of(cls, fps=fps)

    @classmethod
    def execute(
        cls,
        video: Any,
        filename_prefix: str,
        container: str,
        codec: str,
        audio: Any = None,
        length: str = DEFAULT_LENGTH,
        downmix: str = "keep",
        fps: float = 0.0,
    ) -> io.NodeOutput:
        check_values(cls, fps=fps)
        settings = SaveSettings(filename_prefix, container, codec, length, downmix)
        progress = comfy_host.progress(cls.hidden.unique_id, "write")
        picture, video = video, as_video(video, fps, progress)
        for note in encoding_notes(picture, video, fps):
            progress.note(note)
        saved = save_takes(
            clip_of(video, progress),
            lambda: [None] if audio is None else [*audios_of(audio)],
            settings,
            comfy_host.metadata(cls.hidden),
            progress,
        )
        return io.NodeOutput([file.video for file in saved], ui=shown_files(saved, progress))
