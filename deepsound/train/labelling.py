"""Labels clips for training: the judged sound, its category, and what the label rests on.

A clip that cannot be read or judged is counted and named, where the original swaps in a random other one; a copy of a
clip that was labelled already is named and left out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deepsound.engine_protocols import Generator, Reasoner
from deepsound.errors import Cancelled, DeepSoundError, EngineError, InputError, MissingPackage, OutputError
from deepsound.media.audio import decode_audio
from deepsound.media.clip import Clip
from deepsound.media.files import require_writable
from deepsound.media.mux import mux_clip
from deepsound.reason.cot import Category
from deepsound.runtime.digests import file_digests
from deepsound.runtime.paths import escaped, is_dir, is_file
from deepsound.runtime.progress import Progress
from deepsound.silence import measure
from deepsound.train.cot_items import CotItem, answer_of, evidence_of, items_of_clip
from deepsound.train.item_checks import ItemProblem, problem_of
from deepsound.train.recorded_labels import RecordedLabel
from deepsound.train.splits import source_of
from deepsound.types import Audio, GenerationRequest, Judgement, Verdict
from deepsound.weights.missing import MissingWeightsError

VIDEOS = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v"})
MEDIA = "media"
# So many failures alike of an engine, and nothing else: the other clips would fail too.
_ENGINE_FAULTS_ALLOWED = 3
# A sound may be a frame shorter or longer than its picture.
_SAME_LENGTH_S = 0.15


@dataclass(frozen=True)
class Labeller:
    """How clips are labelled: by a `reasoner`, or by `categories` that are known by path; `name` goes with each item.

    With `recorded` runs by path, judge, judgement and sound are those of the run; `problems` are those found before.

    `frames` is how many frames the reasoner looks at, where that is known. With a `generator` the clip's coarse sound
    is generated first, as eq. 7 of the paper has it, and put under a copy.
    """

    name: str
    reasoner: Reasoner | None = None
    categories: Mapping[Path, str] = field(default_factory=dict)
    generator: Generator | None = None
    generator_name: str = "own"
    request: GenerationRequest = GenerationRequest()
    frames: int | None = None
    recorded: Mapping[Path, RecordedLabel] = field(default_factory=dict)
    problems: tuple[ItemProblem, ...] = ()


@dataclass
class LabelledData:
    """What became of each clip."""

    items: list[CotItem] = field(default_factory=list)
    unreadable: list[ItemProblem] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    unchanged: int = 0


def clips_in(folder: Path) -> list[Path]:
    """The videos below a folder, in order of their paths. Raises InputError where there is none."""
    if not is_dir(folder):
        raise InputError(f"expected a folder of clips, got {escaped(folder)}; there is no such folder.")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEOS and is_file(path))
    if not found:
        raise InputError(f"expected videos below {escaped(folder)}, got none; name the folder they are in.")
    return found


def label_clips(
    clips: Sequence[Path],
    labeller: Labeller,
    out: Path,
    known: Sequence[CotItem],
    progress: Progress,
    on_items: Callable[[Sequence[CotItem]], None] = lambda items: None,
) -> LabelledData:
    """Items of all `clips`, for the data set in `out`; `known` are its items so far, which stay as they are.

    `on_items` is given the items of each clip as soon as they are there. Raises OutputError where the folder or its
    disk refuses, EngineError where weights or a package are missing, and where the first clips fail alike.
    """
    require_writable(out)
    data = LabelledData(items=list(known), unreadable=list(labeller.problems))
    made_of = {item.evidence.get("clip"): item for item in known}
    digests: dict[str, str] = {}
    taken = {item.id.rpartition("-")[0] for item in known}
    for clip in progress.track(list(clips), len(clips)):
        try:
            digest = file_digests(clip, ("sha256",), Progress(check=progress.check))["sha256"][:32]
            if digest in digests:
                data.duplicates.append((escaped(clip), digests[digest]))
                continue
            digests[digest] = escaped(clip)
            if digest in made_of:
                data.unchanged += 1
                continue
            name = _free_name(clip.stem, taken)
            items = _label(clip, name, digest, labeller, out, progress)
            on_items(items)
            data.items += items
            taken.add(name)
        except (Cancelled, OutputError, MissingPackage, MissingWeightsError):
            raise
        except (DeepSoundError, OSError) as error:
            data.unreadable.append(ItemProblem(escaped(clip), str(error)))
            _stop_at_a_fault_of_the_engine(error, data)
    return data


def _stop_at_a_fault_of_the_engine(error: Exception, data: LabelledData) -> None:
    failed = len(data.unreadable)
    alike = isinstance(error, EngineError) and {problem.why for problem in data.unreadable} == {str(error)}
    if alike and failed >= _ENGINE_FAULTS_ALLOWED and not data.items:
        raise EngineError(
            f"The first {failed} clips failed alike, so the labelling ends; mend this, then run it again: {error}"
        ) from error


def _label(
    path: Path, name: str, digest: str, labeller: Labeller, out: Path, progress: Progress
) -> tuple[CotItem, ...]:
    quiet = Progress(check=progress.check)
    clip = Clip.open(path)
    run = labeller.recorded.get(path)
    audio, video = _sound(clip, name, labeller, run, out, quiet)
    judgement = _judge(clip, audio, labeller, quiet) if run is None else run.judgement
    item = CotItem(
        id=name,
        video=video,
        question="",
        answer=_answer(judgement),
        category=judgement.category,
        source=source_of(path.stem),
        label=labeller.name if run is None else run.judge,
        sound=labeller.generator_name if run is None else run.generator,
        evidence=evidence_of(judgement, audio.duration_s, labeller.frames) | {"clip": digest},
    )
    items = items_of_clip(item, measure(audio, progress=quiet).is_silent)
    for each in items:
        why = problem_of(each)
        if why:
            raise InputError(f"expected a label that can be learnt, got one of which {why}; label it by hand (csv).")
    return items


def _sound(
    clip: Clip, name: str, labeller: Labeller, run: RecordedLabel | None, out: Path, progress: Progress
) -> tuple[Audio, str]:
    """The sound to judge and the file that holds it, as the items name it."""
    if run is not None and run.sound is not None:
        audio = decode_audio(run.sound, progress=progress)
        if abs(audio.duration_s - clip.duration_s) > _SAME_LENGTH_S:
            raise InputError(
                f"expected a result of the whole clip ({clip.duration_s:.2f} s), got one of {audio.duration_s:.2f} s; "
                "make it without a start and a duration."
            )
    elif run is None and labeller.generator is not None:
        audio = labeller.generator.generate(clip, labeller.request, progress)
    else:
        own = clip.audio(progress)
        if own is None:
            raise InputError("expected a clip with sound, got one without; generate its sound with --generator.")
        return own, _relative(clip.path, out)
    require_writable(out / MEDIA)
    target = out / MEDIA / f"{name}.mp4"
    mux_clip(clip, audio, target, progress=progress)
    return audio, f"{MEDIA}/{target.name}"


def _judge(clip: Clip, audio: Audio, labeller: Labeller, progress: Progress) -> Judgement:
    if labeller.reasoner is not None:
        judgement: Judgement = labeller.reasoner.judge(clip, audio, progress)
        if judgement.verdict is Verdict.UNDECIDED:
            raise InputError(f"expected a verdict, got an undecided answer of {labeller.name}; label it by hand (csv).")
        return judgement
    category = labeller.categories[clip.path]
    return Judgement(Verdict.YES if category == Category.YES.value else Verdict.NO, category)


def _answer(judgement: Judgement) -> str:
    """The published wording where the category is known; else the letter alone.

    Raises InputError where the category says otherwise than the verdict.
    """
    is_yes = judgement.verdict is Verdict.YES
    if not judgement.category:
        return "A" if is_yes else "B"
    if is_yes is not (judgement.category == Category.YES.value):
        raise InputError(
            f"expected a category that goes with the verdict {judgement.verdict.value}, got {judgement.category}; "
            "label it by hand (csv)."
        )
    return answer_of(judgement.category)


def _relative(path: Path, out: Path) -> str:
    """The path as seen from the data set's folder, so that both can move together; whole where that cannot be."""
    try:
        return Path(os.path.relpath(path.resolve(), out.resolve())).as_posix()
    except ValueError:
        return path.resolve().as_posix()


def _free_name(stem: str, taken: set[str]) -> str:
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}~{number}"
    return name
