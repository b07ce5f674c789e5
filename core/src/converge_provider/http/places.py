"""Where a request goes: what of its URL may be shown, and whether it leaves the machine."""

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit

__all__ = ("is_loopback", "place_of")

_LONGEST = 300


@lru_cache(256)
def place_of(url: str) -> str:
    """
    Give what of a URL may be shown: scheme, host, port and path, without user, query and fragment.

    Example:
        >>> place_of("https://me:pw@api.example/v1/chat?key=abc#x")
        'https://api.example/v1/chat'

    """
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that hold no address
        return "a URL that makes no sense"
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return place if len(place) <= _LONGEST else f"{place[:_LONGEST]}…"


def is_loopback(host: str) -> bool:
    """
    Say whether a host is this machine, by its spelling alone.

    Example:
        >>> [is_loopback(host) for host in ("localhost", "127.0.0.2", "::1", "10.0.0.1", "localhost.example")]
        [True, True, True, False, False]

    """
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
