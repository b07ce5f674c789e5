"""What a transport owes, and how one is opened."""

import os
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Literal, Protocol, get_args

from converge_provider.errors import ConfigurationError, MissingExtraError
from converge_provider.http.messages import HttpRequest, HttpResponse, Limits

__all__ = ("HttpStream", "Transport", "open_transport")


class HttpStream(Protocol):
    """
    The body of one response, piece by piece; nothing is sent before the first piece is asked for.

    Whoever starts it closes it: ``async with contextlib.aclosing(transport.stream(request)) as pieces``.
    """

    @property
    def status(self) -> int:
        """The status, 2xx; known once the stream is started."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, by name in lower case; known once the stream is started."""
        ...

    async def start(self) -> None:
        """
        Send the request and wait for the status, unless that is done already.

        Raises:
            HttpStatusError: The status is not 2xx.
            NetworkError: No answer came.
            Timeout: A limit of ``request.timeouts`` was reached.

        """
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Give the stream itself."""
        ...

    async def __anext__(self) -> bytes:
        """
        Give the next piece of the body, decompressed and not empty; starts the stream first.

        Raises:
            HttpStatusError: The status is not 2xx.
            NetworkError: The answer broke off.
            Timeout: A limit of ``request.timeouts`` was reached.
            ProviderError: The body is longer than the transport's limits.

        """
        ...

    async def drain(self, *, within_s: float = 0.05) -> None:
        """Read on to the end, so that the connection can serve another call; after that time it is closed instead."""
        ...

    async def aclose(self) -> None:
        """Close the connection, unless the body was read to its end; may be called twice."""
        ...


class Transport(Protocol):
    """
    Carry HTTP requests; one transport serves one event loop.

    It makes one attempt: nothing is retried.  Redirects are answers, never followed, so credentials go nowhere else.
    Cancelling a call closes its connection.
    """

    async def send(self, request: HttpRequest, /) -> HttpResponse:
        """
        Send a request and read the whole answer, whatever its status.

        Raises:
            NetworkError: No complete answer came.
            Timeout: A limit of ``request.timeouts`` was reached.
            ProviderError: The body is longer than the limits.

        """
        ...

    def stream(self, request: HttpRequest, /) -> HttpStream:
        """Prepare a request whose answer is read piece by piece."""
        ...

    async def aclose(self) -> None:
        """Close all connections; may be called twice."""
        ...


Library = Literal["aiohttp", "httpx"]
"""What a transport may stand on."""

_VARIABLE = "CONVERGE_HTTP"
_OLDEST_AIOHTTP = (3, 14)


def open_transport(*, limits: Limits = Limits(), library: Library | None = None) -> Transport:  # noqa: B008 - frozen
    """
    Open a transport: on aiohttp where it is installed and asyncio runs, else on httpx.

    Both keep the same promises.  TLS certificates are verified.  Proxies come from ``HTTP_PROXY``, ``HTTPS_PROXY``,
    ``ALL_PROXY`` and ``NO_PROXY``, certificate authorities, in place of certifi's, from ``SSL_CERT_FILE`` and
    ``SSL_CERT_DIR``.  No connection is opened yet.

    Args:
        limits: How much a server may send, and how many connections may be open.
        library: What it shall stand on; ``None``: what ``CONVERGE_HTTP`` says, else the choice above.

    Raises:
        MissingExtraError: The library is not installed.
        ConfigurationError: ``CONVERGE_HTTP`` names no library, or aiohttp is asked for where asyncio does not run.

    Example:
        >>> async def titles():
        ...     transport = open_transport()
        ...     try:
        ...         return (await transport.send(HttpRequest(url="http://localhost:8000/v1/models"))).body
        ...     finally:
        ...         await transport.aclose()

    """
    wanted = library or os.environ.get(_VARIABLE) or None
    if wanted not in {None, *get_args(Library)}:
        message = f"{_VARIABLE} must be aiohttp or httpx, got {wanted!r}"
        raise ConfigurationError(message)
    if wanted == "httpx" or (wanted is None and not _in_asyncio()):
        return _over_httpx(limits)
    if not _in_asyncio():
        message = "aiohttp was asked for to carry HTTP, but it needs a task of asyncio; httpx serves other event loops"
        raise ConfigurationError(message)
    return _over_aiohttp(limits, needed=wanted is not None)


def _over_httpx(limits: Limits) -> Transport:
    try:
        from converge_provider.http.over_httpx import HttpxTransport  # its import costs 60 ms
    except ModuleNotFoundError as exc:
        if not _is(exc, "httpx"):
            raise
        what = "the HTTP transport"
        raise MissingExtraError(what, "http") from exc
    return HttpxTransport(limits=limits)


def _over_aiohttp(limits: Limits, *, needed: bool) -> Transport:
    """Open a transport on aiohttp; unless it is needed, httpx stands in where it is missing or too old."""
    try:
        import aiohttp  # its import costs 100 ms

        if tuple(map(int, aiohttp.__version__.split(".")[:2])) < _OLDEST_AIOHTTP:
            raise ModuleNotFoundError(name="aiohttp")  # noqa: TRY301 - an old one is none
        from converge_provider.http.over_aiohttp import AiohttpTransport
    except ModuleNotFoundError as exc:
        if not _is(exc, "aiohttp"):
            raise
        if not needed:
            return _over_httpx(limits)
        what = "the transport on aiohttp"
        raise MissingExtraError(what, "fast") from exc
    return AiohttpTransport(limits=limits)


def _is(exc: ModuleNotFoundError, library: str) -> bool:
    """Say whether a library itself is missing, rather than something that it needs."""
    return (exc.name or "").partition(".")[0] == library


def _in_asyncio() -> bool:
    """Say whether a task of asyncio runs, rather than one of trio, perhaps as the guest of asyncio."""
    asyncio = sys.modules.get("asyncio")  # where nobody has imported it, it does not run
    try:
        return asyncio is not None and asyncio.current_task() is not None
    except RuntimeError:
        return False
