"""One attempt as it stands in the record."""

from typing import TYPE_CHECKING

from attrs import field

from converge_provider.engine.logs import brief
from converge_provider.engine.outcomes import Outcome
from converge_provider.values.classes import frozen
from converge_provider.values.money import Cost
from converge_provider.values.usage import TokenUsage, UsageDetail
from converge_provider.values.vocabulary import Word

if TYPE_CHECKING:
    from converge_provider.engine.outcomes import Attempt

__all__ = ("AttemptRow", "Step", "attempt_row")


class Step(Word):
    """What an attempt is to those before it."""

    FIRST = "first"
    RETRY = "retry"
    """The backend that failed last, once more."""
    SWITCH = "switch"
    """Another backend than the one that failed last."""
    HEDGE = "hedge"
    """A second backend beside one that is slow."""


@frozen(kw_only=True)
class AttemptRow:
    """One attempt."""

    number: int
    step: Step
    backend: str
    started_s: float
    elapsed_s: float
    first_event_s: float | None
    outcome: Outcome
    failure: str | None
    """What failed, without a word of the provider's."""
    usage: TokenUsage | None
    usage_detail: UsageDetail | None = field(default=None, metadata={"omit_empty": True})
    """The same in disjoint buckets, as they are billed."""
    cost: Cost


def attempt_row(attempt: "Attempt", step: Step) -> AttemptRow:
    """
    Take of an attempt what may be kept.

    Its error is not: that holds the provider's words and, by the traceback of its cause, any amount of memory.
    """
    return AttemptRow(
        number=attempt.number,
        step=step,
        backend=attempt.backend,
        started_s=attempt.started_s,
        elapsed_s=attempt.elapsed_s,
        first_event_s=attempt.first_event_s,
        outcome=attempt.outcome,
        failure=None if attempt.error is None else brief(attempt.error),
        usage=attempt.usage,
        usage_detail=attempt.usage_detail,
        cost=attempt.cost,
    )
