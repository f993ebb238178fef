"""Outputs and page view of the Pipeline node: sounds, videos, verdicts, steps, player."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io, ui

from deepsound.outcome import Outcome
from deepsound.runtime.progress import Progress
from deepsound.types import Audio

from . import comfy_host, host_folders, judgement_view
from .convert import silence_like
from .notes import run_summary
from .save_video import SavedVideo, SaveSettings, save_takes
from .span_lists import segments_json, segments_view
from .takes import batch_of
from .temp_files import LastRuns, Place

if TYPE_CHECKING:
    from deepsound.media.clip import Clip

_PLAYERS: LastRuns[list[dict[str, Any]]] = LastRuns(host_folders.temp_path)


@dataclass(frozen=True)
class RunDisplay:
    """Which node shows a run, and how its videos are saved; without `save` they are temporary files."""

    hidden: Any
    settings: SaveSettings
    save: bool


def node_output(outcomes: Sequence[Outcome], clip: Clip, shown: RunDisplay, progress: Progress) -> io.NodeOutput:
    """The outputs of the takes, in the order of the node's schema, and what the page shows of them."""
    finals = [outcome.final or silence_like(outcome.coarse) for outcome in outcomes]
    voices = [outcome.stems.voice if outcome.stems else silence_like(outcome.coarse) for outcome in outcomes]
    videos = _videos(finals, clip, shown, progress.at("write"))
    entries = [_entry(outcome, progress) for outcome in outcomes]
    comfy_host.show_text("\n".join(line for entry in entries for line in entry["said"]), shown.hidden.unique_id)
    players = _players(outcomes, shown, progress.at("measure"))
    rows = [
        {**entry, "note": video.note if shown.save else "", "player": player}
        for entry, video, player in zip(entries, videos, players, strict=True)
    ]
    rows[0].update(run_summary(progress, [note for outcome in outcomes for note in outcome.notes]))
    kind = io.FolderType.output if shown.save else io.FolderType.temp
    files = [ui.SavedResult(video.target.name, video.target.subfolder, kind) for video in videos]
    return io.NodeOutput(
        batch_of(finals, progress),
        batch_of([outcome.coarse for outcome in outcomes], progress),
        batch_of(voices, progress),
        [outcome.is_voice_over for outcome in outcomes],
        [entry["reasoning"] for entry in entries],
        [video.video for video in videos],
        [segments_json(outcome.segments) for outcome in outcomes],
        ui={"images": files, "animated": (True,), "deepsound": rows},
    )


def _videos(finals: Sequence[Audio], clip: Clip, shown: RunDisplay, progress: Progress) -> list[SavedVideo]:
    metadata = comfy_host.metadata(shown.hidden)
    return save_takes(clip, lambda: finals, shown.settings, metadata, progress, to_output=shown.save)


def _entry(outcome: Outcome, progress: Progress) -> dict[str, Any]:
    view = judgement_view.judgement_json(outcome.judgement, outcome.undecided, outcome.coarse, progress)
    taken = [f"{step.name}: {step.note} ({step.seconds:.1f} s)" for step in outcome.steps]
    said = [*(f"note: {note}" for note in outcome.notes), f"final sound: {outcome.final_from}"]
    return {**view, **segments_view(outcome.segments), "said": said, "steps": [*taken, *said]}


def _players(outcomes: Sequence[Outcome], shown: RunDisplay, progress: Progress) -> list[dict[str, Any]]:
    """Each take's coarse sound, final sound and removed voice as files for the page to play in turn, equally loud."""
    from deepsound.compare.comparison import compare
    from deepsound.compare.listening import write_listening_files

    def make(place: Place) -> list[dict[str, Any]]:
        return [write_listening_files(compare(_tracks(outcome)), place, progress) for outcome in outcomes]

    prompt = comfy_host.prompt_id()
    return _PLAYERS.result(comfy_host.node_key(shown.hidden), prompt, f"{prompt}/{id(outcomes)}", make)


def _tracks(outcome: Outcome) -> dict[str, Audio]:
    tracks = {"coarse": outcome.coarse, "final": outcome.final or silence_like(outcome.coarse)}
    if outcome.stems is not None:
        tracks["voice"] = outcome.stems.voice
    return tracks
