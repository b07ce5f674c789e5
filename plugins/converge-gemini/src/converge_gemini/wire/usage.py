"""Usage: the service's counts → disjoint buckets."""

from collections.abc import Mapping
from typing import Any

from converge_provider import UsageDetail
from converge_provider.http import MOST_TOKENS, as_list, as_object, token_count

__all__ = ("usage_from_wire",)

_COUNTS = ("prompt", "cachedContent", "toolUsePrompt", "candidates", "thoughts")


def usage_from_wire(usage: Mapping[str, Any]) -> UsageDetail | None:
    """
    Sort the service's counts into disjoint buckets.

    The prompt's count contains what was read from the cache; results of the service's own tools are read beside the
    prompt; thoughts are counted beside the candidates, unless the stated total says that they are among them.  The
    details of each count tell sound from the rest.

    Returns:
        The buckets, or ``None`` when the numbers make no sense: negative, not whole, or a part larger than its whole.

    Example:
        >>> usage_from_wire({"promptTokenCount": 10, "cachedContentTokenCount": 8, "candidatesTokenCount": 5}).totals()
        TokenUsage(prompt_tokens=10, completion_tokens=5, total_tokens=15)

    """
    counts = [token_count(usage.get(f"{name}TokenCount")) for name in _COUNTS]
    sounds = [_sound(usage.get(f"{name}TokensDetails")) for name in ("prompt", "cache", "toolUsePrompt", "candidates")]
    known = [count for count in (*counts, *sounds) if count is not None]
    if len(known) < len(counts) + len(sounds):
        return None
    prompt, cached, tools, candidates, thoughts, heard, heard_again, heard_by_tools, spoken = known
    is_among = thoughts > 0 and token_count(usage.get("totalTokenCount")) == prompt + tools + candidates
    heard = max(heard, heard_again) - heard_again + heard_by_tools
    buckets = {
        "input_uncached": prompt - cached + tools - heard,
        "cache_read": cached - heard_again,
        "output": candidates - spoken - (thoughts if is_among else 0),
        "reasoning": thoughts,
        "input_audio": heard,
        "cache_read_audio": heard_again,
        "output_audio": spoken,
    }
    return UsageDetail(**buckets) if all(0 <= tokens <= MOST_TOKENS for tokens in buckets.values()) else None


def _sound(details: object) -> int | None:
    """Read how many of some tokens are sound; nonsense is ``None``."""
    counts = [
        token_count(one.get("tokenCount")) for one in map(as_object, as_list(details)) if one.get("modality") == "AUDIO"
    ]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None
