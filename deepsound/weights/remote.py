"""File metadata, folder listings and ranged GETs over huggingface_hub's HTTP client.

`hf_hub_download` itself is not used: in huggingface_hub 2 its temporary file has a new name every time and is deleted
when the download breaks off, so nothing is ever resumed. Client, addresses, headers, token and mirror are the hub's.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from deepsound.errors import EngineError
from deepsound.runtime.paths import escaped
from deepsound.weights.catalogue import HubSource, Source, UrlSource

_SHA256 = re.compile("[0-9a-f]{64}")
_COMMIT = re.compile("[0-9a-f]{7,64}")
# The largest repositories in the catalogue list 40 files in 20 kB.
_LONGEST_LISTING, _SLOWEST_LISTING_S, _MOST_FILES, _LONGEST_PATH = 8 << 20, 60.0, 10_000, 1024


@dataclass(frozen=True)
class Remote:
    """A file at its source: `size` in bytes and `sha256` where the source states them, `tag` what it is now."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None
    sha256: str = ""
    tag: str = ""


@dataclass(frozen=True)
class Answer:
    """A response to a GET whose body has not been read yet."""

    status: int
    headers: Mapping[str, str]
    chunks: Callable[[], Iterator[bytes]]


class Unavailable(EngineError):
    """A source does not give the file, and asking again will not change that; another source may."""


def is_offline() -> bool:
    """Whether HF_HUB_OFFLINE forbids every request; it counts for release pages too."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE) or os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def look_up(source: Source) -> Remote:
    """What is at `source`. Raises Unavailable, saying why; OSError and the client's errors where the network fails."""
    if isinstance(source, UrlSource):
        return Remote(source.url)
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import build_hf_headers

    url = hf_hub_url(source.repo, source.file, revision=source.revision, endpoint=_endpoint())
    try:
        found = get_hf_file_metadata(url)
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", 0)
        if status in (401, 403, 404, 410):
            raise refusal_error(source, status) from error
        raise
    etag = found.etag or ""
    # The hub tags large files by the sha256 of their content, and small ones by git's own hash.
    return Remote(url, build_hf_headers(), found.size, etag if _SHA256.fullmatch(etag) else "", etag)


def list_folder(source: HubSource, stop: threading.Event) -> list[tuple[str, int | None, str, str]]:
    """The files of a hub repository that belong to `source`: path, size in bytes, sha256 or "", commit.

    Leaves when `stop` is set. Raises Unavailable, saying why, for a refusal, and for a listing that is damaged, longer
    or slower than any real one; the client's errors where the network fails.
    """
    from fnmatch import fnmatch

    commit, siblings = _listing(source, stop)
    prefix = source.folder + "/" if source.folder else ""
    found = []
    for sibling in siblings:
        path, size, sha256 = _entry(source, sibling)
        name = path.removeprefix(prefix)
        if path.startswith(prefix) and any(fnmatch(name, pattern) for pattern in source.only or ("*",)):
            found.append((path, size, sha256, commit))
    return found


def _listing(source: HubSource, stop: threading.Event) -> tuple[str, list[Any]]:
    """The commit and the list of files in the hub's answer on a repository."""
    from urllib.parse import quote

    from huggingface_hub import constants
    from huggingface_hub.utils import build_hf_headers

    url = f"{_endpoint() or constants.ENDPOINT}/api/models/{source.repo}/revision/{quote(source.revision, safe='')}"
    body, began = bytearray(), time.monotonic()
    with open_range(Remote(f"{url}?blobs=true", build_hf_headers()), 0) as answer:
        if answer.status != 200:
            raise refusal_error(source, answer.status)
        for chunk in plain_chunks(source, answer):
            body += chunk
            if stop.is_set():
                return "", []
            if len(body) > _LONGEST_LISTING or time.monotonic() - began > _SLOWEST_LISTING_S:
                raise _bad_listing(source, f"it did not end after {len(body)} bytes")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _bad_listing(source, "it is no JSON") from error
    siblings = content.get("siblings") if isinstance(content, dict) else None
    if not isinstance(siblings, list) or len(siblings) > _MOST_FILES:
        raise _bad_listing(source, f"expected a list of at most {_MOST_FILES} files")
    commit = content.get("sha")
    return commit if isinstance(commit, str) and _COMMIT.fullmatch(commit) else source.revision, siblings


