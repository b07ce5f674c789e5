"""Reading JSON of which nothing is certain."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from converge_provider.errors import ProviderError
from converge_provider.http.documents import document_of

__all__ = ("MOST_TOKENS", "as_list", "as_metadata", "as_object", "parsed", "text_in", "token_count", "token_limit")

MOST_TOKENS = 2**28 - 1
"""The largest count of tokens that is taken for one, so that all buckets of an answer together fit into 32 bits."""


def parsed(body: bytes) -> object:
    """Read the JSON of a body, as :func:`document_of` does; what is none gives ``None``."""
    try:
        return document_of(body)
    except ValueError:
        return None


def as_object(value: object) -> dict[str, Any]:
    """Give a JSON object as it is, and an empty one for anything else."""
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]  # whatever JSON holds


def as_list(value: object) -> Sequence[Any]:
    """Give a JSON list as it is, and an empty one for anything else."""
    return value if isinstance(value, list) else ()  # pyright: ignore[reportUnknownVariableType]  # whatever JSON holds


def as_metadata(values: Mapping[str, Any]) -> dict[str, str]:
    """
    Write every value that is there as text, as a response's metadata holds it: a text as it is, the rest as JSON.

    Example:
        >>> as_metadata({"id": "r1", "scores": [1, 2], "tier": None})
        {'id': 'r1', 'scores': '[1, 2]'}

    """
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in values.items()
        if value is not None
    }


def text_in(value: object) -> str:
    """
    Give the text that stands where one belongs.

    Raises:
        ProviderError: Something else stands there.

    """
    if not isinstance(value, str):
        message = f"the answer holds a {type(value).__name__} where a text belongs"
        raise ProviderError(message)
    return value


def token_count(value: object) -> int | None:
    """
    Read how many tokens an answer took: what is absent is 0, and nonsense is ``None``.

    Example:
        >>> [token_count(value) for value in (7, None, -1, "7", 2**28)]
        [7, 0, None, None, None]

    """
    if value is None:
        return 0
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None


def token_limit(value: object) -> int | None:
    """
    Read the size of a window or of the longest answer, in tokens; what is absent, zero or nonsense is ``None``.

    Example:
        >>> [token_limit(value) for value in (8192, None, 0, True, 2**32)]
        [8192, None, None, None, None]

    """
    return value if type(value) is int and 0 < value < 2**32 else None
