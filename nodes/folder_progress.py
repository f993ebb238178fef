"""Table of a folder's videos: how each ended, as the node shows it while the batch runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepsound.batch.clips import Job, Skipped
from deepsound.batch.records import Record, record_path
from deepsound.batch.run import Listener, Tally
from deepsound.errors import DeepSoundError
from deepsound.outputs.naming import STEPS, VIDEOS

if TYPE_CHECKING:
    from deepsound.batch.worker import ClipReport

# More rows than these are a list nobody reads on a node; all are in the records.
MOST_ROWS = 500
# Whole phrases, which a translation of the page has as such.
VERDICTS = {"yes": "voice-over yes", "no": "voice-over no", "undecided": "voice-over undecided"}


@dataclass
class BatchRow:
    """A video's name, its status (working, done, already, failed, skipped), and what is to be said of it."""

    name: str
    status: str
    text: str = ""


class ClipTable(Listener):
    """Hears of a batch; `show` gets the rows each time one changes."""

    def __init__(self, output_dir: Path, show: Callable[[list[dict[str, Any]]], None]) -> None:
        self._output_dir, self._show = output_dir, show
        self._rows: dict[str, BatchRow] = {}
        self._tally = Tally()
        self.videos: list[Path] = []

    def start(self, job: Job) -> tuple[float, float]:
        """A video is begun: its part of the whole bar, from and to."""
        self._set(job.label, "working")
        total = max(1, self._tally.total)
        ended = self._tally.done + self._tally.failed + self._tally.already
        return min(ended / total, 1.0), min((ended + 1) / total, 1.0)

    def on_count(self, tally: Tally) -> None:
        self._tally = tally

    def on_skip(self, refused: Skipped) -> None:
        if refused.is_loss:
            self._set(refused.label, "skipped", refused.why)

    def on_report(self, report: ClipReport, tally: Tally) -> None:
        self._tally = tally
        video, said = self._result_of(report.job) if report.status != "failed" else (None, report.message)
        if video is not None and video not in self.videos:
            self.videos.append(video)
        seconds = f"{report.seconds:.1f} s" if report.seconds else ""
        # The row names the video; where it lies on the server would fill the column.
        said = said.replace(str(report.job.video), report.job.video.name)
        self._set(report.job.label, report.status, ", ".join(filter(None, (seconds, said))))

    def on_damaged_record(self, job: Job, why: str) -> None:
        self._set(job.label, "working", why)

    @property
    def done(self) -> int:
        """How many videos are finished, those of earlier runs included."""
        return self._tally.done + self._tally.already

    @property
    def failed(self) -> int:
        return self._tally.failed

    def rows(self) -> list[dict[str, Any]]:
        """The rows as plain JSON, the failed ones first where there are more than a node has room for."""
        ordered = sorted(self._rows.values(), key=lambda row: row.status != "failed")
        shown = list(self._rows.values()) if len(ordered) <= MOST_ROWS else ordered[:MOST_ROWS]
        return [asdict(row) for row in shown]

    def headline(self) -> str:
        """Such as "9 of 10 done, 1 failed"."""
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{self.done} of {self._tally.total} done{failed}"

    def text(self) -> str:
        """The headline, and a line for each video."""
        return "\n".join([self.headline(), *map(_line, self._rows.values())])

    def _set(self, name: str, status: str, text: str = "") -> None:
        self._rows[name] = BatchRow(name, status, text)
        self._show(self.rows())

    def _result_of(self, job: Job) -> tuple[Path | None, str]:
        """The finished video of a job, and its verdict with where the final sound is from."""
        path = record_path(self._output_dir, job)
        try:
            record = Record.read(path)
        except DeepSoundError:
            return None, ""
        if record is None:
            return None, ""
        details = record.details
        videos = [name for name in record.files if _is_finished_video(name)]
        verdict = VERDICTS.get(str(details.get("verdict")), "voice-over unknown")
        said = f"{verdict}, final sound: {details.get('final_from', '')}"
        return (path.parent / videos[0] if videos else None), said


def _line(row: BatchRow) -> str:
    return f"{row.name}: {row.status} {row.text}".rstrip()


def _is_finished_video(name: str) -> bool:
    file = Path(name)
    return file.suffix in VIDEOS and not file.stem.endswith(STEPS)
