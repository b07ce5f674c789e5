"""What is known of a model, from this plugin's table or from the user's configuration."""

from collections.abc import Sequence
from datetime import date

from attrs import field, frozen

from converge_provider import CostClass, Prices

__all__ = ("ModelFacts",)


@frozen(kw_only=True)
class ModelFacts:
    """One model; what nobody has stated is ``None``."""

    context_tokens: int | None = None
    """The window in which everything must fit, in tokens."""
    max_output_tokens: int | None = None
    """The longest answer, in tokens."""
    reasoning: bool | None = None
    web_search: bool | None = None
    tool_use: bool | None = None
    vision: bool | None = None
    structured_output: bool | None = None
    code: bool | None = None
    multilingual: bool | None = None
    content_generation: bool | None = None
    business_acumen: bool | None = None
    documents: bool | None = None
    """Whether it reads documents such as PDF."""
    audio: bool | None = None
    """Whether it listens."""
    cost_class: CostClass | None = None
    """``None``: as the prices say."""
    typical_latency_ms: int | None = None
    """Milliseconds that a typical answer takes."""
    quality: float | None = None
    """How good its answers are, from 0 to 1."""
    prices: Prices | None = None
    refuses: Sequence[str] = field(default=(), converter=tuple[str, ...])
    """Optional fields of a request that it does not honour although the service does."""
    efforts: Sequence[str] = field(default=(), converter=tuple[str, ...])
    """The reasoning efforts that it takes; none: nobody has stated them."""
    tools_effort: str | None = None
    """The only reasoning effort with which it takes tools on this wire."""
    think_tags: bool | None = None
    """Whether it puts its reasoning between ``<think>`` and ``</think>`` at the beginning of the text."""
    source: str | None = None
    """Who says so."""
    as_of: date | None = None
    """When it was true."""
