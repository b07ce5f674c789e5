"""Usage: the vendor's counts → disjoint buckets."""

from collections.abc import Mapping
from typing import Any

from converge_provider import UsageDetail
from converge_provider.http import as_object

__all__ = ("usage_from_wire",)

_MOST = 2**32 - 1


def usage_from_wire(usage: Mapping[str, Any]) -> UsageDetail | None:
    """
    Sort the vendor's counts into disjoint buckets.

    ``input_tokens`` has neither what was read from the cache nor what was written to it; ``output_tokens`` has the
    thinking, whose share newer servers state.  What was written counts by its lifetimes where they are stated.

    Returns:
        The buckets, or ``None`` when the numbers make no sense: negative, not whole, or a part larger than its whole.

    Example:
        >>> usage_from_wire({"input_tokens": 2, "cache_read_input_tokens": 8, "output_tokens": 5})
        UsageDetail(input_uncached=2, cache_read=8, cache_write=0, output=5, reasoning=0)

    """
    lifetimes = as_object(usage.get("cache_creation"))
    counts = [
        _count(usage.get("input_tokens")),
        _count(usage.get("cache_read_input_tokens")),
        *(_count(tokens) for tokens in lifetimes.values()),
        _count(usage.get("cache_creation_input_tokens")),
        _count(usage.get("output_tokens")),
        _count(as_object(usage.get("output_tokens_details")).get("thinking_tokens")),
    ]
    known = [count for count in counts if count is not None]
    if len(known) < len(counts):
        return None
    uncached, read, *by_lifetime, written, output, thinking = known
    written = sum(by_lifetime) or written
    if thinking > output or written > _MOST:
        return None
    return UsageDetail(
        input_uncached=uncached,
        cache_read=read,
        cache_write=written,
        output=output - thinking,
        reasoning=thinking,
    )


def _count(value: object) -> int | None:
    """Read a count; absent is 0, nonsense is ``None``."""
    if value is None:
        return 0
    return value if type(value) is int and 0 <= value <= _MOST else None
