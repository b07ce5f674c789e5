"""A number that looks drawn at random and is the same for the same words, on every machine."""

from hashlib import sha256

__all__ = ("hashed_share",)

_BITS = 53
"""As many as a float holds exactly."""


def hashed_share(*words: str) -> float:
    """
    Give a number that depends on some words alone, spread evenly over 0 to 1.

    It is for policies that spread requests: they draw no randomness, but may hash a key, a seed and a backend's id.

    Args:
        words: Any texts; ``("a", "b")`` and ``("ab",)`` are different words.

    Returns:
        From 0 up to, not including, 1; from SHA-256, so that it never changes between processes or versions.

    Example:
        >>> hashed_share("session 7", "acme/large") == hashed_share("session 7", "acme/large")
        True
        >>> round(hashed_share("session 7"), 3)
        0.541

    """
    text = "".join([f"{len(word)}:{word}" for word in words])
    digest = sha256(text.encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(digest[:8], "big") >> (64 - _BITS)) / (1 << _BITS)
