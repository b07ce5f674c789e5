"""Where a service answers: what users write as its base URL, made one form."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from converge_provider.errors import ConfigurationError

__all__ = ("canonical_url", "host_of")

_VERSION = re.compile(r"/v\d+[a-z0-9]*$")
_REACHED_AT = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "": "127.0.0.1"}  # noqa: S104 - listened to, not bound


def canonical_url(
    written: str, *, service_url: str, setting: str, endpoints: Sequence[str] = (), version: str = "v1"
) -> str:
    """
    Make one form of what a user wrote.

    Without a scheme it is ``http://``, with the service's usual port; the version is added unless the path ends in one
    already, and an endpoint at the end is cut off.

    Args:
        written: With or without scheme, port, version and trailing slashes.
        service_url: The service's usual base URL, which lends its port.
        setting: What the user set, for the error.
        endpoints: What may stand behind the base, ``/chat/completions``, and is cut off.
        version: What a base URL ends in, ``v1``; empty: nothing.

    Raises:
        ConfigurationError: It is no address of an HTTP server.

    Example:
        >>> canonical_url("gpu2/", service_url="http://localhost:8000/v1", setting="base_url")
        'http://gpu2:8000/v1'
        >>> canonical_url("https://api.example/v4/chat", service_url="", setting="base_url", endpoints=("/chat",))
        'https://api.example/v4'

    """
    text = written.strip()
    bare = "://" not in text
    try:
        parts = urlsplit(f"http://{text}" if bare else text)
        port = parts.port or (urlsplit(service_url).port if bare else None)
    except ValueError as exc:
        raise _refusal(setting, str(exc)) from exc
    if parts.scheme not in {"http", "https"} or not text.isascii() or " " in text or "@" in parts.netloc:
        raise _refusal(setting, "its scheme must be http or https, and it must hold neither spaces nor credentials")
    if parts.query or parts.fragment:
        raise _refusal(setting, "it must hold neither a query nor a fragment")
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname or ""
    host = _REACHED_AT.get(host, host)
    return f"{parts.scheme}://{host}{'' if port is None else f':{port}'}{_path(parts.path, endpoints, version)}"


def _refusal(setting: str, reason: str) -> ConfigurationError:
    message = f"{setting} is not the address of a server: {reason}; expected something like http://localhost:8000/v1"
    return ConfigurationError(message)


def _path(written: str, endpoints: Sequence[str], version: str) -> str:
    path = written.rstrip("/")
    for endpoint in endpoints:
        path = path.removesuffix(endpoint)
    return path if not version or _VERSION.search(path) else f"{path}/{version}"


def host_of(url: str) -> str:
    """Give the host of a URL in lower case, or an empty text."""
    return urlsplit(url).hostname or ""
