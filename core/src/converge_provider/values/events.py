"""
What a streamed answer is made of.

Every stream ends with exactly one :class:`Finished`; one that ends without it broke off, and that is an error.
"""

from attrs import field

from converge_provider.values.classes import frozen
from converge_provider.values.messages import ToolCall
from converge_provider.values.parts import show_signature
from converge_provider.values.replies import ChatResponse
from converge_provider.values.usage import UsageDetail

__all__ = (
    "BackendSwitched",
    "Citation",
    "Finished",
    "ReasoningBlock",
    "ReasoningDelta",
    "StreamEvent",
    "TextDelta",
    "ToolCallDelta",
    "ToolCallFinished",
    "ToolCallMalformed",
    "ToolCallStarted",
    "UsageReported",
)


@frozen
class TextDelta:
    """The next stretch of the answer's text."""

    text: str


@frozen
class ReasoningDelta:
    """The next stretch of the model's visible reasoning."""

    text: str


@frozen
class ReasoningBlock:
    """A finished block of reasoning, to be given back unchanged."""

    text: str
    signature: str | None = field(default=None, repr=show_signature)
    """The vendor's opaque proof, or the encrypted block itself when :attr:`redacted`."""
    redacted: bool = False


@frozen
class ToolCallStarted:
    """The model begins to call a tool."""

    index: int
    """Which call of this answer, from 0; calls may be interleaved."""
    id: str
    name: str


@frozen
class ToolCallDelta:
    """The next stretch of a call's arguments."""

    index: int
    arguments: str


@frozen
class ToolCallFinished:
    """A call is complete and its arguments are a JSON object."""

    index: int
    call: ToolCall


@frozen
class ToolCallMalformed:
    """A call is complete but its arguments are not a JSON object."""

    index: int
    call: ToolCall
    problem: str


@frozen
class Citation:
    """A source that the answer rests on."""

    url: str | None = None
    title: str | None = None
    text: str | None = None


@frozen
class UsageReported:
    """The tokens taken so far; a later report replaces an earlier one."""

    usage: UsageDetail


@frozen
class BackendSwitched:
    """The answer goes on at another backend, because the first one broke off; only in the mode that allows it."""

    failed: str
    """The id of the backend that broke off."""
    chosen: str
    """The id of the backend that goes on."""
    reason: str


@frozen
class Finished:
    """The answer is complete."""

    response: ChatResponse
    """The whole answer, as the call without streaming would have given it."""


StreamEvent = (
    TextDelta
    | ReasoningDelta
    | ReasoningBlock
    | ToolCallStarted
    | ToolCallDelta
    | ToolCallFinished
    | ToolCallMalformed
    | Citation
    | UsageReported
    | BackendSwitched
    | Finished
)
"""One event of a streamed answer."""
