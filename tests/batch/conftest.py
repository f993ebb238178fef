"""Engines whose behaviour a test decides, and a folder of small clips to work on."""

import shutil

import pytest

from deepsound.batch.run import Batch, InProcess, Listener
from deepsound.batch.settings import BatchSettings


class Heard(Listener):
    """Keeps what it hears."""

    def __init__(self):
        self.reports, self.refusals, self.again, self.damages = [], [], [], []

    def on_skip(self, refused):
        self.refusals.append(refused)

    def on_report(self, report, tally):
        self.reports.append((report.job.label, report.status))

    def on_damaged_record(self, job, why):
        self.damages.append((job.label, why))

    def on_retry(self, count):
        self.again.append(count)


@pytest.fixture
def clips(make_video, tmp_path):
    """clips("a.mp4", "b.mp4"): a folder with the same half second under each name."""

    def make(*names):
        source = make_video("source.mp4", seconds=0.5)
        for name in names:
            target = tmp_path / "clips" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        return tmp_path / "clips"

    return make


@pytest.fixture
def settings():
    """settings(**run): noise, no voice-over, only the sound written."""

    def make(**run):
        return BatchSettings(
            {"generator": "noise", "reasoner": "no", "separator": "halving"}, {"write_video": False, **run}
        )

    return make


@pytest.fixture
def batch(settings, tmp_path):
    """batch(source, **changes): a batch in this process into tmp_path/out, with a listener that remembers."""

    def make(source, chosen=None, **changes):
        chosen = chosen or settings()
        out = tmp_path / "out"
        return Batch(source, out, chosen, InProcess(chosen, out), listener=Heard(), **changes)

    return make


@pytest.fixture(autouse=True)
def with_fake_engines(fake_engines: type) -> None:
    """Every test here may name the fake engines."""
