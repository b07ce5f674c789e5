"""The most that a call may take, before it is made; what it took, afterwards."""

from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

from converge_provider.engine.outcomes import Attempt, Outcome

if TYPE_CHECKING:
    from converge_provider.registry import CatalogueEntry
    from converge_provider.values.money import Prices
    from converge_provider.values.requests import ChatRequest

__all__ = ("PICO", "answer_tokens", "most_usd", "pico_usd", "request_tokens", "tokens_spent", "usd_spent")

PICO = 10**12
"""Steps of a dollar in which money is counted, so that every store counts in whole numbers."""

_MTOK = 1_000_000
_NONE = Decimal(0)


def request_tokens(request: "ChatRequest") -> int:
    """Give the most tokens that a request is: twice the estimate, which may be off by half."""
    from converge_provider.selection.needs import estimate_tokens  # only where there are limits or budgets

    return 2 * estimate_tokens(request)


def answer_tokens(entry: "CatalogueEntry", request: "ChatRequest", otherwise: int) -> int:
    """Give the most tokens of an answer, as the request limits it, otherwise as is assumed."""
    longest = entry.claims.max_output_tokens
    if request.max_tokens is not None:
        return request.max_tokens if longest is None else min(request.max_tokens, longest)
    return otherwise if longest is None else min(otherwise, longest)


def most_usd(prices: "Prices | None", asked: int, answered: int) -> Decimal | None:
    """
    Give the most that so many tokens cost, each at its dearest, or ``None``: nobody has stated the prices.

    Example:
        >>> from converge_provider import Prices
        >>> most_usd(Prices(input_usd_per_mtok=Decimal(1), output_usd_per_mtok=Decimal(2)), 1_000, 500)
        Decimal('0.002')

    """
    rates = None if prices is None else prices.dearest(asked)
    if rates is None or rates.input_usd_per_mtok is None or rates.output_usd_per_mtok is None:
        return None
    dearest_in = max(
        rates.input_usd_per_mtok, rates.cache_read_usd_per_mtok or _NONE, rates.cache_write_usd_per_mtok or _NONE
    )
    dearest_out = max(rates.output_usd_per_mtok, rates.reasoning_usd_per_mtok or _NONE)
    return (asked * dearest_in + answered * dearest_out) / _MTOK


def pico_usd(usd: Decimal) -> int:
    """Give dollars in whole steps, rounded up."""
    return int((usd * PICO).to_integral_value(ROUND_CEILING))


def tokens_spent(attempt: Attempt, reserved: int) -> int:
    """Give the tokens that an attempt took; an answer that does not say, also half of one, took what was reserved."""
    if attempt.usage is not None:
        return attempt.usage.total_tokens
    return reserved if _answering(attempt) else 0


def usd_spent(attempt: Attempt, reserved: int) -> int:
    """Give what an attempt cost, in steps; an answer of unknown cost, also half of one, costs what was reserved."""
    if attempt.cost.usd is not None:
        return pico_usd(attempt.cost.usd)
    return reserved if _answering(attempt) or attempt.usage is not None else 0


def _answering(attempt: Attempt) -> bool:
    """Say whether an attempt had begun to answer, which a vendor charges for however it ends."""
    return attempt.outcome in _ANSWERED or attempt.first_event_s is not None


_ANSWERED = frozenset({Outcome.ANSWERED, Outcome.REJECTED})
