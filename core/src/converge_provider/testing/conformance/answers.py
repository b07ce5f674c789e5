"""What a double is told to say: answers and failures in no vendor's words."""

from collections.abc import Sequence

from attrs import field, frozen

from converge_provider.values.replies import FinishReason
from converge_provider.values.usage import UsageDetail
from converge_provider.values.vocabulary import Word

__all__ = ("CannedAnswer", "CannedCall", "CannedFailure", "CannedReasoning", "Failure")


@frozen(kw_only=True)
class CannedCall:
    """A call of a tool."""

    id: str = "A1b2C3d4E"
    """Vendor's name for it; a wire without ids leaves it out, and its double says ``call_ids = False``."""
    name: str = "weather"
    pieces: Sequence[str] = field(default=('{"marker_city": "Os', 'lo"}'), converter=tuple[str, ...])
    """The arguments' JSON text as a stream cuts it; joined it may be malformed."""

    @property
    def arguments(self) -> str:
        """The whole text."""
        return "".join(self.pieces)


@frozen(kw_only=True)
class CannedReasoning:
    """A block of reasoning."""

    pieces: Sequence[str] = field(default=("Let me ", "think."), converter=tuple[str, ...])
    """What may be read of it, as a stream cuts it; empty when it is redacted."""
    signature: str | None = None
    """The vendor's opaque proof, or the encrypted block itself when :attr:`redacted`."""
    redacted: bool = False

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.pieces)


@frozen(kw_only=True)
class CannedAnswer:
    """
    A complete answer: reasoning first, then text, then calls of tools.

    Example:
        >>> CannedAnswer(pieces=("Hel", "lo")).text
        'Hello'

    """

    pieces: Sequence[str] = field(default=("Good ", "morning."), converter=tuple[str, ...])
    """The text, as a stream cuts it: one event each; none when the model only calls tools."""
    reasoning: Sequence[CannedReasoning] = field(default=(), converter=tuple[CannedReasoning, ...])
    calls: Sequence[CannedCall] = field(default=(), converter=tuple[CannedCall, ...])
    usage: UsageDetail = UsageDetail(input_uncached=11, output=7)
    """Disjoint buckets, to be put into the counts that the vendor gives, which may contain each other."""
    finish: FinishReason = FinishReason.STOP
    stop_sequence: str | None = None
    """The text that ended the answer, when it was one."""

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.pieces)


class Failure(Word):
    """How a service refuses, by what its caller should do about it."""

    BAD_KEY = "bad_key"
    """It does not know the key (usually 401)."""
    FORBIDDEN = "forbidden"
    """It knows the key, which may not do this (usually 403)."""
    MODEL_NOT_FOUND = "model_not_found"
    RATE_LIMITED = "rate_limited"
    """Too many calls (usually 429); see :attr:`CannedFailure.retry_after_s`."""
    OVERLOADED = "overloaded"
    """It has too much to do for everybody (503, 529)."""
    SERVER_ERROR = "server_error"
    """It failed by itself (500)."""
    OVERFLOW = "overflow"
    """The request is longer than the model can read."""
    FILTERED = "filtered"
    """It refuses to speak of this, before any answer."""
    INVALID_REQUEST = "invalid_request"
    """A field of the request is wrong."""


@frozen(kw_only=True)
class CannedFailure:
    """A failure, to be said as the vendor says it."""

    kind: Failure
    message: str = "the double says no"
    """To stand in the vendor's message, so that one sees where it goes; for some kinds the vendor's words come too."""
    retry_after_s: int | None = None
    """Seconds in the vendor's hint when to come back; ``None``: no hint."""
    model: str = "model-1"
    """The model that is not found."""
    max_tokens: int = 4096
    """Tokens that the model can read, for an overflow."""
    request_tokens: int = 9000
    """Tokens that the request has, for an overflow."""
