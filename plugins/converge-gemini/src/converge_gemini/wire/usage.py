"""Usage: the service's counts → disjoint buckets."""

from collections.abc import Mapping
from typing import Any

from converge_provider import UsageDetail

__all__ = ("usage_from_wire",)

_MOST = 2**32 - 1


def usage_from_wire(usage: Mapping[str, Any]) -> UsageDetail | None:
    """
    Sort the service's counts into disjoint buckets.

    The prompt's count contains what was read from the cache; results of the service's own tools are read beside the
    prompt; thoughts are counted beside the candidates, unless the stated total says that they are among them.

    Returns:
        The buckets, or ``None`` when the numbers make no sense: negative, not whole, or a part larger than its whole.

    Example:
        >>> usage_from_wire({"promptTokenCount": 10, "cachedContentTokenCount": 8, "candidatesTokenCount": 5})
        UsageDetail(input_uncached=2, cache_read=8, cache_write=0, output=5, reasoning=0)

    """
    names = ("prompt", "cachedContent", "toolUsePrompt", "candidates", "thoughts", "total")
    prompt, cached, tools, candidates, thoughts, total = (_count(usage.get(f"{name}TokenCount")) for name in names)
    if prompt is None or cached is None or tools is None or candidates is None or thoughts is None:
        return None
    among = thoughts > 0 and total == prompt + tools + candidates
    output = candidates - thoughts if among else candidates
    if cached > prompt or output < 0 or prompt - cached + tools > _MOST:
        return None
    return UsageDetail(input_uncached=prompt - cached + tools, cache_read=cached, output=output, reasoning=thoughts)


def _count(value: object) -> int | None:
    """Read a count; absent is 0, nonsense is ``None``."""
    if value is None:
        return 0
    return value if type(value) is int and 0 <= value <= _MOST else None
