"""What is at a source, and reading it from any byte on, over the HTTP client that huggingface_hub brings.

`hf_hub_download` itself is not used: in huggingface_hub 2 its temporary file has a new name every time and is deleted
when the download breaks off, so nothing is ever resumed. Client, addresses, headers, token and mirror are the hub's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from deepsound.errors import EngineError
from deepsound.weights.catalogue import HubSource, Source, UrlSource

_SHA256 = re.compile("[0-9a-f]{64}")


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
            raise refused(source, status) from error
        raise
    etag = found.etag or ""
    # The hub tags large files by the sha256 of their content, and small ones by git's own hash.
    return Remote(url, build_hf_headers(), found.size, etag if _SHA256.fullmatch(etag) else "", etag)


def list_folder(source: HubSource) -> list[tuple[str, int | None, str, str]]:
    """The files of a hub repository that belong to `source`: path, size in bytes, sha256 or "", commit.

    Raises Unavailable, saying why, and the client's errors where the network fails.
    """
    from fnmatch import fnmatch

    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        info = HfApi(endpoint=_endpoint()).model_info(source.repo, revision=source.revision, files_metadata=True)
    except HfHubHTTPError as error:
        raise refused(source, getattr(error.response, "status_code", 0)) from error
    prefix = source.folder + "/" if source.folder else ""
    found = []
    for sibling in info.siblings or ():
        name = sibling.rfilename.removeprefix(prefix)
        if sibling.rfilename.startswith(prefix) and any(fnmatch(name, pattern) for pattern in source.only or ("*",)):
            sha256 = getattr(sibling.lfs, "sha256", "")
            found.append((sibling.rfilename, sibling.size, sha256, info.sha or source.revision))
    return found


@contextmanager
def opened(remote: Remote, offset: int) -> Iterator[Answer]:
    """A GET for the bytes from `offset` on. Authorisation does not follow a redirect to another host."""
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
            yield Answer(answer.status_code, answer.headers, answer.iter_bytes)
    else:
        with session.get(remote.url, headers=headers, timeout=timeout, stream=True) as answer:
            yield Answer(answer.status_code, answer.headers, lambda: answer.iter_content(1 << 13))


def address(source: Source) -> str:
    """A source's address, for a person to read."""
    if isinstance(source, UrlSource):
        return source.url
    return f"{source.repo}/{source.file}" if source.file else source.repo


def refused(source: Source, status: int) -> Unavailable:
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
