"""Ownership of uploads and results by sessions, and eviction within the page's disk budget."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deepsound.errors import OutputError
from deepsound.runtime.paths import size_of

DEFAULT_BUDGET = 16 << 30
# An upload that no page has named yet is on its way to one.
_UNCLAIMED_S = 600
# A page that has done nothing for so long makes room for others.
_IDLE_S = 2 * 3600


class StorageFull(OutputError):
    """Uploads and results in use leave no room; the message says when there will be some."""


@dataclass
class _Session:
    seen: float
    has_left: bool = False
    upload: Path | None = None
    results: list[Path] = field(default_factory=list)

    def in_use(self) -> list[Path]:
        """Its upload and its newest result."""
        return [*self.results[-1:], *filter(None, [self.upload])]


class Tenancy:
    """The entries of `folders` (uploads, runs) within a budget in bytes: each a session's until that is done with it.

    Room is made by removing, oldest first, what belongs to nobody or to a session that has left, then results that a
    newer one of their session has replaced, then what sessions idle for two hours have; nothing else is ever removed.
    """

    def __init__(self, folders: tuple[Path, ...], budget_bytes: int, keep: Path | None = None) -> None:
        self._folders, self._budget, self._keep = folders, budget_bytes, keep
        self._sessions: dict[str, _Session] = {}
        self._working: set[Path] = set()
        self._lock = threading.RLock()

    def claim(self, session: str, upload: Path | None) -> None:
        """From here on `upload` is the session's; the one it had before is removed (None: it has cleared its video)."""
        with self._lock:
            mine = self._of(session)
            before, mine.upload = mine.upload, upload
            if before is not None and before != upload:
                _remove(before)

    @contextmanager
    def using(self, session: str, folder: Path) -> Iterator[None]:
        """Inside, a run works in `folder`; afterwards what is left there is the session's newest result."""
        with self._lock:
            self._working.add(folder)
        try:
            yield
        finally:
            with self._lock:
                self._working.discard(folder)
                self._of(session).results.append(folder)

    def leave(self, session: str) -> None:
        """The session's page is closed: what it has is kept only while there is room."""
        with self._lock:
            if session in self._sessions:
                self._sessions[session].has_left = True

    def make_room(self, size: int) -> None:
        """Remove what nobody uses until `size` more bytes fit. Raises StorageFull where they do not."""
        with self._lock:
            entries = self._entries()
            sizes = {entry: size_of(entry) for entry in entries}
            used = sum(sizes.values())
            for entry in self._removable(entries):
                if used + size <= self._budget:
                    return
                _remove(entry)
                used -= sizes[entry]
            if used + size > self._budget:
                raise StorageFull(self._full(size))

    def _full(self, size: int) -> str:
        pages = sum(not one.has_left for one in self._sessions.values())
        if size > self._budget:
            return (
                f"{size / 2**20:.0f} MB are more than the {self._budget / 2**20:.0f} MB this page may use; choose a "
                "smaller video, or start the app with a larger --max-disk."
            )
        return (
            f"The {self._budget / 2**20:.0f} MB for uploads and results are in use by {pages} open pages. There will "
            "be room as soon as one of them is closed or chooses another video; try again in a while."
        )

    def _of(self, session: str) -> _Session:
        mine = self._sessions.setdefault(session, _Session(time.monotonic()))
        mine.seen, mine.has_left = time.monotonic(), False
        return mine

    def _entries(self) -> list[Path]:
        found = [entry for folder in self._folders for entry in folder.iterdir()]
        return sorted((entry for entry in found if entry != self._keep), key=_age)

    def _removable(self, entries: list[Path]) -> list[Path]:
        """What may be removed, in the order in which it is."""
        self._forget_sessions(set(entries))
        open_pages = [one for one in self._sessions.values() if not one.has_left]
        in_use = {path for one in open_pages for path in one.in_use()} | self._working
        replaced = {folder for one in open_pages for folder in one.results[:-1]}
        idle = [one for one in open_pages if time.monotonic() - one.seen > _IDLE_S]
        given_up = {path for one in idle for path in one.in_use()}
        claimed = {path for one in self._sessions.values() for path in (one.upload, *one.results)}
        groups: tuple[list[Path], ...] = ([], [], [])
        for entry in entries:
            if entry in self._working or (entry in in_use and entry not in given_up):
                continue
            if entry in claimed or entry.parent != self._folders[0] or time.time() - _age(entry) > _UNCLAIMED_S:
                groups[2 if entry in given_up else 1 if entry in replaced else 0].append(entry)
        return [entry for group in groups for entry in group]

    def _forget_sessions(self, here: set[Path]) -> None:
        """Forget results that are gone, and sessions that have left with nothing of theirs here."""
        for session, mine in list(self._sessions.items()):
            mine.results = [folder for folder in mine.results if folder in here]
            if mine.has_left and not mine.results and mine.upload not in here:
                del self._sessions[session]


def _age(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        shutil.rmtree(path, ignore_errors=True)
