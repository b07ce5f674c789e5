"""How one model of one service wants Chat Completions spoken."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

__all__ = ("FEATURES", "Dialect")

FEATURES = (
    "max_tokens",
    "temperature",
    "stop_sequences",
    "tool_choice",
    "parallel_tool_calls",
    "response_schema",
    "seed",
    "top_p",
    "reasoning_effort",
)
"""The optional fields of a request that the wire has a place for."""


@frozen(kw_only=True)
class Dialect:
    """What the wire's functions must know of the service and the model; the defaults are OpenAI's documentation."""

    model: str
    """The model as the service names it."""
    honours: frozenset[str] = frozenset(FEATURES)
    """The optional fields of a request that it honours; one that is set and not among them is refused."""
    max_tokens_field: str = "max_tokens"
    """Where the longest answer is stated."""
    seed_field: str = "seed"
    """Where the seed is stated."""
    formats: frozenset[str] = frozenset({"json_object", "json_schema"})
    """The types of ``response_format`` that it enforces."""
    takes_tools: bool = True
    """Whether it calls tools at all."""
    tool_choices: frozenset[str] = frozenset({"auto", "none", "required", "named"})
    """The modes of ``tool_choice`` that it honours."""
    required_choice: str = "required"
    """Its word for the mode in which some tool must be called."""
    short_call_ids: bool = False
    """Whether ids of tool calls must be nine letters or digits."""
    empty_content: bool = False
    """Whether a message of calls alone has an empty text as its content; without any, some templates fail."""
    media: frozenset[str] = frozenset({"images"})
    """What user messages may hold beside text: ``images``, ``image_urls``, ``documents``, ``audio``."""
    efforts: frozenset[str] | None = None
    """The reasoning efforts that it takes; ``None``: nobody has stated them, so any is sent."""
    tools_effort: str | None = None
    """The only reasoning effort with which it takes tools, sent whenever there are tools."""
    effort_field: str = "reasoning_effort"
    """Where the effort is stated; a dot leads into an object."""
    effort_forms: Mapping[str, Mapping[str, Any]] | None = None
    """The fields that state each effort; ``None``: :attr:`effort_field` states any."""
    reasoning_back: str = ""
    """Where reasoning of earlier answers goes back: a field of the message, ``parts`` of its content, ``tags`` in its
    text; empty: nowhere."""
    think_tags: bool = False
    """Whether ``<think>…</think>`` at the beginning of the text is reasoning."""
    stream_options: bool = True
    """Whether usage in a stream must be asked for with ``stream_options``."""
