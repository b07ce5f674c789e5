"""Usage: the vendor's counts → disjoint buckets."""

from collections.abc import Mapping
from typing import Any

from converge_provider import UsageDetail
from converge_provider.http import MOST_TOKENS, as_object, token_count

__all__ = ("usage_from_wire",)

_HOUR = "ephemeral_1h_input_tokens"


def usage_from_wire(usage: Mapping[str, Any]) -> UsageDetail | None:
    """
    Sort the vendor's counts into disjoint buckets.

    ``input_tokens`` has neither what was read from the cache nor what was written to it; ``output_tokens`` has the
    thinking, whose share newer servers state.  What was written counts by its lifetimes where they are stated: one of
    an hour has a bucket, since its price differs.

    Returns:
        The buckets, or ``None`` when the numbers make no sense: negative, not whole, or a part larger than its whole.

    Example:
        >>> usage_from_wire({"input_tokens": 2, "cache_read_input_tokens": 8, "output_tokens": 5}).totals()
        TokenUsage(prompt_tokens=10, completion_tokens=5, total_tokens=15)

    """
    lifetimes = as_object(usage.get("cache_creation"))
    counts = [
        token_count(usage.get("input_tokens")),
        token_count(usage.get("cache_read_input_tokens")),
        token_count(lifetimes.get(_HOUR)),
        *(token_count(tokens) for lifetime, tokens in lifetimes.items() if lifetime != _HOUR),
        token_count(usage.get("cache_creation_input_tokens")),
        token_count(usage.get("output_tokens")),
        token_count(as_object(usage.get("output_tokens_details")).get("thinking_tokens")),
    ]
    known = [count for count in counts if count is not None]
    if len(known) < len(counts):
        return None
    uncached, read, hour, *otherwise, written, output, thinking = known
    shorter = sum(otherwise) if hour or any(otherwise) else written
    if thinking > output or hour + shorter > MOST_TOKENS:
        return None
    return UsageDetail(
        input_uncached=uncached,
        cache_read=read,
        cache_write=shorter,
        cache_write_1h=hour,
        output=output - thinking,
        reasoning=thinking,
    )
