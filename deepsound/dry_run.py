"""Dry run: the engines, weights, memory and files of a run; nothing is loaded or written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from deepsound.arguments import check_arguments, with_plain_numbers
from deepsound.choices import MODE_NAMES, PICK_NAMES, VOICE_DECISION_NAMES
from deepsound.fallback import DEFAULT_FALLBACK, fallback_mode
from deepsound.media.clip import Clip
from deepsound.media.formats import AUTO
from deepsound.media.length_policy import DEFAULT_LENGTH
from deepsound.outcome import Choices, Fallback, Mode
from deepsound.outputs.extras import Extras
from deepsound.outputs.naming import DEFAULT_TEMPLATE, STEM_FORMATS, fields_of
from deepsound.pipeline import Pipeline
from deepsound.preparation import OutputOptions, StepOptions, check_takes, prepare, take_template
from deepsound.runtime.json_schemas import SCHEMAS, VERSION_KEY
from deepsound.runtime.seeds import consecutive_seeds, seed_note
from deepsound.separate.removal import RemovalSettings
from deepsound.types import GenerationRequest
from deepsound.weights.catalogue import needed_by
from deepsound.weights.locate import find
from deepsound.weights.memory_estimate import footprint
from deepsound.weights.missing import MissingWeightsError
from deepsound.weights.search_paths import SearchPaths, default_search_paths

# Files of steps that a run may not need: which of them it leaves is known when it has judged.
_OF_STEPS = (".step3.", ".neg.", ".voice.", ".01_final.", ".03_voice.", ".04_background.", ".05_regenerated.")


@dataclass(frozen=True)
class NeededWeights:
    """One entry of the catalogue that a run's engines need: where it is (None: missing), bytes to fetch, licence."""

    id: str
    path: Path | None
    bytes: int | None
    licence: str
    memory: dict[str, int | None]


@dataclass(frozen=True)
class DryRun:
    """What a run would do.

    `duration_s` seconds of `video` get their sound. `files` will be left, `perhaps` only where a step needs them, and
    `replaced` are of either kind and there already.
    """

    video: Path
    duration_s: float
    choices: Choices
    notes: tuple[str, ...]
    weights: tuple[NeededWeights, ...]
    files: tuple[Path, ...]
    perhaps: tuple[Path, ...]
    replaced: tuple[Path, ...]

    @property
    def memory(self) -> dict[str, int]:
        """Bytes that the weights of all engines take together by precision, as far as the catalogue states them."""
        return _sum(entry.memory for entry in self.weights)

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {
            "dry_run": True,
            VERSION_KEY: SCHEMAS["dry_run"].version,
            **{("engines" if name == "choices" else name): value for name, value in asdict(self).items()},
            "video": str(self.video),
            "weights": [{**asdict(one), "path": None if one.path is None else str(one.path)} for one in self.weights],
            **{name: list(map(str, getattr(self, name))) for name in ("files", "perhaps", "replaced")},
            "memory": self.memory,
        }


@with_plain_numbers
def dry_run(
    pipeline: Pipeline,
    video: str | Path,
    output_dir: str | Path = "outputs",
    *,
    explicit: dict[str, Path] | None = None,
    mode: Mode = MODE_NAMES[0],
    fallback: Fallback = DEFAULT_FALLBACK,
    scope: str = "",
    spans: str = "",
    seed: int = 42,
    start_s: float = 0.0,
    duration_s: float | None = None,
    write_video: bool = True,
    container: str = AUTO,
    length: str = DEFAULT_LENGTH,
    audio_track: int | None = None,
    downmix: str | None = None,
    output_template: str = DEFAULT_TEMPLATE,
    overwrite: bool = True,
    pictures: bool = False,
    step_videos: bool = False,
    stems: bool = False,
    stem_format: str = STEM_FORMATS[0],
    timeline: bool = False,
    voice_decision: str = VOICE_DECISION_NAMES[0],
    removal_db: float | None = None,
    keep_ambience: bool = False,
    takes: int = 1,
    pick: str | None = None,
    **unused: object,
) -> DryRun:
    """What `Pipeline.run` with these arguments would do, after the same checks. Raises what it raises before its work.

    `explicit` are weights named by id. Of the arguments that change neither engines nor files (prompts), only what a
    generator does not use of them is said.
    """
    # Takes without a pick are finished one by one, each by a run that picks nothing.
    check_arguments({**locals(), **unused, "pick": pick or PICK_NAMES[0]})
    fields_of(output_template)
    check_takes(takes, pick)
    clip = Clip.open(video, start_s, duration_s, audio_track, downmix)
    steps = StepOptions(mode, fallback, scope, spans, voice_decision, RemovalSettings(removal_db, keep_ambience))
    extras = Extras(step_videos, stems, stem_format, timeline)
    output = OutputOptions(write_video, overwrite, output_template, pictures, container, length, extras)
    selection, count = pipeline.select(clip), takes if pick is None else 1
    # Missing weights are listed in the answer; what else is wrong with files is raised, as by the run.
    with suppress(MissingWeightsError):
        pipeline.check_files(selection.choices)
    final: list[Path] = []
    replaced: list[Path] = []
    unused_notes = pipeline.unused(selection.choices, _request(seed, unused))
    notes = dict.fromkeys(note for note in (seed_note(seed), *selection.notes, *unused_notes) if note)
    for number, own in enumerate(consecutive_seeds(seed, count)):
        named = replace(output, template=take_template(output_template, number + 1, count))
        ready = prepare(clip, lambda clip: selection, own, steps, Path(output_dir), named)
        names, there = ready.staging.check()
        final += (path for path in names if _may_come(path, steps))
        replaced += there
        notes |= dict.fromkeys(ready.notes)
    perhaps = tuple(path for path in final if any(step in path.name[len(clip.path.stem) :] for step in _OF_STEPS))
    files = tuple(path for path in final if path not in perhaps)
    weights = _weights(selection.choices, default_search_paths(explicit))
    return DryRun(clip.path, clip.duration_s, selection.choices, tuple(notes), weights, files, perhaps, tuple(replaced))


def _request(seed: int, given: Mapping[str, Any]) -> GenerationRequest:
    """What the generator would be asked for, of `Pipeline.run`'s arguments that change no file."""
    names = ("prompt", "negative_prompt", "steps", "guidance", "window_s")
    return GenerationRequest(seed=seed, **{name: given[name] for name in names if name in given})


def _may_come(path: Path, steps: StepOptions) -> bool:
    """Whether a run can leave the file: a sound that is generated again is some fallbacks' alone."""
    of_fallback = ".neg." in path.name or ".05_regenerated." in path.name
    return not of_fallback or (steps.falls_back and fallback_mode(steps.fallback).regenerates)


def _weights(choices: Choices, places: SearchPaths) -> tuple[NeededWeights, ...]:
    names = (choices.generator.name, choices.reasoner.name, choices.separator.name)
    entries = {entry.id: entry for name in names for entry in needed_by(name)}
    return tuple(
        NeededWeights(entry.id, find(entry, places), entry.size, str(entry.licence), footprint(entry))
        for entry in entries.values()
    )


def _sum(footprints: Iterable[dict[str, int | None]]) -> dict[str, int]:
    total = {"fp32": 0, "bf16": 0}
    for one in footprints:
        for precision in total:
            total[precision] += one[precision] or 0
    return total
