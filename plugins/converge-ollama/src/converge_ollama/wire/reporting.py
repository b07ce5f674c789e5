"""What else the server says of an answer, kept as text under its own names."""

from collections.abc import Mapping, Sequence
from typing import Any

from converge_provider.http import as_metadata

__all__ = ("reported",)

_READ_ELSEWHERE = frozenset({"message", "model", "done", "logprobs"})
_READ_OF_MESSAGE = frozenset({"role", "content", "thinking", "tool_calls"})
_COUNTS = frozenset({"prompt_eval_count", "eval_count"})
_REASONS = frozenset({"stop", "length"})


def reported(
    body: Mapping[str, Any], message: Mapping[str, Any], logprobs: Sequence[Any], *, counted: bool
) -> dict[str, str]:
    """
    Give the fields that nothing else reads, those of the message under ``message.NAME``; a text as it is, else JSON.

    Args:
        body: The last of everything that stood at the top of a document; durations are nanoseconds.
        message: The same of the message.
        logprobs: Those of all documents.
        counted: Whether the counts made sense; otherwise they are wanted too.

    """
    found = {
        key: value for key, value in body.items() if key not in _READ_ELSEWHERE and not (counted and key in _COUNTS)
    }
    if str(found.get("done_reason")) in _REASONS:
        del found["done_reason"]
    found |= {f"message.{key}": value for key, value in message.items() if key not in _READ_OF_MESSAGE}
    found["logprobs"] = logprobs or None
    return as_metadata(found)
