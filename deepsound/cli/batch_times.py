"""Expected time of `deepsound batch`, from earlier runs on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from deepsound.batch.clips import Job, Shard, Source
from deepsound.batch.settings import BatchSettings
from deepsound.cli.run_times import source_text, time_text, times_of, total_of
from deepsound.errors import DeepSoundError
from deepsound.media.clip import Clip
from deepsound.runtime.execution import Execution
from deepsound.runtime.run_times import Estimate

# Clips whose lengths stand for those of all that are to be done.
CLIPS_LOOKED_AT = 8


@dataclass(frozen=True)
class ExpectedTime:
    """The time that the clips of a shard will take in this process, going by the first that are to be done."""

    source: Source
    shard: Shard
    settings: BatchSettings
    execution: Execution

    def line(self, first: Job, count: int) -> str:
        """What is expected of `count` clips from `first` on; empty where no earlier run says. It never raises."""
        # A batch must not fail for this; what is wrong with a clip is said when it is processed.
        with suppress(Exception):
            seen = list(self._estimates(first, count))
            rest = sum(each.seconds for each in seen[1:]) / max(len(seen) - 1, 1)
            total = seen[0].seconds + (count - 1) * rest
            least = Estimate(total, min(each.runs for each in seen), any(each.is_scaled for each in seen))
            by = f", going by {len(seen) - 1} of them" if len(seen) - 1 < count else ""
            clips = f"{count} clip{'s' * (count != 1)}"
            return f"about {time_text(total)} for {clips} ({source_text(least)}{by})"
        return ""

    def _estimates(self, first: Job, count: int) -> Iterator[Estimate]:
        """The first clip's, which loads the engines, and then what each of some clips takes with engines loaded.

        A clip that cannot be opened is left out. Raises ValueError where no earlier run took a step.
        """
        entries = (one for one in self.shard.of(self.source) if isinstance(one, Job) and one.index >= first.index)
        choices = None
        for job in islice(entries, min(CLIPS_LOOKED_AT, count)):
            arguments = self.settings.for_clip(job)
            try:
                clip = _clip(job, arguments)
            except DeepSoundError:
                continue
            if choices is None:
                # Only the first clip is asked which engines it takes, since `auto` reads its sound.
                choices = self.settings.pipeline().select(clip).choices
                yield _known(total_of(times_of(choices, clip.duration_s, self.execution, arguments, is_first=True)))
            yield _known(total_of(times_of(choices, clip.duration_s, self.execution, arguments, is_first=False)))


def _clip(job: Job, arguments: dict[str, Any]) -> Clip:
    of_the_clip = {name: arguments[name] for name in ("start_s", "duration_s", "audio_track") if name in arguments}
    return Clip.open(job.video, **of_the_clip)


def _known(total: Estimate | None) -> Estimate:
    if total is None:
        raise ValueError("no earlier run took every step with these engines")
    return total
