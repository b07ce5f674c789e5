"""What else the service says of an answer, kept as text under its own names."""

from collections.abc import Mapping
from typing import Any

from converge_provider.http import as_metadata, as_object

__all__ = ("reported",)

_READ_ELSEWHERE = frozenset({"candidates", "modelVersion", "usageMetadata"})
_READ_OF_CANDIDATE = frozenset({"content", "finishReason", "index"})
_COUNTS = frozenset(
    f"{name}TokenCount" for name in ("prompt", "cachedContent", "toolUsePrompt", "candidates", "thoughts", "total")
)


def reported(
    body: Mapping[str, Any], candidate: Mapping[str, Any], *, with_counts: bool, own: Mapping[str, Any]
) -> dict[str, str]:
    """
    Give the fields that nothing else reads, those of usage under ``usage.NAME``; a text as it is, the rest as JSON.

    Args:
        body: The last of everything that stood at the top of a document.
        candidate: The same of the candidate.
        with_counts: Whether the counts of usage are wanted too, since nobody could make sense of them.
        own: What the adapter itself has to say.

    """
    usage = as_object(body.get("usageMetadata"))
    found = {
        **{key: value for key, value in body.items() if key not in _READ_ELSEWHERE},
        **{key: value for key, value in candidate.items() if key not in _READ_OF_CANDIDATE},
        **{f"usage.{key}": value for key, value in usage.items() if with_counts or key not in _COUNTS},
        **own,
    }
    return as_metadata(found)
