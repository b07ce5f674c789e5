"""One response of httpx, read piece by piece within its timeouts and limits."""

from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
import httpx

from converge_provider.errors import LlmError, NetworkError
from converge_provider.http.places import place_of
from converge_provider.http.streaming import OWN_HEADERS, BodyStream, system_error, system_words
from converge_provider.values.secret import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from converge_provider.http.messages import HttpRequest
    from converge_provider.http.over_httpx import HttpxTransport

__all__ = ("HttpxStream",)

_CLOSE_S = 1.0


class HttpxStream(BodyStream):
    """The body of one response of httpx."""

    def __init__(self, transport: "HttpxTransport", request: "HttpRequest") -> None:
        """Keep the request; send nothing yet."""
        super().__init__(request, transport.limits)
        self._transport = transport
        self._raw: AsyncIterator[bytes] | None = None
        self._body: httpx.AsyncByteStream | None = None

    def now(self) -> float:
        """Give the event loop's time in seconds."""
        return anyio.current_time()

    async def ask(self, left_s: float) -> "tuple[int, Sequence[tuple[bytes, bytes]]]":
        """Send the request; give the status and the headers."""
        sent = _to_httpx(self.request)
        pool = self._transport.pool_for(sent.url)
        with anyio.fail_after(left_s):
            try:
                response = await pool.handle_async_request(sent)
            except (httpx.HTTPError, OSError) as exc:
                raise self._translated(exc) from _harmless(exc)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        self._body = response.stream
        self._raw = aiter(response.stream)
        return response.status_code, response.headers.raw

    async def read(self, left_s: float) -> bytes | None:
        """Give the next bytes as they travel; ``None`` at the end."""
        assert self._raw is not None
        with anyio.fail_after(left_s):
            try:
                return await anext(self._raw, None)
            except (httpx.HTTPError, OSError) as exc:
                raise self._translated(exc) from _harmless(exc)

    async def aclose(self) -> None:
        """Give the connection back when the body was read to its end, else close it."""
        body, self._body = self._body, None
        if body is None or self._raw is None:
            return
        with anyio.move_on_after(_CLOSE_S, shield=True), suppress(httpx.HTTPError, OSError):
            await body.aclose()
            async for _ in self._raw:  # its generators run to their end here; trio complains when they are collected
                pass

    def _translated(self, exc: Exception) -> LlmError:
        """Make an error of the family out of one of httpx, without anything of the request but its place."""
        if isinstance(exc, httpx.ConnectTimeout):
            return self.slow_to_connect()
        reason = _reason(exc)
        if isinstance(exc, httpx.ConnectError):
            return NetworkError(f"could not connect to {self.place}: {reason}")
        if isinstance(exc, httpx.ProxyError):
            return NetworkError(f"the proxy in front of {self.place} refused: {reason}")
        return NetworkError(f"the connection to {self.place} broke off: {reason}")


def _reason(exc: Exception) -> str:
    """Find the words of the system, else those of httpx."""
    if isinstance(exc, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
        return "the request cannot be put into HTTP"  # their words quote headers
    system = system_error(exc)
    return system_words(system) if system is not None else str(exc).rstrip(".") or type(exc).__name__


def _to_httpx(request: "HttpRequest") -> httpx.Request:
    """Reveal the credentials, here and nowhere else."""
    headers = [
        (name.encode("ascii"), (value.reveal() if isinstance(value, Secret) else value).encode("latin-1"))
        for name, value in {**OWN_HEADERS, **request.headers}.items()
    ]
    timeouts = {"connect": request.timeouts.connect_s}  # the others are kept here, not there
    try:
        return httpx.Request(
            request.method, request.url, headers=headers, content=request.body, extensions={"timeout": timeouts}
        )
    except httpx.InvalidURL as exc:
        message = f"{place_of(request.url)} cannot be asked: {exc}"
        raise NetworkError(message) from exc


def _harmless(exc: Exception) -> Exception | None:
    """Keep the cause, unless its words quote headers."""
    return None if isinstance(exc, httpx.LocalProtocolError) else exc
