"""What attempts say of a backend."""

from converge_provider.engine.outcomes import Attempt, Outcome
from converge_provider.values.classes import frozen

__all__ = ("Remembered", "average")

_NEWEST = 0.2
"""The weight of the newest measurement in a moving average."""


@frozen(kw_only=True)
class Remembered:
    """
    What is remembered of one backend.

    Example:
        >>> answered = Attempt(number=1, backend="a/b", started_s=5.0, elapsed_s=2.0, outcome=Outcome.ANSWERED)
        >>> Remembered().after(answered).latency_s
        2.0

    """

    calls: int = 0
    """Attempts that ended by themselves: answered, rejected or failed."""
    failures_in_row: int = 0
    """Failures since the last answer."""
    last_answer_s: float | None = None
    """When it last answered, in seconds since 1970."""
    last_failure_s: float | None = None
    """When it last failed, in seconds since 1970."""
    last_error: str | None = None
    """The name of the last failure's class."""
    latency_s: float | None = None
    """Seconds that an answer takes, as a moving average in which the newest counts a fifth."""
    first_event_s: float | None = None
    """Seconds until a stream's first event, as a moving average in which the newest counts a fifth."""

    def after(self, attempt: Attempt) -> "Remembered":
        """Give what is remembered after this attempt; one that the caller ended says nothing of the backend."""
        ended_s = attempt.started_s + attempt.elapsed_s
        match attempt.outcome:
            case Outcome.ANSWERED | Outcome.REJECTED:
                return Remembered(
                    calls=self.calls + 1,
                    failures_in_row=0,
                    last_answer_s=ended_s,
                    last_failure_s=self.last_failure_s,
                    last_error=self.last_error,
                    latency_s=average(self.latency_s, attempt.elapsed_s),
                    first_event_s=average(self.first_event_s, attempt.first_event_s),
                )
            case Outcome.FAILED:
                return Remembered(
                    calls=self.calls + 1,
                    failures_in_row=self.failures_in_row + 1,
                    last_answer_s=self.last_answer_s,
                    last_failure_s=ended_s,
                    last_error=type(attempt.error).__name__,
                    latency_s=self.latency_s,
                    first_event_s=self.first_event_s,
                )
            case Outcome.CANCELLED | Outcome.CLOSED:
                return self


def average(before: float | None, newest: float | None) -> float | None:
    """
    Move an average by its newest measurement; ``None``: there was none.

    Example:
        >>> average(None, 2.0), average(2.0, None), average(2.0, 7.0)
        (2.0, 2.0, 3.0)

    """
    if before is None or newest is None:
        return before if newest is None else newest
    return before + _NEWEST * (newest - before)
