"""One attempt under way."""

from typing import TYPE_CHECKING, TypeVar

from attrs import define, field

from converge_provider.engine.deadlines import Deadline
from converge_provider.engine.guards import Admission
from converge_provider.engine.outcomes import Attempt, Outcome
from converge_provider.errors import LlmError, Timeout
from converge_provider.values.money import Cost, Prices
from converge_provider.values.usage import TokenUsage, UsageDetail

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from converge_provider.registry import CatalogueEntry
    from converge_provider.selection import Decision

__all__ = ("Trial", "cost_of")

T = TypeVar("T")


@define(kw_only=True, eq=False)
class Trial:
    """One attempt under way: what is known of it so far."""

    admission: Admission
    decision: "Decision"
    """The selection that chose its backend."""
    started_s: float
    """When it began, in seconds since 1970."""
    begun_s: float
    """When it began, by the steady clock."""
    limit_s: float | None = None
    """Seconds it may take to its answer or first event, ``None``: what is left of the deadline."""
    first_event_s: float | None = None
    usage: TokenUsage | None = None
    usage_detail: UsageDetail | None = None
    attempt: Attempt | None = field(default=None, init=False)
    """How it ended, once it has."""

    @property
    def entry(self) -> "CatalogueEntry":
        """The backend that is called."""
        return self.admission.entry

    @property
    def deadline(self) -> Deadline:
        """How long the request may still take."""
        return self.admission.deadline

    def elapsed_s(self) -> float:
        """Give the seconds since it began."""
        return max(0.0, self.deadline.clock.monotonic_s() - self.begun_s)

    async def bound(self, step: "Callable[[], Awaitable[T]]", within_s: float | None = None) -> T:
        """
        Run one step, and cancel it when the attempt's time, or the step's own, is up.

        Args:
            step: What to do.
            within_s: The seconds that this step may take; ``None``: no limit of its own.

        Raises:
            Timeout: The time was up; it says which.

        """
        limit_s, elapsed_s = self.limit_s, 0.0
        if limit_s is not None:
            elapsed_s = self.elapsed_s()
        if within_s is not None and (limit_s is None or within_s < limit_s - elapsed_s):
            limit_s, elapsed_s = within_s, 0.0
        left_s = self.deadline.left_s()
        if limit_s is None or (left_s is not None and left_s <= limit_s - elapsed_s):
            return await self.deadline.bound(step)
        if limit_s > elapsed_s:
            with self.deadline.clock.limit(limit_s - elapsed_s):
                return await step()
        raise Timeout(limit_s, limit_s)

    def first_event(self) -> None:
        """Take the time of a stream's first event."""
        self.first_event_s = self.elapsed_s()

    def used(self, usage: TokenUsage | None, detail: UsageDetail | None) -> None:
        """Take the tokens that were used; a later report replaces an earlier one."""
        self.usage = usage if usage is not None or detail is None else detail.totals()
        self.usage_detail = detail

    def ended(self, outcome: Outcome, error: LlmError | None = None) -> Attempt:
        """Say how it ended."""
        self.attempt = Attempt(
            number=self.admission.number,
            backend=self.entry.id,
            started_s=self.started_s,
            elapsed_s=self.elapsed_s(),
            first_event_s=self.first_event_s,
            outcome=outcome,
            error=error,
            usage=self.usage,
            usage_detail=self.usage_detail,
            cost=cost_of(self.entry.claims.prices, self.usage_detail, at_s=self.started_s),
        )
        return self.attempt


_NO_USAGE = Cost(unknown="the backend did not say in detail which tokens it used")
_NO_PRICES = Cost(unknown="nobody has stated its prices; state them as claims, or run: pip install converge-catalogue")


def cost_of(prices: Prices | None, usage: UsageDetail | None, *, at_s: float | None = None) -> Cost:
    """
    Price the tokens of one call, made at a moment in seconds since 1970, or say why that cannot be done.

    Example:
        >>> str(cost_of(None, UsageDetail(output=5)))
        'unknown: nobody has stated its prices; state them as claims, or run: pip install converge-catalogue'

    """
    if usage is None:
        return _NO_USAGE
    return _NO_PRICES if prices is None else prices.cost_of(usage, at_s=at_s)
