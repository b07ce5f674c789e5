"""Usage: the counts of many vendors → disjoint buckets."""

from collections.abc import Mapping
from typing import Any

from converge_provider import UsageDetail
from converge_provider.http import as_list, as_object, token_count

__all__ = ("usage_from_wire", "usage_in")

_CACHED = ("prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens")


def usage_from_wire(usage: Mapping[str, Any]) -> UsageDetail | None:
    """
    Sort a vendor's counts into disjoint buckets.

    OpenAI counts what was read from the cache within the prompt, reasoning within the completion, and sound within
    both.  Some, such as xAI, count reasoning beside the completion: then, and only then, prompt, completion and
    reasoning add up to the stated total.  DeepSeek states hits and misses of its cache; Kimi what was cached beside the
    other counts, as Perplexity does with reasoning; OpenRouter and LiteLLM also what was written to a cache, within the
    prompt, and LiteLLM for how long.  Sound that was cached is stated by few; without that, sound counts as uncached as
    far as the prompt has room for it.

    Returns:
        The buckets, or ``None`` when there are no numbers or they make no sense: negative, not whole, or a part larger
        than its whole.

    Example:
        >>> cached = {"prompt_tokens_details": {"cached_tokens": 8}}
        >>> usage_from_wire({"prompt_tokens": 10, "completion_tokens": 5, **cached}).totals()
        TokenUsage(prompt_tokens=10, completion_tokens=5, total_tokens=15)

    """
    if usage.get("prompt_tokens") is None and usage.get("completion_tokens") is None:
        return None
    within, beyond = (_details(usage, name) for name in ("prompt", "completion"))
    cached, kept = as_object(within.get("cached_tokens_details")), as_object(within.get("cache_creation_token_details"))
    counts = [
        usage.get("prompt_tokens"),
        usage.get("completion_tokens"),
        _first((within, "cached_tokens"), *((usage, name) for name in _CACHED)),
        _first((within, "cache_write_tokens"), (within, "cache_creation_tokens")),
        kept.get("ephemeral_1h_input_tokens"),
        within.get("audio_tokens"),
        _first((beyond, "reasoning_tokens"), (usage, "reasoning_tokens")),
        beyond.get("audio_tokens"),
    ]
    known = [count for count in map(_count, counts) if count is not None]
    if len(known) < len(counts):
        return None
    prompt, completion, read, written, hour, heard, reasoning, spoken = known
    stated = _count(cached.get("audio_tokens"))
    heard_again = max(stated or 0, read + written + heard - prompt)
    is_beside = reasoning > 0 and _count(usage.get("total_tokens")) == prompt + completion + reasoning
    buckets = {
        "input_uncached": prompt - read - written - (heard - heard_again),
        "cache_read": read - heard_again,
        "cache_write": written - hour,
        "output": completion - spoken - (0 if is_beside else reasoning),
        "reasoning": reasoning,
        "input_audio": heard - heard_again,
        "cache_read_audio": heard_again,
        "cache_write_1h": hour,
        "output_audio": spoken,
    }
    return None if stated is None or min(buckets.values()) < 0 else UsageDetail(**buckets)


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
    for source, name in places:
        value = source.get(name)
        if value is not None:
            return value
    return None


def _count(value: object) -> int | None:
    """Read a count, which some write with a decimal point."""
    return token_count(int(value) if isinstance(value, float) and value.is_integer() else value)
