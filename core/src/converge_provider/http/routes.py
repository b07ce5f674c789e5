"""Which way a request takes: through which proxy, and which certificate authorities are believed."""

import os
import ssl
import urllib.request
from functools import cache

import certifi

from converge_provider.errors import NetworkError
from converge_provider.http.places import is_loopback, place_of

__all__ = ("proxy_for", "tls_context", "unusable_proxy")

_BUNDLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def proxy_for(scheme: str, host: str, port: int | None) -> str | None:
    """
    Give the proxy for a host, as the environment has it; loopback is never sent through one.

    Args:
        scheme: ``http`` or ``https``.
        host: The host's name or address.
        port: The port, when it is not the scheme's own.

    Returns:
        The URL of the proxy, or ``None`` for the direct way.

    """
    if is_loopback(host):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(scheme) or proxies.get("all")
    if not proxy or urllib.request.proxy_bypass(host if port is None else f"{host}:{port}"):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def unusable_proxy(scheme: str, proxy: str, why: str) -> NetworkError:
    """Say that the environment names a proxy which cannot be used, without its credentials."""
    variables = f"{scheme.upper()}_PROXY or ALL_PROXY"
    return NetworkError(f"the proxy named by {variables} cannot be used: {place_of(proxy)}: {why}")


def tls_context(*, needed: bool) -> ssl.SSLContext:
    """
    Give the context in which certificates are verified.

    Args:
        needed: Whether there will be TLS; without, a context that believes nobody is given, since reading the
            authorities takes 15 ms.

    Raises:
        NetworkError: A variable names a bundle of certificates that cannot be read.

    """
    if not needed:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for name in _BUNDLES:
        if os.environ.get(name):
            return _context_of(name, os.environ[name])
    return _context_of("", "")


@cache
def _context_of(name: str, path: str) -> ssl.SSLContext:
    if not name:
        return ssl.create_default_context(cafile=certifi.where())
    try:
        if os.path.isdir(path):  # noqa: PTH112 - it is handed on as text
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except OSError as exc:
        message = f"{name} names {path!r}, from which no certificates can be read: {exc.strerror or exc}"
        raise NetworkError(message) from exc
