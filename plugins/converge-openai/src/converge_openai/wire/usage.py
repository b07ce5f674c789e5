"""Usage: the counts of many vendors → disjoint buckets."""

from collections.abc import Mapping
from typing import Any

from converge_provider import UsageDetail
from converge_provider.http import as_list, as_object

__all__ = ("usage_from_wire", "usage_in")

_MOST = 2**32 - 1
_CACHED = ("prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens")


def usage_from_wire(usage: Mapping[str, Any]) -> UsageDetail | None:
    """
    Sort a vendor's counts into disjoint buckets.

    OpenAI counts what was read from the cache within the prompt, and reasoning within the completion.  Some, such as
    xAI, count reasoning beside the completion: then, and only then, prompt, completion and reasoning add up to the
    stated total.  DeepSeek states hits and misses of its cache; Kimi what was cached beside the other counts, as
    Perplexity does with reasoning; OpenRouter and LiteLLM also what was written to a cache, within the prompt.

    Returns:
        The buckets, or ``None`` when there are no numbers or they make no sense: negative, not whole, or a part larger
        than its whole.

    Example:
        >>> cached = {"prompt_tokens_details": {"cached_tokens": 8}}
        >>> usage_from_wire({"prompt_tokens": 10, "completion_tokens": 5, **cached})
        UsageDetail(input_uncached=2, cache_read=8, cache_write=0, output=5, reasoning=0)

    """
    prompt, completion, total = (_count(usage.get(f"{name}_tokens")) for name in ("prompt", "completion", "total"))
    if usage.get("prompt_tokens") is None and usage.get("completion_tokens") is None:
        return None
    within, beyond = (_details(usage, name) for name in ("prompt", "completion"))
    read = _count(_first((within, "cached_tokens"), *((usage, name) for name in _CACHED)))
    written = _count(_first((within, "cache_write_tokens"), (within, "cache_creation_tokens")))
    reasoning = _count(_first((beyond, "reasoning_tokens"), (usage, "reasoning_tokens")))
    if prompt is None or completion is None or read is None or written is None or reasoning is None:
        return None
    beside = reasoning > 0 and total == prompt + completion + reasoning
    output = completion if beside else completion - reasoning
    uncached = prompt - read - written
    if uncached < 0 or output < 0:
        return None
    return UsageDetail(
        input_uncached=uncached, cache_read=read, cache_write=written, output=output, reasoning=reasoning
    )


def usage_in(chunk: Mapping[str, Any]) -> dict[str, Any]:
    """
    Find a chunk's usage: beside the choices, in what Groq adds, or in the choice as Kimi streams it.

    Returns:
        The counts under the vendor's names, empty when there are none.

    """
    found = as_object(chunk.get("usage"))
    if not found and "x_groq" in chunk:
        found = as_object(as_object(chunk["x_groq"]).get("usage"))
    if not found:
        choice = next(iter(as_list(chunk.get("choices"))), None)
        found = as_object(as_object(choice).get("usage"))
    return found


def _details(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Give the details of a count; WRITER leaves out a letter of their name."""
    return as_object(usage.get(f"{name}_tokens_details") or usage.get(f"{name}_token_details"))


def _first(*places: tuple[Mapping[str, Any], str]) -> object:
    return next((source[name] for source, name in places if source.get(name) is not None), None)


def _count(value: object) -> int | None:
    """Read a count; absent is 0, nonsense is ``None``."""
    if value is None:
        return 0
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST
    return value if is_count and isinstance(value, int) else None
