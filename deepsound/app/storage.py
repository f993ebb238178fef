"""Storage of the page: uploads and a folder per run, under generated names."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepsound.app.tenancy import DEFAULT_BUDGET, Tenancy
from deepsound.errors import InputError, OutputError
from deepsound.media.files import output_error
from deepsound.runtime.paths import expand, is_file, is_symlink

STEM = "deepsound"
# The finished video follows the container of the upload where that keeps the picture.
VIDEOS = {
    f"{STEM}.mp4": "video/mp4",
    f"{STEM}.webm": "video/webm",
    f"{STEM}.mov": "video/quicktime",
    f"{STEM}.mkv": "video/x-matroska",
}
# What a run leaves, and what of it may be asked for; the suffix decides how it is served.
RESULTS = {
    **VIDEOS,
    f"{STEM}.step1.wav": "audio/wav",
    f"{STEM}.wav": "audio/wav",
    f"{STEM}.voice.wav": "audio/wav",
    f"{STEM}.result.json": "application/json",
}
# The suffix only tells a browser how to show what was uploaded; anything else becomes `.video`.
_SUFFIXES = {suffix: suffix for suffix in (".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi", ".ts", ".ogv", ".gif")}
# Of several takes, each leaves its own: `deepsound.take2.wav`.
_TAKE = re.compile(rf"{STEM}\.take[1-9][0-9]?(?=\.)")
_ID = re.compile(r"[0-9a-f]{32}")
# What a page knows an upload by; where it lies on this machine stays private.
_TOKEN = re.compile(r"/uploads/([0-9a-f]{32}\.[a-z0-9]{2,5})")
# A run's sounds and video take about as much as the video itself.
_RUN_FACTOR = 2


class AppStorage:
    """`uploads/` and `runs/` below a private folder, which is removed on leaving the context if it was made here.

    Raises OutputError where the folder cannot be made.
    """

    def __init__(
        self, root: Path | None = None, max_upload_bytes: int = 1 << 30, budget_bytes: int = DEFAULT_BUDGET
    ) -> None:
        self.max_upload_bytes = max_upload_bytes
        self._is_temporary = root is None
        try:
            made = Path(tempfile.mkdtemp(prefix="deepsound-app-")) if root is None else expand(root)
            made.mkdir(parents=True, exist_ok=True)
            self.root = made.resolve()
            self.uploads, self.runs, self.scratch = (self.root / name for name in ("uploads", "runs", "scratch"))
            for folder in (self.uploads, self.runs, self.scratch):
                folder.mkdir(mode=0o700, exist_ok=True)
            self._gone = self.uploads / f"{'0' * 32}.video"
            self._gone.touch()
        except OSError as error:
            raise output_error(root or Path(tempfile.gettempdir()), error) from error
        self.tenancy = Tenancy((self.uploads, self.runs), budget_bytes, keep=self._gone)

    def __enter__(self) -> AppStorage:
        return self

    def __exit__(self, *error: object) -> None:
        if self._is_temporary:
            shutil.rmtree(self.root, ignore_errors=True)
        else:
            shutil.rmtree(self.scratch, ignore_errors=True)

    def new_upload(self, claimed_name: str, size: int = 0) -> Path:
        """Where an upload of `size` bytes goes; of the claimed name only a known suffix counts.

        Raises StorageFull where uploads and results that are still in use leave no room for it.
        """
        self.tenancy.make_room(size)
        suffix = _SUFFIXES.get(os.path.splitext(claimed_name)[1].lower(), ".video")  # noqa: PTH122 - not a path of ours
        return self.uploads / f"{secrets.token_hex(16)}{suffix}"

    def token_of(self, upload: Path) -> str:
        """The name by which a page refers to an upload."""
        return f"/uploads/{upload.name}"

    def resolve(self, token: object) -> str | None:
        """The path of the upload that a page's token means; None for anything else.

        A token of an upload that is no longer there means an empty file, which `upload` refuses with a sentence.
        """
        found = _TOKEN.fullmatch(token) if isinstance(token, str) else None
        if found is None:
            return None
        path = str(self.uploads / found[1])
        return path if self.confine(path) is not None else str(self._gone)

    def upload(self, given: object) -> Path:
        """The upload that a page means by `given`. Raises InputError for anything but a file of the uploads folder."""
        path = self.confine(given)
        if path is None or path == self._gone:
            raise InputError("There is no such upload (any more); choose the video again.")
        if path.stat().st_size > self.max_upload_bytes:
            raise InputError(
                f"The video is larger than {self.max_upload_bytes / 2**20:.0f} MB; cut it or scale it "
                "down, or start the app with a larger --max-upload."
            )
        return path

    def confine(self, given: object) -> Path | None:
        """`given` as a path, if it names a regular file directly in the uploads folder, links followed; else None."""
        if not isinstance(given, str) or not given or len(given) > 4096 or "\0" in given:
            return None
        try:
            path = Path(given)
            real = path.resolve(strict=True)
            inside = path.is_absolute() and real.parent == self.uploads and is_file(real) and not is_symlink(path)
        except (OSError, RuntimeError, ValueError, InputError):
            return None
        return real if inside else None

    @contextmanager
    def new_run(self, upload: Path, session: str = "", takes: int = 1) -> Iterator[tuple[str, Path]]:
        """A run's id, and the upload as `deepsound.upload` in a folder of its own; an error removes the folder.

        What becomes of the upload then does not matter to the run, whose folder belongs to the session. Raises
        OutputError, and StorageFull where there is no room for the results of its `takes`.
        """
        self.tenancy.make_room(_RUN_FACTOR * takes * upload.stat().st_size)
        run_id = secrets.token_hex(16)
        source = self.runs / run_id / f"{STEM}.upload"
        try:
            with self.tenancy.using(session, source.parent):
                _take_in(upload, source)
                yield run_id, source
        except BaseException:
            shutil.rmtree(source.parent, ignore_errors=True)
            raise

    def without_paths(self, text: str) -> str:
        """A message without the places of files on this machine: the upload is *the video*, as the page knows it."""
        within = re.escape(str(self.runs)) + r"[/\\][0-9a-f]{32}"
        return re.sub(within, "the run's folder", re.sub(rf"{within}[/\\]{STEM}\.upload", "The video", text))

    def result(self, run_id: str, name: str) -> Path | None:
        """A result of a run, if there is one of that id and name."""
        if not _ID.fullmatch(run_id) or plain_name(name) not in RESULTS:
            return None
        path = self.runs / run_id / name
        return path if is_file(path) and not is_symlink(path) else None


def plain_name(name: str) -> str:
    """A result's name without the number of its take."""
    return _TAKE.sub(STEM, name, count=1) if name.startswith(STEM) else name


def _take_in(upload: Path, source: Path) -> None:
    try:
        source.parent.mkdir(mode=0o700)
        try:
            source.hardlink_to(upload)
        except OSError:
            shutil.copyfile(upload, source)
    except OSError as error:
        raise OutputError(f"The app's folder cannot be written ({error.strerror}); free some space.") from error
