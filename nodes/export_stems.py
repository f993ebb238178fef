"""DeepSoundExportStems: aligned stems, and a timeline of them, for a video editor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from deepsound.choices import Option
from deepsound.errors import DeepSoundError, InputError
from deepsound.outputs.naming import STEM_NAMES
from deepsound.repair.plan import KEEP, parse_user_segments
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

from . import comfy_host, host_folders
from .convert import audios_of, clip_of
from .notes import run_summary
from .schema import option_input, output, schema
from .span_lists import segments_input
from .takes import take_stage

if TYPE_CHECKING:
    from deepsound.media.clip import Clip

PREFIX = "DeepSound/stems"
FORMATS = (
    Option("wav", "WAV, 32 bit float", "32-bit float, samples as they are"),
    Option("flac", "FLAC, 24 bit", "24 bit, smaller; all stems are turned down alike where one is beyond full scale"),
)
_STEMS = {
    "final": "The finished sound.",
    "coarse": "The sound of step 1.",
    "voice": "The removed voice.",
    "background": "The sound without the voice.",
    "regenerated": "A sound that was generated again.",
    "original": "The film's own sound.",
}
_NO_TIMELINE_RATE = 25


class ExportStems(io.ComfyNode):
    """Saves the sounds as files of one rate and length, which an editor lays on its tracks."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundExportStems",
            "Export Stems (DeepSound)",
            description="Saves the sounds in the output folder as numbered files of one rate and length (01_final, "
            "02_coarse, 03_voice, ...), for DaVinci Resolve, Premiere or Reaper; on wish with a timeline (OTIO).",
            search_aliases=["stems", "export audio", "save audio", "OTIO", "timeline", "edit list", "DAW"],
            inputs=[
                io.Audio.Input("final", tooltip=f"{_STEMS['final']} Each take of a batch gets files of its own."),
                *(io.Audio.Input(name, optional=True, tooltip=_STEMS[name]) for name in STEM_NAMES[1:]),
                io.Video.Input("video", optional=True, tooltip="The picture, for the timeline."),
                io.String.Input(
                    "filename_prefix",
                    default=PREFIX,
                    tooltip="How the files' names begin, below the output folder; '/' makes a subfolder.",
                ),
                option_input("stem_format", FORMATS, "The kind of file."),
                io.Boolean.Input(
                    "timeline",
                    default=False,
                    tooltip="Save an .otio timeline too, with picture, stems and the spans as markers; needs the "
                    "package opentimelineio.",
                ),
                segments_input("Markers of the timeline, such as another node's segments."),
            ],
            outputs=[output(io.String, "files", "The saved files, one in each line.")],
            hidden=[io.Hidden.unique_id],
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
        final: Any,
        filename_prefix: str,
        stem_format: str,
        timeline: bool,
        coarse: Any = None,
        voice: Any = None,
        background: Any = None,
        regenerated: Any = None,
        original: Any = None,
        video: Any = None,
        spans: str = "",
    ) -> io.NodeOutput:
        from deepsound.outputs.extras import Extras

        Extras(stem_format=stem_format, timeline=timeline).check()
        progress = comfy_host.progress(cls.hidden.unique_id, "write")
        sounds = (final, coarse, voice, background, regenerated, original)
        takes = _takes(dict(zip(STEM_NAMES, sounds, strict=True)))
        clip = None if video is None else clip_of(video, progress)
        names = []
        for number, stems in enumerate(takes):
            stage = take_stage(progress, number, len(takes))
            names += _save(stems, clip, filename_prefix, stem_format, spans if timeline else None, stage)
        text = "\n".join(names)
        return io.NodeOutput(text, ui={"deepsound": [{"note": text, **run_summary(progress)}]})


def _takes(inputs: Mapping[str, Any]) -> list[dict[str, Audio | None]]:
    """The stems of each take; one sound of another input stands for all takes. Raises InputError for other numbers."""
    given = {name: list(audios_of(value, name)) for name, value in inputs.items() if value is not None}
    count = len(given[STEM_NAMES[0]])
    for name, sounds in given.items():
        if len(sounds) not in (1, count):
            raise InputError(f"{name}: expected 1 or {count} takes as in 'final', got {len(sounds)}; connect as many.")
    return [{name: sounds[take if len(sounds) > 1 else 0] for name, sounds in given.items()} for take in range(count)]


def _save(
    stems: Mapping[str, Audio | None],
    clip: Clip | None,
    prefix: str,
    stem_format: str,
    spans: str | None,
    progress: Progress,
) -> list[str]:
    """Write one take's files, with a timeline where `spans` is a text, and return their names below output."""
    from deepsound.outputs.stems import write_stems

    size = (clip.video.width, clip.video.height) if clip is not None else (0, 0)
    target = host_folders.output_target(prefix, "", *size)
    paths = write_stems(stems, target.path.parent, target.name, stem_format, progress)
    made = list(paths.values())
    if spans is not None:
        made.append(_save_timeline(target.path, paths, stems, clip, spans))
    return ["/".join(filter(None, (target.subfolder, path.name))) for path in made]


def _save_timeline(
    stem: Path, paths: Mapping[str, Path], stems: Mapping[str, Audio | None], clip: Clip | None, spans: str
) -> Path:
    from deepsound.outputs.timeline import Marker, Picture, timeline_text, write_timeline

    duration_s = max(sound.duration_s for sound in stems.values() if sound is not None)
    segments = parse_user_segments(spans, duration_s) or ()
    markers = [
        Marker(each.span, each.action or each.verdict.value, each.why) for each in segments if each.action != KEEP
    ]
    picture = None if clip is None else Picture(clip.path, clip.video.fps, clip.duration_s, clip.start_s)
    rate = _NO_TIMELINE_RATE if clip is None else clip.video.fps
    path = stem.with_name(f"{stem.name}.otio")
    write_timeline(path, timeline_text(stem.name, stem.parent, paths, rate, duration_s, picture, markers))
    return path
