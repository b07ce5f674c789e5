"""Which way a request takes: through which proxy, and which certificate authorities are believed."""

import os
import ssl
import urllib.request
from contextlib import suppress
from functools import cache
from pathlib import Path

import certifi

from converge_provider.errors import NetworkError
from converge_provider.http.places import is_loopback, place_of

__all__ = ("proxy_for", "tls_context", "unusable_proxy")

_FOLDERS = "SSL_CERT_DIR"
_OPENSSL = ("SSL_CERT_FILE", _FOLDERS)
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


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
    environ = os.environ
    named = [(name, environ[name]) for name in _OPENSSL if environ.get(name)]
    named = named or [(name, environ[name]) for name in _BUNDLES if environ.get(name)][:1]
    return _context_of(tuple(named))


@cache
def _context_of(named: tuple[tuple[str, str], ...]) -> ssl.SSLContext:
    if not named:
        return ssl.create_default_context(cafile=certifi.where())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for name, places in named:
        for place in places.split(os.pathsep) if name == _FOLDERS else (places,):
            _believe(context, name, Path(place))
    return context


def _believe(context: ssl.SSLContext, name: str, place: Path) -> None:
    """Believe the authorities of a file, or of a folder, whether or not its files are named as OpenSSL wants."""
    try:
        if not place.is_dir():
            context.load_verify_locations(place)
            return
        context.load_verify_locations(capath=place)
        files = [file for file in place.iterdir() if file.suffix in {".crt", ".cer", ".pem"}]
    except OSError as exc:
        message = f"{name} names {str(place)!r}, from which no certificates can be read: {exc.strerror or exc}"
        raise NetworkError(message) from exc
    for file in files:
        with suppress(OSError):  # a key beside its certificate, or a link that leads nowhere
            context.load_verify_locations(file)
