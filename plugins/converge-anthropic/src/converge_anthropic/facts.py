"""What is known of a model, from this plugin's table or from the user's configuration."""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path

from attrs import field, frozen

from converge_provider import CostClass

__all__ = ("ModelFacts", "known_models")


@frozen(kw_only=True)
class ModelFacts:
    """One model; what nobody has stated is ``None``."""

    context_tokens: int | None = None
    """The window in which everything must fit, in tokens."""
    max_output_tokens: int | None = None
    """The longest answer, thinking included, in tokens; asked for where a request states none."""
    reasoning: bool | None = None
    web_search: bool | None = None
    tool_use: bool | None = None
    vision: bool | None = None
    structured_output: bool | None = None
    """Whether it keeps to a JSON Schema natively; false: a forced tool call is used in its place."""
    code: bool | None = None
    multilingual: bool | None = None
    content_generation: bool | None = None
    business_acumen: bool | None = None
    documents: bool | None = None
    """Whether it reads documents such as PDF."""
    cost_class: CostClass | None = None
    typical_latency_ms: int | None = None
    """Milliseconds that a typical answer takes."""
    quality: float | None = None
    """How good its answers are, from 0 to 1."""
    thinking: str | None = None
    """How thinking is asked for: ``adaptive``, or ``budget`` of older models; ``None``: as with newer ones."""
    no_thinking: str | None = None
    """How thinking is declined: ``disabled`` or ``between_tools``."""
    efforts: Sequence[str] = field(default=(), converter=tuple[str, ...])
    """The reasoning efforts that it takes, of the contract's; none: nobody has stated them."""
    forced_tools: bool | None = None
    """Whether a request may demand a tool call."""
    prefill: bool | None = None
    """Whether a conversation may end with the beginning of the answer."""
    refuses: Sequence[str] = field(default=(), converter=tuple[str, ...])
    """Optional fields of a request that it does not honour although the wire does."""
    source: str | None = None
    """Who says so."""
    as_of: date | None = None
    """When it was true."""


@cache
def known_models() -> Mapping[str, ModelFacts]:
    """
    Read the table.

    The rows are this plugin's own, and its tests load them through the strict codec; at run time they are taken as they
    are, since the codec would cost a start of the program 30 ms.
    """
    text = Path(__file__).with_name("models.toml").read_text("utf-8")
    return {name: ModelFacts(**row) for name, row in tomllib.loads(text).items()}
