"""Preparation of a run: checks before the work, engines, output files; the dry run's too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deepsound import choices as tables
from deepsound.errors import InputError
from deepsound.fallback import DEFAULT_FALLBACK, fallback_mode
from deepsound.media.clip import Clip
from deepsound.media.formats import AUTO
from deepsound.media.length_policy import DEFAULT_LENGTH, sounding_clip
from deepsound.media.mux_plan import MuxPlan, plan_mux
from deepsound.outcome import Choices, Fallback, Mode
from deepsound.outputs import OutputStaging
from deepsound.outputs.extras import Extras
from deepsound.outputs.naming import DEFAULT_TEMPLATE, fields_of
from deepsound.rank.limits import MOST_TAKES
from deepsound.repair.plan import parse_user_segments, spans_past_the_end
from deepsound.runtime.progress import Progress
from deepsound.selection import Selection
from deepsound.separate.removal import RemovalSettings


@dataclass(frozen=True)
class StepOptions:
    """How far a run goes, what it falls back to, what it repairs ("": the preset's scope), and a span list.

    `voice_decision` may decide step 2 without a judge, `removal` is how much of a voice is removed.
    """

    mode: Mode = tables.MODE_NAMES[0]
    fallback: Fallback = DEFAULT_FALLBACK
    scope: str = ""
    spans: str = ""
    voice_decision: str = tables.VOICE_DECISION_NAMES[0]
    removal: RemovalSettings = RemovalSettings()

    @property
    def falls_back(self) -> bool:
        """Whether the mode has step 4."""
        return tables.option("mode", self.mode, tables.MODES).falls_back

    def check(self) -> None:
        """Raise InputError for a mode, fallback, scope or voice decision that does not exist."""
        tables.option("mode", self.mode, tables.MODES)
        if self.scope:
            tables.option("scope", self.scope, tables.SCOPES)
        tables.option("voice_decision", self.voice_decision, tables.VOICE_DECISIONS)
        fallback_mode(self.fallback)


@dataclass(frozen=True)
class OutputOptions:
    """What a run leaves in its output folder, and under which names."""

    write_video: bool = True
    overwrite: bool = True
    template: str = DEFAULT_TEMPLATE
    pictures: bool = False
    container: str = AUTO
    length: str = DEFAULT_LENGTH
    extras: Extras = Extras()


@dataclass(frozen=True)
class PreparedRun:
    """A run whose input and options are valid: the part of the video that gets sound, engines, files, losses."""

    clip: Clip
    selection: Selection
    staging: OutputStaging
    losses: tuple[str, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What the finished file loses, and, once the staging has looked, what it replaces."""
        return (*self.losses, *filter(None, (self.staging.note,)))


def clip_of(
    video: str | Path | Clip,
    start_s: float = 0.0,
    duration_s: float | None = None,
    audio_track: int | None = None,
    downmix: str | None = None,
) -> Clip:
    """The clip that a run is on: opened, or as it was given, with its own window, track and mix.

    Raises InputError for another window, track or mix beside a Clip, and what Clip.open raises.
    """
    if not isinstance(video, Clip):
        return Clip.open(video, start_s, duration_s, audio_track, downmix)
    given = {"start_s": start_s or None, "duration_s": duration_s, "audio_track": audio_track, "downmix": downmix}
    beside = {name: value for name, value in given.items() if value is not None}
    if beside:
        name, value = next(iter(beside.items()))
        raise InputError(
            f"{name}: expected none beside a Clip, which has a window, track and mix of its own, got {value!r}; give "
            f"it to Clip.open, or give the path in place of the Clip."
        )
    return video


def prepare(
    clip: Clip,
    select: Callable[[Clip], Selection],
    seed: int,
    steps: StepOptions,
    output_dir: Path,
    output: OutputOptions,
    progress: Progress = Progress(),
) -> PreparedRun:
    """Check a run on `clip` and choose its engines by `select`; nothing is loaded or written.

    Raises a DeepSoundError for what the run could not do.
    """
    sounding, said = sounding_clip(clip, output.length)
    output.extras.check()
    video = output.write_video or output.extras.step_videos
    quiet = Progress(check=progress.check)
    container, length = output.container, output.length
    # Every packet of the file is looked at: once for all takes.
    plan = (
        clip.remember(("mux plan", container, length), lambda: plan_mux(clip, container, progress=quiet, length=length))
        if video
        else MuxPlan()
    )
    steps.check()
    parse_user_segments(steps.spans, clip.duration_s)
    cut = spans_past_the_end(steps.spans, clip.duration_s)
    selection = select(clip)
    staging = OutputStaging(
        clip,
        output_dir,
        output.write_video,
        template=output.template,
        values=template_values(clip, selection.choices, seed, steps),
        overwrite=output.overwrite,
        pictures=output.pictures,
        video_suffix=plan.container.suffix,
        container_why=plan.why,
        length=output.length,
        extras=output.extras,
    )
    return PreparedRun(sounding, selection, staging, (*plan.lines(), *filter(None, (said,)), *cut))


def template_values(clip: Clip, choices: Choices, seed: int, steps: StepOptions) -> dict[str, str | int]:
    """The fields of the output template that are known before the work, without the video's own."""
    return {
        "seed": seed,
        "generator": choices.generator.name,
        "reasoner": choices.reasoner.name,
        "separator": choices.separator.name,
        "mode": steps.mode,
        "fallback": steps.fallback,
        "start": f"{clip.start_s:g}",
    }


def check_takes(count: int, pick: str | None = None) -> None:
    """Raise InputError for a count from which no takes can be made or picked."""
    if not 1 <= count <= MOST_TAKES:
        raise InputError(f"expected 1 to {MOST_TAKES} takes, got {count}; choose a number in between.")
    if pick is not None and count == 1:
        raise InputError(f"pick: expected 2 takes or more to pick the best by {pick!r}, got 1; set takes to 2 or more.")


def take_template(template: str, number: int, count: int) -> str:
    """The output template of one take of several: numbered, unless the seed tells takes apart. Raises InputError."""
    is_told_apart = count == 1 or "seed" in fields_of(template)
    return template if is_told_apart else f"{template}.take{number}"
