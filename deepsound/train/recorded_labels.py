"""Labels of runs that were made already: result records of `run`, `batch` and the nodes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepsound.errors import DeepSoundError, InputError
from deepsound.outputs.reading import read_result
from deepsound.runtime.paths import escaped, is_dir, is_file
from deepsound.train.item_checks import ItemProblem
from deepsound.types import Judgement, Span, Verdict

_RECORDS = "*.result.json"
_OWN_SOUND = "source"
_JUDGED = "auto"


@dataclass(frozen=True)
class RecordedLabel:
    """What a record says of a clip: the `judge` and its judgement of the sound `generator` made, in the file `sound`.

    None stands for the clip's own sound.
    """

    judge: str
    judgement: Judgement
    generator: str
    sound: Path | None


def recorded_runs(folder: Path) -> tuple[dict[Path, RecordedLabel], list[ItemProblem]]:
    """The judged runs below `folder` by their videos, and the records that say nothing, with the reason.

    Of several takes of a video the first counts. Raises InputError where there are no records.
    """
    if not is_dir(folder):
        raise InputError(f"expected a folder of results, got {escaped(folder)}; there is no such folder.")
    found: dict[Path, RecordedLabel] = {}
    problems: list[ItemProblem] = []
    records = sorted(folder.rglob(_RECORDS))
    for path in records:
        try:
            record = read_result(path)
            video = _named(path, record.get("video_input"), "video")
            if video not in found:
                found[video] = _run(path, record)
        except DeepSoundError as error:
            problems.append(ItemProblem(escaped(path), str(error)))
    if not records:
        raise InputError(
            f"expected result records below {escaped(folder)}, got none; name the output folder of `deepsound batch` "
            "or of the node Folder of Videos."
        )
    return found, problems


def _run(path: Path, record: dict[str, Any]) -> RecordedLabel:
    """What the record says. Raises InputError for a run in which nothing was judged."""
    decided = record.get("voice_decision") or _JUDGED
    if decided != _JUDGED or record.get("verdict") not in (Verdict.YES.value, Verdict.NO.value):
        said = record.get("verdict") if decided == _JUDGED else f"one that was set to {decided}"
        raise InputError(f"expected a judge's verdict, got {said}; label this clip by hand (csv).")
    engines = record.get("engines") or {}
    generator = str((engines.get("generator") or {}).get("name") or "unknown")
    own = generator == _OWN_SOUND
    judgement = Judgement(
        Verdict(record["verdict"]),
        str(record.get("category") or ""),
        people_times_s=tuple(record.get("people_times_s") or ()),
        voice_spans=tuple(Span(start_s, end_s) for start_s, end_s in record.get("voice_spans_s") or ()),
    )
    return RecordedLabel(
        str((engines.get("reasoner") or {}).get("name") or "unknown"),
        judgement,
        "own" if own else generator,
        None if own else _named(path, record.get("step1_audio_path"), "coarse sound"),
    )


def _named(record: Path, named: Any, what: str) -> Path:
    """The file that a record names: where it says, or beside the record, if its folder was moved."""
    if isinstance(named, str) and named:
        for path in (Path(named), record.parent / Path(named).name):
            if is_file(path):
                return path.resolve()
    raise InputError(f"expected its {what} {named!r}, got none there; put it back, or make the clip's result again.")
