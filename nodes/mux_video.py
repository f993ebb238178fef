"""DeepSoundMuxVideo: saves a video with its new sound and shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import InputImpl, io, ui

from deepsound.errors import DeepSoundError, InputError
from deepsound.media.formats import CONTAINER_CHOICES, CONTAINER_NAMES
from deepsound.media.length_policy import DEFAULT_LENGTH, LENGTH_NAMES, LENGTHS

from . import comfy_host, host_folders
from .convert import audio_of, clip_of
from .schema import DOWNMIXES, downmix_input, option_input, output, require_option, schema, supported_kwargs

if TYPE_CHECKING:
    from deepsound.media.mux import Muxed
    from deepsound.types import Audio

_USUAL_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
CODECS = {"auto": None, "aac": "aac", "opus": "opus", "flac": "flac", "pcm": "pcm_s16le"}


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
                io.Video.Input("video", tooltip="The picture."),
                io.Audio.Input("audio", optional=True, tooltip="The sound. Nothing connected keeps the video's own."),
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
        length: str = DEFAULT_LENGTH,
        downmix: str = "keep",
    ) -> io.NodeOutput:
        from deepsound.media.downmix import check_channels
        from deepsound.media.mux import mux_clip
        from deepsound.media.mux_plan import plan_mux

        host_folders.check_prefix(filename_prefix)
        require_option("container", container, CONTAINER_NAMES)
        require_option("codec", codec, tuple(CODECS))
        require_option("length", length, LENGTH_NAMES)
        require_option("downmix", downmix, tuple(DOWNMIXES))
        progress = comfy_host.progress(cls.hidden.unique_id, "write")
        clip = clip_of(video, progress)
        plan = plan_mux(clip, container, CODECS[codec], progress=progress)
        sound = clip.audio(progress) if audio is None else audio_of(audio)
        if sound is not None:
            sound = mixed_down(sound, downmix)
            check_channels("audio", sound.channels, None)
        target = host_folders.output_target(filename_prefix, plan.container.suffix, clip.video.width, clip.video.height)
        muxed = mux_clip(
            clip,
            sound,
            target.path,
            CODECS[codec],
            comfy_host.metadata(cls.hidden),
            progress,
            length,
            container_why=plan.why,
        )
        note = _note(target, muxed)
        shown = ui.SavedResult(target.name, target.subfolder, io.FolderType.output)
        return io.NodeOutput(
            InputImpl.VideoFromFile(str(target.path)),
            ui={"images": [shown], "animated": (True,), "deepsound": [{"note": note}]},
        )


def mixed_down(sound: Audio, downmix: str) -> Audio:
    """The sound with the menu's mix of its channels, whose speakers are the usual ones of their number if not known."""
    import av
    import torch

    from deepsound.media.downmix import downmix_matrix
    from deepsound.types import Audio

    mix = DOWNMIXES[downmix]
    if mix is None or sound.channels == (1 if mix == "mono" else 2):
        return sound
    layout = sound.layout or av.AudioLayout(_USUAL_LAYOUTS.get(sound.channels, "stereo")).name
    speakers = [channel.name for channel in av.AudioLayout(layout).channels]
    if len(speakers) != sound.channels:
        raise InputError(f"downmix: expected 1 to 8 channels, got {sound.channels}; leave it at keep.")
    return Audio(torch.from_numpy(downmix_matrix(speakers, mix)) @ sound.waveform, sound.sample_rate)


def _note(target: host_folders.Target, muxed: Muxed) -> str:
    """Where it was saved, and what became of everything the video held."""
    name = "/".join(part for part in (target.subfolder, target.name) if part)
    return "\n".join([name, *muxed.report.lines()])