def _entry(source: HubSource, sibling: Any) -> tuple[str, int | None, str]:
    """A file's path, size and sha256 in a listing."""
    path = sibling.get("rfilename") if isinstance(sibling, dict) else None
    if not isinstance(path, str):
        raise _bad_listing(source, "an entry has no name")
    if not path.isprintable() or len(path) > _LONGEST_PATH or any(len(part) > 255 for part in path.split("/")):
        raise _bad_listing(source, f"it names {escaped(path[:60])}..., which no file can be called")
    size, large = sibling.get("size"), sibling.get("lfs")
    if size is not None and (type(size) is not int or size < 0):
        raise _bad_listing(source, f"the size of {path} is {escaped(repr(size)[:60])}")
    sha256 = large.get("sha256") if isinstance(large, dict) else None
    return path, size, sha256 if isinstance(sha256, str) and _SHA256.fullmatch(sha256) else ""


def _bad_listing(source: HubSource, problem: str) -> Unavailable:
    return Unavailable(
        f"The list of files of {address(source)} cannot be used: {problem}. If HF_ENDPOINT names a mirror, try another "
        "one, or unset it."
    )


@contextmanager
def open_range(remote: Remote, offset: int) -> Iterator[Answer]:
    """A GET for the bytes from `offset` on, undecoded. Authorisation does not follow a redirect to another host."""
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    headers = {**remote.headers, "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    session: Any = get_session()
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    # huggingface_hub speaks through httpx since version 1, through requests before.
    if callable(getattr(session, "stream", None)):
        with session.stream("GET", remote.url, headers=headers, timeout=timeout, follow_redirects=True) as answer:
            yield Answer(answer.status_code, answer.headers, answer.iter_raw)
    else:
        with session.get(remote.url, headers=headers, timeout=timeout, stream=True) as answer:
            raw = answer.raw
            yield Answer(answer.status_code, answer.headers, lambda: raw.stream(1 << 13, decode_content=False))


def plain_chunks(source: Source, answer: Answer) -> Iterator[bytes]:
    """The body of an answer. Raises Unavailable for one that is encoded although it was not to be: it may swell."""
    encoding = answer.headers.get("content-encoding", "identity")
    if encoding not in ("", "identity"):
        raise Unavailable(
            f"{address(source)} is sent as {escaped(encoding[:40])}; expected it as it is. A proxy may be in between; "
            "try another network or mirror."
        )
    return answer.chunks()


def address(source: Source) -> str:
    """A source's address, for a person to read."""
    if isinstance(source, UrlSource):
        return source.url
    return escaped(f"{source.repo}/{source.file}" if source.file else source.repo)


def refusal_error(source: Source, status: int) -> Unavailable:
    """The error for a source that answered with `status`: what it means and what to do."""
    if status in (401, 403) and isinstance(source, HubSource):
        page = f"{_endpoint() or 'https://huggingface.co'}/{source.repo}"
        return Unavailable(
            f"The hub did not give {address(source)}: the repository is gated, private or gone (HTTP "
            f"{status}). Accept its terms at {page}, then log in with `hf auth login` or set HF_TOKEN."
        )
    if status in (404, 410):
        return Unavailable(
            f"There is no {address(source)} any more (HTTP {status}); it was moved or taken down. Get "
            "the file from elsewhere and put it in place yourself."
        )
    return Unavailable(f"{address(source)} was not given (HTTP {status}); try again later.")


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or None
