"""One call of one backend, and how it ended."""

from converge_provider.errors import LlmError
from converge_provider.values.classes import frozen
from converge_provider.values.money import Cost
from converge_provider.values.usage import TokenUsage, UsageDetail
from converge_provider.values.vocabulary import Word

__all__ = ("Attempt", "Outcome")


class Outcome(Word):
    """How an attempt ended."""

    ANSWERED = "answered"
    """A complete answer arrived."""
    FAILED = "failed"
    """The backend failed; the attempt's error says how."""
    REJECTED = "rejected"
    """An answer arrived that is not in the format, or not of the shape, that was asked for."""
    CANCELLED = "cancelled"
    """The caller's task was cancelled."""
    CLOSED = "closed"
    """The reader of a stream left before its end."""


@frozen(kw_only=True)
class Attempt:
    """
    One call of one backend; every one is recorded.

    Example:
        >>> str(Attempt(number=1, backend="echo/echo-1", started_s=0.0, elapsed_s=0.25, outcome=Outcome.ANSWERED))
        'attempt 1: echo/echo-1 answered after 0.250 s'

    """

    number: int
    """Which attempt of the request, from 1."""
    backend: str
    """The id of the backend that was called."""
    started_s: float
    """When it began, in seconds since 1970 by the engine's clock."""
    elapsed_s: float
    """Seconds it took, ≥ 0."""
    first_event_s: float | None = None
    """Seconds until the first event of a stream, or ``None`` when there was none or no stream."""
    outcome: Outcome
    error: LlmError | None = None
    """Why it failed, or ``None``."""
    usage: TokenUsage | None = None
    """The tokens it took, as far as the backend said."""
    usage_detail: UsageDetail | None = None
    """The same in disjoint buckets, as they are billed."""
    cost: Cost = Cost(unknown="the backend did not say in detail which tokens it used")
    """What it cost."""

    def __str__(self) -> str:
        """Say in one line how it ended."""
        why = "" if self.error is None else f": {' '.join(str(self.error).split())[:_LONGEST_TEXT]}"
        return f"attempt {self.number}: {self.backend} {self.outcome} after {self.elapsed_s:.3f} s{why}"


_LONGEST_TEXT = 300
