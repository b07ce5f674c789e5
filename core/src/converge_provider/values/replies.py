"""What a chat backend answers."""

from collections.abc import Mapping, Sequence

from attrs import field

from converge_provider.values.classes import frozen
from converge_provider.values.freezing import own_texts
from converge_provider.values.messages import ToolCall
from converge_provider.values.parts import Part
from converge_provider.values.usage import TokenUsage, UsageDetail
from converge_provider.values.vocabulary import Word

__all__ = ("ChatResponse", "FinishReason")


class FinishReason(Word):
    """Why the model stopped."""

    STOP = "stop"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"
    STOP_SEQUENCE = "stop_sequence"
    TOOL_CALLS = "tool_calls"


@frozen(kw_only=True)
class ChatResponse:
    """One answer of a chat backend."""

    content: str
    """The answer's text; empty when the model only calls tools."""
    tool_calls: Sequence[ToolCall] = field(default=(), converter=tuple[ToolCall, ...], metadata={"may_be_absent": True})
    usage: TokenUsage | None = None
    model: str | None = None
    """The model as the vendor names the one that answered."""
    finish_reason: FinishReason | None = None
    metadata: Mapping[str, str] = field(factory=dict[str, str], converter=own_texts, hash=False)
    """What else the vendor said, as text."""

    parts: Sequence[Part] = field(default=(), converter=tuple[Part, ...], metadata={"omit_empty": True})
    """Text and reasoning in the vendor's order, to be sent back in the next request."""
    usage_detail: UsageDetail | None = field(default=None, metadata={"omit_empty": True})
    """The tokens in disjoint buckets."""
