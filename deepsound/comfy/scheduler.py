"""Scheduler over several ComfyUI servers: each takes the next clip when it is free.

A clip that one server cannot do goes to another.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from deepsound.batch.clips import Job
from deepsound.comfy.server import PromptRefused, Server, ServerError

# A server that failed this often in a row is left out.
TROUBLES_ALLOWED_IN_A_ROW = 3
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0


@dataclass
class Task:
    """A clip on its way: where it was tried and what was said there."""

    job: Job
    tried: set[str] = field(default_factory=set)
    troubles: list[str] = field(default_factory=list)


# Does a clip on a server; raises ServerError when another one should.
Do = Callable[[Server, Task], Awaitable[None]]
# Hears that a clip can be done nowhere, and why is in its troubles.
GiveUp = Callable[[Task], None]
Tell = Callable[[str], None]


class ServerPool:
    """Clips shared out among servers, one at a time to each, taken from `jobs` only when one is free.

    A clip is tried at most once more than there are servers.
    """

    def __init__(self, servers: list[Server], jobs: Iterator[Job], do: Do, give_up: GiveUp, tell: Tell) -> None:
        self._servers, self._jobs = servers, jobs
        self._do, self._give_up, self._tell = do, give_up, tell
        self._working = {server.url for server in servers}
        self._waiting: deque[Task] = deque()
        self._in_work = 0
        self._changed = asyncio.Condition()

    async def run(self) -> None:
        """Until every clip is done or given up; without a server left, the clips not begun are left in `jobs`."""
        loops = [asyncio.ensure_future(self._serve(server)) for server in self._servers]
        try:
            await asyncio.gather(*loops)
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
        for task in self._waiting:
            self._give_up(task)

    async def _serve(self, server: Server) -> None:
        in_a_row = 0
        while (task := await self._next(server)) is not None:
            try:
                await self._do(server, task)
                in_a_row = 0
            except ServerError as trouble:
                self._tell(f"{task.job.label}: {trouble}")
                in_a_row += not isinstance(trouble, PromptRefused)
                if in_a_row >= TROUBLES_ALLOWED_IN_A_ROW:
                    self._working.discard(server.url)
                    self._tell(f"{server.url} failed {in_a_row} times in a row and is left out from here on")
                self._requeue(server, task, trouble)
            finally:
                await self._finish()
            if server.url not in self._working:
                return
            if in_a_row:
                await asyncio.sleep(min(_FIRST_PAUSE_S * 2 ** (in_a_row - 1), _LONGEST_PAUSE_S))

    async def _next(self, server: Server) -> Task | None:
        """The next clip for this server; None when there is and will be none."""
        async with self._changed:
            while True:
                task = next((task for task in self._waiting if self._may_try(server, task)), None)
                if task is not None:
                    self._waiting.remove(task)
                else:
                    job = next(self._jobs, None)
                    task = None if job is None else Task(job)
                if task is not None:
                    self._in_work += 1
                    return task
                if not self._in_work and not self._waiting:
                    return None
                await self._changed.wait()

    def _may_try(self, server: Server, task: Task) -> bool:
        return server.url not in task.tried or self._working <= task.tried

    def _requeue(self, server: Server, task: Task, trouble: ServerError) -> None:
        task.tried.add(server.url)
        task.troubles.append(str(trouble))
        if len(task.troubles) > len(self._servers):
            self._give_up(task)
        else:
            self._waiting.append(task)

    async def _finish(self) -> None:
        async with self._changed:
            self._in_work -= 1
            self._changed.notify_all()
