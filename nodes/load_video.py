"""DeepSoundLoadVideo: a video from the input folder, or a part of it, with its sound."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from deepsound.errors import DeepSoundError
from deepsound.types import Audio

from . import comfy_host, host_folders
from .convert import to_comfy, video_of
from .listen import with_players
from .notes import notes_ui
from .schema import DOWNMIXES, downmix_input, output, require_option, schema, seconds_input, supported_kwargs
from .sound_memory import SILENT_RATE_HZ, check_sound_memory
from .values import check_values, refusal_of


class LoadVideo(io.ComfyNode):
    """Opens a video by its name in ComfyUI's input folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundLoadVideo",
            "Load Video (DeepSound)",
            description="A video from the input folder, whole or a part of it, and its own sound.",
            search_aliases=["open video", "upload video", "source audio", "extract audio", "trim video", "cut video"],
            inputs=[
                io.Combo.Input(
                    "file",
                    options=host_folders.input_videos(),
                    upload=io.UploadType.video,
                    tooltip="A video in ComfyUI's input folder. Use the button to upload one.",
                ),
                seconds_input("start", "Where the part begins, in seconds."),
                seconds_input("duration", "How long the part is, in seconds; 0 means to the end."),
                io.Int.Input(
                    "audio_track",
                    default=0,
                    min=0,
                    max=99,
                    optional=True,
                    tooltip="Which of the video's sound tracks: 1 is the first. 0 takes the default one. ComfyUI's own "
                    "nodes read the default one whatever is chosen here.",
                    **supported_kwargs(io.Int.Input, advanced=True),
                ),
                downmix_input("Mix the channels down to two or to one; keep leaves them as they are."),
            ],
            outputs=[
                output(io.Video, "video", "The chosen part of the video."),
                output(io.Audio, "audio", "Its own sound; silence of the same length when it has none."),
                output(io.Float, "length", "The part's length in seconds.", label="duration"),
                output(io.Float, "fps", "Frames per second."),
            ],
            hidden=[io.Hidden.unique_id, io.Hidden.extra_pnginfo],
        )

    @classmethod
    def validate_inputs(
        cls, file: str | None = None, start: float | None = None, duration: float | None = None
    ) -> bool | str:
        try:
            if file is not None:  # A connected name is only known when the run is under way.
                host_folders.input_path(file)
        except DeepSoundError as error:
            return str(error)
        return refusal_of(cls, start=start, duration=duration)

    @classmethod
    def fingerprint_inputs(cls, file: str | None, **_: Any) -> tuple[int, int] | float:
        if file is None:
            return float("nan")
        status = host_folders.input_path(file).stat()
        return status.st_mtime_ns, status.st_size

    @classmethod
    def execute(
        cls, file: str, start: float, duration: float, audio_track: int = 0, downmix: str = "keep"
    ) -> io.NodeOutput:
        from deepsound.media.clip import Clip

        check_values(cls, start=start, duration=duration, audio_track=audio_track)
        require_option("downmix", downmix, tuple(DOWNMIXES))
        progress = comfy_host.progress(cls.hidden.unique_id, "read")
        track = audio_track or None
        clip = Clip.open(host_folders.input_path(file), start, duration or None, track, DOWNMIXES[downmix])
        facts = {"fps": float(clip.video.fps), "duration": clip.video.duration_s}
        comfy_host.send_event("video", cls.hidden.unique_id, file=file, facts=facts)
        check_sound_memory(clip, progress)
        sound = clip.audio(progress)
        notes = [*clip.info.warnings, *clip.info.left_out]
        has_sound = sound is not None
        if sound is None:
            notes.append("This video has no sound of its own: the audio output is silence.")
            sound = _silence(clip.duration_s)
        shown = video_of(clip, progress)
        progress.update(1.0)
        return io.NodeOutput(
            shown,
            to_comfy(sound),
            clip.duration_s,
            float(clip.video.fps),
            ui=with_players(notes_ui(progress, notes), cls.hidden, audio=[sound] if has_sound else []),
        )


def _silence(duration_s: float) -> Audio:
    from deepsound.runtime.sample_memory import zeros

    return Audio.from_numpy(zeros(1, max(1, round(duration_s * SILENT_RATE_HZ))), SILENT_RATE_HZ)
