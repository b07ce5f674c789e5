"""Fetching the newest data: when somebody says so, bounded, checked, and without losing what is there."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import urlsplit

import anyio
from attrs import field, frozen

from converge_catalogue.shapes import RejectedError
from converge_catalogue.shelf import Shelf
from converge_catalogue.snapshots import Head
from converge_catalogue.sources import SOURCES, Source
from converge_provider import ConfigurationError, LlmError
from converge_provider.http import HttpRequest, Limits, Timeouts, Transport, is_loopback, open_transport

__all__ = ("TTL_S", "Update", "is_fresh", "update")

TTL_S = timedelta(hours=24).total_seconds()
"""How long fetched data is fresh, in seconds: nothing is fetched again meanwhile."""

_MIB = 1024 * 1024
_LIMITS = Limits(max_body_bytes=16 * _MIB, max_decompressed_bytes=64 * _MIB, max_connections=4)
_TIMEOUTS = Timeouts(connect_s=10, first_byte_s=30, between_bytes_s=30, total_s=120)


@frozen(kw_only=True)
class Update:
    """How one source was updated."""

    source: str
    outcome: str
    """``fetched``, ``fresh`` or ``failed``."""
    head: Head | None
    """What is in use now; ``None``: nothing."""
    problem: str | None = None
    """Why it failed."""
    rejected: Sequence[str] = field(default=(), converter=tuple[str, ...])
    """What is wrong with models that were left out."""


def update(shelf: Shelf, *, urls: Mapping[str, str], force: bool = False) -> Sequence[Update]:
    """
    Fetch what is not fresh, of both sources at once.

    Args:
        shelf: Where it is kept.
        urls: Where each source is to be had, by its name, where that is not where it is published.
        force: Whether what is fresh is fetched, too.

    Raises:
        ConfigurationError: A URL is none, or would be read over the open network without TLS.

    """
    requests = {source.name: _request(urls.get(source.name, source.url)) for source in SOURCES}
    return anyio.run(_update, shelf, requests, force)


def _request(url: str) -> HttpRequest:
    made = HttpRequest(method="GET", url=url, headers={"accept": "application/json"}, timeouts=_TIMEOUTS)
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        message = f"the URL of an update must start with https://, since prices decide what is paid; got {parts.scheme}"
        raise ConfigurationError(message)
    return made


async def _update(shelf: Shelf, requests: Mapping[str, HttpRequest], force: bool) -> Sequence[Update]:  # noqa: FBT001 - run() passes positions
    transport = open_transport(limits=_LIMITS)
    found: dict[str, Update] = {}

    async def one(source: Source) -> None:
        found[source.name] = await _update_one(shelf, source, transport, requests[source.name], force=force)

    try:
        async with anyio.create_task_group() as tasks:
            for source in SOURCES:
                tasks.start_soon(one, source)
    finally:
        await transport.aclose()
    return [found[source.name] for source in SOURCES]


async def _update_one(
    shelf: Shelf, source: Source, transport: Transport, request: HttpRequest, *, force: bool
) -> Update:
    there = shelf.fetched(source)
    head = None if there is None else there.head
    if not force and head is not None and head.url == request.url and is_fresh(head, shelf.today_s):
        return Update(source=source.name, outcome="fresh", head=head)
    try:
        body = await _fetched(transport, request)
        rejected: list[str] = []
        made = source.fetched_snapshot(body, url=request.url, fetched_s=shelf.today_s, rejected=rejected)
        made.save(shelf.fetched_path(source))
    except (LlmError, RejectedError, OSError) as exc:
        return Update(source=source.name, outcome="failed", head=_in_use(shelf, source), problem=_said(exc))
    return Update(source=source.name, outcome="fetched", head=made.head, rejected=rejected)


async def _fetched(transport: Transport, request: HttpRequest) -> bytes:
    """Fetch a document; a redirect is none, since it could lead anywhere."""
    response = await transport.send(request)
    if response.status != 200:
        message = f"{request.url} answered with status {response.status}, expected 200"
        raise RejectedError(message)
    return response.body


def is_fresh(head: Head, now_s: float) -> bool:
    """Say whether what was fetched is younger than its time to live; what is from the future is not."""
    return head.fetched_s is not None and 0 <= now_s - head.fetched_s < TTL_S


def _in_use(shelf: Shelf, source: Source) -> Head | None:
    try:
        return shelf.newest(source).head
    except ModuleNotFoundError:
        return None


def _said(exc: Exception) -> str:
    return " ".join(str(exc).split())[:500]
