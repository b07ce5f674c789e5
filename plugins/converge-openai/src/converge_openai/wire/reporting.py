"""What else a vendor says of an answer: its sources, and every further field as text under its own name."""

from collections.abc import Iterator, Mapping
from typing import Any

from converge_provider.http import as_list, as_object

__all__ = ("KNOWN_IN_CHOICE", "KNOWN_IN_MESSAGE", "further_fields", "gather", "sources_in")

KNOWN_IN_MESSAGE = frozenset(
    {"annotations", "content", "function_call", "reasoning", "reasoning_content", "refusal", "role", "tool_calls"}
)
"""The fields of a message, and of a delta, that the answer is made of."""

KNOWN_IN_CHOICE = frozenset(
    {"delta", "finish_reason", "index", "logprobs", "message", "stop_reason", "token_ids", "usage"}
)
"""The fields of a choice that the answer is made of, or that are of no use outside the server."""

_READ_ELSEWHERE = frozenset({"choices", "created", "model", "object", "usage"})
_READ_IN_USAGE = frozenset(
    {"prompt_tokens", "completion_tokens", "total_tokens", "reasoning_tokens", "cached_tokens", "num_cached_tokens"}
    | {"prompt_cache_hit_tokens", "prompt_cache_miss_tokens", "cache_write_tokens"}
    | {"cache_creation_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"}
)
_LONGEST_LIST = 1_000


def further_fields(body: Mapping[str, Any], choice: Mapping[str, Any]) -> dict[str, Any]:
    """
    Give the fields that nothing else reads.

    Those of usage stand under ``usage.NAME``, without the counts that became buckets and further ones that are 0.
    """
    found = {key: value for key, value in choice.items() if key not in KNOWN_IN_CHOICE}
    found |= {key: value for key, value in body.items() if key not in _READ_ELSEWHERE}
    for key, value in _flat(as_object(body.get("usage"))):
        is_count = key.endswith("tokens")
        if not is_count or (value and key.rpartition(".")[2] not in _READ_IN_USAGE):
            found[f"usage.{key}"] = value
    return found


def gather(kept: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Keep the fields of a message that nothing else reads: lists grow with each piece, of others the last stays."""
    for key, value in delta.items():
        if key in KNOWN_IN_MESSAGE or value is None:
            continue
        before, further = as_list(kept.get(key)), as_list(value)
        kept[key] = [*before, *further][:_LONGEST_LIST] if before and further else value


def sources_in(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Give the sources that services list beside the choices, each with ``url``, ``title`` and ``content``."""
    for result in as_list(body.get("search_results")):  # Perplexity
        yield as_object(result)
    for result in as_list(body.get("web_search")):  # Zhipu
        yield {**as_object(result), "url": as_object(result).get("link")}
    for result in as_list(as_object(body.get("venice_parameters")).get("web_search_citations")):
        yield as_object(result)
    for url in as_list(body.get("citations")):  # Perplexity, xAI
        yield {"url": url}


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Give every scalar of nested objects, under its dotted name."""
    for key, value in values.items():
        if inner := as_object(value):
            yield from _flat(inner, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
