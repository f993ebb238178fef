"""DeepSoundMuxVideo: the video with its new sound, saved and shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import InputImpl, io, ui

from deepsound.errors import DeepSoundError

from . import comfy_host, host_folders
from .convert import audio_of, clip_of
from .schema import output, require_option, schema, supported_kwargs

if TYPE_CHECKING:
    from deepsound.media.mux import Muxed

CONTAINERS = ("auto", "mp4", "mov", "webm", "mkv")
CODECS = {"auto": None, "aac": "aac", "opus": "opus", "flac": "flac", "pcm": "pcm_s16le"}


class MuxVideo(io.ComfyNode):
    """Joins picture and sound in a file in ComfyUI's output folder; the picture is copied as it is."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundMuxVideo",
            "Mux and Save Video (DeepSound)",
            description="Saves the video with this sound in the output folder and shows it. The picture is not encoded "
            "again where its container takes it, so nothing of it is lost.",
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
                io.Video.Input("video", tooltip="The picture."),
                io.Audio.Input("audio", optional=True, tooltip="The sound. Nothing connected keeps the video's own."),
                io.String.Input(
                    "filename_prefix",
                    default="DeepSound/video",
                    tooltip="How the file's name begins, below the output folder; '/' makes a subfolder.",
                ),
                io.Combo.Input(
                    "container",
                    options=list(CONTAINERS),
                    default="auto",
                    tooltip="The kind of file; auto takes mp4, unless the picture does not fit in it.",
                    **supported_kwargs(io.Combo.Input, advanced=True),
                ),
                io.Combo.Input(
                    "codec",
                    options=list(CODECS),
                    default="auto",
                    tooltip="How the sound is stored; auto takes the usual one for the container.",
                    **supported_kwargs(io.Combo.Input, advanced=True),
                ),
            ],
            outputs=[output(io.Video, "saved", "The saved file.", label="video")],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo, io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, filename_prefix: str | None = None) -> bool | str:
        try:
            if filename_prefix is not None:
                host_folders.check_prefix(filename_prefix)
        except DeepSoundError as error:
            return str(error)
        return True

    @classmethod
    def execute(
        cls,
        video: Any,
        filename_prefix: str,
        container: str,
        codec: str,
        audio: Any = None,
    ) -> io.NodeOutput:
        from deepsound.media.formats import default_container
        from deepsound.media.mux import mux

        require_option("container", container, CONTAINERS)
        require_option("codec", codec, tuple(CODECS))
        progress = comfy_host.progress(cls.hidden.unique_id, "write")
        clip = clip_of(video, progress)
        sound = clip.audio(progress) if audio is None else audio_of(audio)
        suffix = default_container(clip.path) if container == "auto" else f".{container}"
        target = host_folders.output_target(filename_prefix, suffix, clip.video.width, clip.video.height)
        muxed = mux(
            clip.path,
            sound,
            target.path,
            start_s=clip.start_s,
            duration_s=clip.duration_s,
            audio_codec=CODECS[codec],
            metadata=comfy_host.metadata(cls.hidden),
            progress=progress,
        )
        note = _note(target, muxed)
        shown = ui.SavedResult(target.name, target.subfolder, io.FolderType.output)
        return io.NodeOutput(
            InputImpl.VideoFromFile(str(target.path)),
            ui={"images": [shown], "animated": (True,), "deepsound": [{"note": note}]},
        )


def _note(target: host_folders.Target, muxed: Muxed) -> str:
    """What was saved, and whether anything of the picture was lost."""
    picture = (
        f"picture encoded again as H.264, because {muxed.reencoded_because}"
        if muxed.reencoded_because
        else "picture copied as it is"
    )
    sound = muxed.audio
    heard = f"{muxed.audio_codec}, {sound.sample_rate} Hz, {sound.duration_s:.3f} s" if sound is not None else "none"
    return f"{'/'.join(part for part in (target.subfolder, target.name) if part)}\n{picture} · sound: {heard}"
