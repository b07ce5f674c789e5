"""
The transport on aiohttp, which the extra ``[fast]`` brings.

Everything that aiohttp does of its own accord is switched off: it follows no redirect, keeps no cookie, inflates no
body, looks for no credentials, sends nothing twice, and leaves timeouts and proxies to the seam.
"""

import asyncio
import base64
import io
import ssl
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import aiohttp
from attrs import frozen
from yarl import URL

from converge_provider.errors import NetworkError
from converge_provider.http.aiohttp_stream import AiohttpStream
from converge_provider.http.places import place_of
from converge_provider.http.routes import proxy_for, tls_context, unusable_proxy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from converge_provider.http.messages import HttpRequest, HttpResponse, Limits

__all__ = ("AiohttpTransport",)

_IDLE_S = 30.0
_SHORTEST_LINE = 8 * 1024
_LONGEST_AT_ONCE = 2**20
_AUTOMATIC = frozenset({"accept", "accept-encoding", "content-type", "user-agent"})


class AiohttpTransport:
    """Carry HTTP requests over one pool of connections."""

    def __init__(self, *, limits: "Limits") -> None:
        """Keep the limits; open nothing yet."""
        self.limits = limits
        self._session: aiohttp.ClientSession | None = None
        self._ways: dict[tuple[str, str], _Way] = {}
        self._closed = False

    async def send(self, request: "HttpRequest", /) -> "HttpResponse":
        """Send a request and read the whole answer, whatever its status."""
        stream = AiohttpStream(self, request)
        try:
            await stream.open()
            return await stream.whole()
        finally:
            await stream.aclose()

    def stream(self, request: "HttpRequest", /) -> AiohttpStream:
        """Prepare a request whose answer is read piece by piece."""
        return AiohttpStream(self, request)

    async def aclose(self) -> None:
        """Close all connections."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def ask(self, request: "HttpRequest", headers: "dict[str, str]") -> aiohttp.ClientResponse:
        """
        Send a request; give the response with its body still to be read.

        Args:
            request: What is asked.
            headers: Its headers, revealed.

        """
        if self._closed:
            message = f"the transport is closed; {place_of(request.url)} was not asked"
            raise NetworkError(message)
        url = _parsed(request.url)
        way = self._way_to(url)
        if way.authorization and url.scheme == "http":
            headers["proxy-authorization"] = way.authorization
        return await self._opened().request(
            request.method,
            url,
            headers=headers,
            data=_carried(request.body),
            allow_redirects=False,
            timeout=_only_connecting(request.timeouts.connect_s),
            ssl=way.tls,
            proxy=way.proxy,
            proxy_headers=way.proxy_headers,
        )

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=_Connector(limit=self.limits.max_connections, keepalive_timeout=_IDLE_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_AUTOMATIC,
                auto_decompress=False,
                trust_env=False,
                max_line_size=max(self.limits.max_header_bytes, _SHORTEST_LINE),
                max_field_size=max(self.limits.max_header_bytes, _SHORTEST_LINE),
                max_headers=self.limits.max_headers + 1,  # one more is told in the seam's own words
            )
            self._session._retry_connection = False  # noqa: SLF001 - what is sent twice, the engine must know
        return self._session

    def _way_to(self, url: URL) -> "_Way":
        origin = url.scheme, url.raw_authority
        way = self._ways.get(origin)
        if way is None:
            way = self._ways[origin] = _way_to(url)
        return way


@frozen
class _Way:
    """How a server is reached."""

    tls: ssl.SSLContext | bool
    proxy: URL | None = None
    authorization: str = ""
    """What the proxy wants to see."""

    @property
    def proxy_headers(self) -> "Mapping[str, str] | None":
        """What is sent with ``CONNECT``."""
        return {"proxy-authorization": self.authorization} if self.authorization else None


class _Connector(aiohttp.TCPConnector):
    """Makes a connection in its time: finding the address, every attempt, the way through a proxy, and TLS."""

    async def _create_connection(self, req: aiohttp.ClientRequest, traces: Any, timeout: aiohttp.ClientTimeout) -> Any:  # noqa: ANN401, ASYNC109 - as there
        async with asyncio.timeout(timeout.sock_connect):
            return await super()._create_connection(req, traces, timeout)


def _way_to(url: URL) -> _Way:
    proxy = proxy_for(url.scheme, url.host or "", url.explicit_port)
    parts = urlsplit(proxy or "")
    tls = tls_context(needed=True) if "https" in {url.scheme, parts.scheme} else True
    if proxy is None:
        return _Way(tls)
    try:
        written = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError  # noqa: TRY301 - as yarl does with what it cannot read
        way = URL(written)
    except ValueError as exc:
        raise unusable_proxy(url.scheme, proxy, "aiohttp speaks to proxies of HTTP only") from exc
    if not parts.username:
        return _Way(tls, way)
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return _Way(tls, way, f"Basic {base64.b64encode(login.encode()).decode('ascii')}")


def _carried(body: bytes | None) -> bytes | io.BytesIO | None:
    """Have a long body sent in pieces, so that the event loop goes on."""
    return body if body is None or len(body) <= _LONGEST_AT_ONCE else io.BytesIO(body)


@lru_cache(256)
def _parsed(url: str) -> URL:
    """Take a URL as it is written, without writing it anew."""
    return URL(url, encoded=True)


@lru_cache(16)
def _only_connecting(connect_s: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, sock_connect=connect_s, ceil_threshold=inf)
