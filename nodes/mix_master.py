"""DeepSoundMixMaster: mixes original and generated sound at a destination's loudness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from deepsound.media.length_policy import LENGTHS
from deepsound.mix.settings import LOUDNESS_TARGETS, RANGES, MixSettings
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

from . import comfy_host
from .convert import audio_of, audios_of, clip_of
from .listen import with_players
from .notes import run_summary
from .schema import option_input, output, schema
from .takes import batch_of, take_stage
from .values import refusal_of

if TYPE_CHECKING:
    from deepsound.mix.mastering import Master

# input, step, tooltip
_NUMBERS = (
    ("original_gain_db", 0.5, "How much louder or quieter the original sound is, in dB."),
    ("generated_gain_db", 0.5, "How much louder or quieter the generated sound is, in dB."),
    (
        "ducking_db",
        0.5,
        "How far the generated sound goes down while somebody speaks in the original one, in dB; 0 leaves it.",
    ),
    ("fade_in_s", 0.1, "How long the result rises from silence at its start, in seconds."),
    ("fade_out_s", 0.1, "How long the result falls to silence at its end, in seconds."),
    ("stereo_width", 0.05, "Width of the generated sound: 0 is mono, 1 as it is, 2 twice as wide."),
)


class MixMaster(io.ComfyNode):
    """Mixes two sounds with ducking, fades and width, and masters the result."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundMixMaster",
            "Mix and Master (DeepSound)",
            description="The original sound under the generated one, turned down or up where you say, at the loudness "
            "its destination wants and with no peak above the ceiling. Meters before and after stand on the node.",
            search_aliases=[
                "mix audio",
                "mastering",
                "loudness",
                "normalize",
                "LUFS",
                "limiter",
                "ducking",
                "sidechain",
                "fade in",
                "fade out",
                "stereo width",
                "keep original sound",
                "ambience",
            ],
            inputs=[
                io.Audio.Input("generated", tooltip="The new sound; each take of a batch is mixed on its own."),
                io.Audio.Input(
                    "original", optional=True, tooltip="The sound under it, such as the film's own. May stay empty."
                ),
                io.Video.Input(
                    "video", optional=True, tooltip="The picture, whose length the sound gets. May stay empty."
                ),
                *(_number_input(*row) for row in _NUMBERS),
                option_input("loudness", LOUDNESS_TARGETS, "How loud the result is."),
                _number_input("ceiling_dbtp", 0.1, "No true peak of the result is above this, in dBTP."),
                option_input("length", LENGTHS, "Where a sound and the picture do not last equally long."),
            ],
            outputs=[
                output(io.Audio, "master", "The finished sound; the takes stay a batch.", label="audio"),
                output(io.String, "report", "What was measured and done, to read or to show."),
                output(io.Float, "lufs", "Integrated loudness of each take in LUFS; None for silence.", per_take=True),
                output(io.Float, "true_peak", "True peak of each take in dBTP; None for silence.", per_take=True),
            ],
            hidden=[io.Hidden.unique_id, io.Hidden.extra_pnginfo],
        )

    @classmethod
    def validate_inputs(
        cls,
        original_gain_db: float | None = None,
        generated_gain_db: float | None = None,
        ducking_db: float | None = None,
        fade_in_s: float | None = None,
        fade_out_s: float | None = None,
        stereo_width: float | None = None,
        ceiling_dbtp: float | None = None,
    ) -> bool | str:
        return refusal_of(**locals())

    @classmethod
    def execute(
        cls,
        generated: Any,
        original_gain_db: float,
        generated_gain_db: float,
        ducking_db: float,
        fade_in_s: float,
        fade_out_s: float,
        stereo_width: float,
        loudness: str,
        ceiling_dbtp: float,
        length: str,
        original: Any = None,
        video: Any = None,
    ) -> io.NodeOutput:
        gains = (original_gain_db, generated_gain_db, ducking_db)
        settings = MixSettings(*gains, fade_in_s, fade_out_s, stereo_width, loudness, ceiling_dbtp, length)
        progress = comfy_host.progress(cls.hidden.unique_id, "mix")
        picture_s = None if video is None else clip_of(video, progress).duration_s
        under = None if original is None else audio_of(original, "original")
        masters = _masters(audios_of(generated, "generated"), under, settings, picture_s, progress)
        return io.NodeOutput(
            batch_of([master.audio for master in masters], progress),
            "\n".join(line for master in masters for line in [*_lines(master), *master.notes]),
            [master.meters[-1].loudness.integrated_lufs for master in masters],
            [master.meters[-1].loudness.true_peak_dbtp for master in masters],
            ui=with_players(_ui(masters, progress), cls.hidden, master=[master.audio for master in masters]),
        )


def _masters(
    sounds: list[Audio], under: Audio | None, settings: MixSettings, picture_s: float | None, progress: Progress
) -> list[Master]:
    from deepsound.mix.mastering import mix_and_master

    return [
        mix_and_master(sound, under, settings, picture_s, take_stage(progress, take, len(sounds)))
        for take, sound in enumerate(sounds)
    ]


def _ui(masters: list[Master], progress: Progress) -> dict[str, Any]:
    """The meters of each take for the page, with the run's notes in the first one's."""
    rows = [{"meters": _meters(master)} for master in masters]
    notes = [note for master in masters for note in master.notes]
    rows[0].update(run_summary(progress, notes, "\n".join(line for master in masters for line in _lines(master))))
    return {"deepsound": rows}


def _meters(master: Master) -> list[dict[str, Any]]:
    return [
        {
            "name": meter.name,
            "lufs": meter.loudness.integrated_lufs,
            "true_peak_dbtp": meter.loudness.true_peak_dbtp,
        }
        for meter in master.meters
    ]


def _lines(master: Master) -> list[str]:
    """Such as "master: -14.0 LUFS, -1.2 dBTP", one for each meter."""
    return [
        f"{meter.name}: {_level(meter.loudness.integrated_lufs, 'LUFS')}, "
        f"{_level(meter.loudness.true_peak_dbtp, 'dBTP')}"
        for meter in master.meters
    ]


def _level(value: float | None, unit: str) -> str:
    return f"no {unit}" if value is None else f"{value:.1f} {unit}"


def _number_input(name: str, step: float, tooltip: str) -> io.Float.Input:
    low, high = RANGES[name]
    default = MixSettings.__dataclass_fields__[name].default
    return io.Float.Input(name, default=default, min=low, max=high, step=step, tooltip=tooltip)
