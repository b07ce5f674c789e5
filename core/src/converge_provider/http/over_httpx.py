"""
The transport on httpx.

It stands on ``httpx.AsyncHTTPTransport``, httpx's public lower layer, not on ``httpx.AsyncClient``: the client writes
every URL with its query into the log, keeps cookies between calls, inflates a body without bound, and costs more time.
"""

from contextlib import aclosing

import httpx

from converge_provider.errors import NetworkError
from converge_provider.http.httpx_stream import HttpxStream
from converge_provider.http.messages import HttpRequest, HttpResponse, Limits
from converge_provider.http.places import place_of
from converge_provider.http.routes import proxy_for, tls_context, unusable_proxy

__all__ = ("HttpxTransport",)

_IDLE_S = 30.0


class HttpxTransport:
    """Carry HTTP requests over pools of connections, one pool per way to the servers."""

    def __init__(self, *, limits: Limits) -> None:
        """Keep the limits; open nothing yet."""
        self.limits = limits
        self._pools: dict[tuple[str, str | None], httpx.AsyncHTTPTransport] = {}
        self._ways: dict[str, httpx.AsyncHTTPTransport] = {}
        self._closed = False

    async def send(self, request: HttpRequest, /) -> HttpResponse:
        """Send a request and read the whole answer, whatever its status."""
        async with aclosing(HttpxStream(self, request)) as stream:
            await stream.open()
            return await stream.whole()

    def stream(self, request: HttpRequest, /) -> HttpxStream:
        """Prepare a request whose answer is read piece by piece."""
        return HttpxStream(self, request)

    async def aclose(self) -> None:
        """Close all connections."""
        self._closed = True
        pools, self._pools = list(self._pools.values()), {}
        self._ways.clear()
        for pool in pools:
            await pool.aclose()

    def pool_for(self, url: httpx.URL) -> httpx.AsyncHTTPTransport:
        """Give the connections over which a URL is reached."""
        if self._closed:
            message = f"the transport is closed; {place_of(str(url))} was not asked"
            raise NetworkError(message)
        origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
        way = self._ways.get(origin)
        if way is None:
            proxy = proxy_for(url.scheme, url.host, url.port)
            way = self._pools.get((url.scheme, proxy)) or self._open_pool(url.scheme, proxy)
            self._pools[url.scheme, proxy] = self._ways[origin] = way
        return way

    def _open_pool(self, scheme: str, proxy: str | None) -> httpx.AsyncHTTPTransport:
        tls = tls_context(needed=scheme == "https" or (proxy or "").startswith("https:"))
        most = self.limits.max_connections
        limits = httpx.Limits(max_connections=most, max_keepalive_connections=most, keepalive_expiry=_IDLE_S)
        if proxy is None:
            return httpx.AsyncHTTPTransport(verify=tls, limits=limits, trust_env=False)
        try:
            way = httpx.Proxy(proxy, ssl_context=tls if proxy.startswith("https:") else None)
            return httpx.AsyncHTTPTransport(verify=tls, limits=limits, trust_env=False, proxy=way)
        except (ImportError, ValueError, httpx.InvalidURL) as exc:
            raise unusable_proxy(scheme, proxy, type(exc).__name__) from exc
