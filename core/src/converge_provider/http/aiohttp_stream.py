"""One response of aiohttp, read piece by piece within its timeouts and limits."""

import asyncio
from math import inf
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.http import HttpProcessingError

from converge_provider.errors import LlmError, NetworkError
from converge_provider.http.streaming import OWN_HEADERS, BodyStream, system_error, system_words
from converge_provider.values.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from converge_provider.http.messages import HttpRequest
    from converge_provider.http.over_aiohttp import AiohttpTransport

__all__ = ("AiohttpStream",)

_FAILURES = (aiohttp.ClientError, HttpProcessingError, OSError, ValueError)
"""What aiohttp raises: its own, the system's, and ``ValueError`` for what cannot be put into HTTP."""


class AiohttpStream(BodyStream):
    """
    The body of one response of aiohttp.

    No error of aiohttp's is the cause of one of ours, since it carries the request with its credentials; the system's
    own error is.
    """

    def __init__(self, transport: "AiohttpTransport", request: "HttpRequest") -> None:
        """Keep the request; send nothing yet."""
        super().__init__(request, transport.limits)
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._response: aiohttp.ClientResponse | None = None

    def now(self) -> float:
        """Give the event loop's time in seconds."""
        return self._loop.time()

    async def ask(self, left_s: float) -> "tuple[int, Sequence[tuple[bytes, bytes]]]":
        """Send the request; give the status and the headers."""
        asking = self._transport.ask(self.request, _revealed(self.request))
        async with asyncio.timeout(_seconds(left_s)):
            try:
                response = await asking
            except _FAILURES as exc:
                failure: BaseException = exc
            else:
                self._response = response
                return response.status, response.raw_headers
        raise self._translated(failure) from system_error(failure)

    async def read(self, left_s: float) -> bytes | None:
        """Give the next bytes as they travel; ``None`` at the end."""
        assert self._response is not None
        if left_s <= 0:
            raise TimeoutError
        content = self._response.content
        failure = content.exception()
        if failure is None:
            if piece := content.read_nowait():  # what is there already needs no timer
                return piece
            if content.at_eof():
                return None
            async with asyncio.timeout(_seconds(left_s)):
                try:
                    return await content.readany() or None
                except _FAILURES as exc:
                    failure = exc
        if piece := content._read_nowait(-1):  # noqa: SLF001 - what came before the failure counts
            return piece
        raise self._translated(failure) from system_error(failure)

    async def aclose(self) -> None:
        """Close the connection, unless the body was read to its end; then it is given back already."""
        if self._response is not None:
            self._response.close()

    def _translated(self, exc: BaseException) -> LlmError:
        """Make an error of the family out of one of aiohttp, without anything of the request but its place."""
        if isinstance(exc, aiohttp.ConnectionTimeoutError):
            return self.slow_to_connect()
        if isinstance(exc, aiohttp.ClientHttpProxyError):
            return NetworkError(f"the proxy in front of {self.place} refused: {exc.status}")
        reason = _reason(exc)
        if isinstance(exc, aiohttp.ClientConnectorError | aiohttp.ClientSSLError):
            return NetworkError(f"could not connect to {self.place}: {reason}")
        if isinstance(exc, ValueError):
            return NetworkError(f"{self.place} cannot be asked: {reason}")
        return NetworkError(f"the connection to {self.place} broke off: {reason}")


def _reason(exc: BaseException) -> str:
    """Find the words of the system, else our own: aiohttp's quote the request, or what came."""
    system = system_error(exc)
    if system is not None:
        return system_words(system)
    if isinstance(exc, ValueError):
        return "the request cannot be put into HTTP"
    if isinstance(exc, aiohttp.ServerDisconnectedError):
        return "the server hung up before it answered"
    if isinstance(exc, aiohttp.ClientResponseError | HttpProcessingError):
        return "what came is not HTTP, or its headers are too long"
    if isinstance(exc, aiohttp.ClientPayloadError):
        return "the body is not as long as it should be"
    return type(exc).__name__


def _revealed(request: "HttpRequest") -> dict[str, str]:
    """Reveal the credentials, here and nowhere else."""
    return {
        **OWN_HEADERS,
        **{name: value.reveal() if isinstance(value, Secret) else value for name, value in request.headers.items()},
    }


def _seconds(left_s: float) -> float | None:
    return None if left_s == inf else left_s
