"""What a request is expected to cost each candidate, in dollars."""

from datetime import UTC, datetime
from decimal import Decimal

from attrs import evolve, frozen

from converge_provider import CandidateView, CostClass, Prices, UsageDetail

__all__ = ("Expectation", "dollars", "expected_usd")

_MTOK = 1_000_000


@frozen(kw_only=True)
class Expectation:
    """The tokens that a call is expected to take."""

    question: int
    cached_share: float
    """The share of the question that is expected to come out of the cache."""
    answer: int

    def of(self, most: int | None) -> "Expectation":
        """Give what is expected of a backend whose answers have at most so many tokens."""
        return self if most is None or most >= self.answer else evolve(self, answer=most)

    @property
    def cached(self) -> int:
        """Tokens that are expected to come out of the cache."""
        return round(self.cached_share * self.question)

    def usage(self) -> UsageDetail:
        """Give the same as the buckets of a bill."""
        cached = self.cached
        return UsageDetail(input_uncached=self.question - cached, cache_read=cached, output=self.answer)


def expected_usd(view: CandidateView, expected: Expectation) -> list[float | None]:
    """
    Give the amount for each candidate.

    Args:
        view: The candidates.
        expected: The tokens, before the longest answer of each backend is looked at.

    Returns:
        US dollars, ≥ 0; ``None``: nobody has stated a price that counts.

    """
    prices = view.column("prices")
    changing = [row for row, stated in enumerate(prices) if stated is not None and (stated.tiers or stated.hours)]
    found = _at_flat_rates(view, expected)
    for row in changing:
        found[row] = _by_size_and_hour(prices[row], expected.of(view.column("max_output_tokens")[row]), view.time)
    return found


def _at_flat_rates(view: CandidateView, expected: Expectation) -> list[float | None]:
    """Price by columns of numbers, which is ten times as fast as exact amounts."""
    cached, answer = expected.cached, expected.answer
    fresh = expected.question - cached
    facts = map(view.column, ("input_usd_per_mtok", "cache_read_usd_per_mtok", "output_usd_per_mtok", "prices"))
    rows = zip(*facts, view.column("max_output_tokens"), view.column("cost_class"), strict=True)
    found: list[float | None] = []
    for read, cache, write, prices, most, cost_class in rows:
        if prices is None:
            found.append(0.0 if cost_class is CostClass.FREE else None)
            continue
        tokens = answer if most is None or most > answer else most
        buckets = ((fresh, read), (cached, read if cache is None else cache), (tokens, write))
        unknown = any(count and price is None for count, price in buckets)
        found.append(None if unknown else sum(count * (price or 0.0) for count, price in buckets) / _MTOK)
    return found


def _by_size_and_hour(prices: Prices, expected: Expectation, time: str) -> float | None:
    """Price exactly where the rates change with the size of the question or the time of day."""
    usd = prices.cost_of(expected.usage(), at_s=_seconds(time)).usd
    return None if usd is None else float(usd)


def _seconds(time: str) -> float | None:
    if not time:
        return None
    at = datetime.fromisoformat(time)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def dollars(usd: float) -> str:
    """
    Word an amount, however small, with three digits that say something.

    Example:
        >>> dollars(0.0000123456), dollars(2.0)
        ('$0.0000123', '$2')

    """
    return f"${Decimal(f'{usd:.3g}'):f}"
