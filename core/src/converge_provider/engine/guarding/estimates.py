"""The most that a call may take, before it is made; what it took, afterwards."""

from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

from converge_provider.engine.outcomes import Attempt, Outcome

if TYPE_CHECKING:
    from converge_provider.registry import CatalogueEntry
    from converge_provider.values.money import Prices, Rates
    from converge_provider.values.requests import ChatRequest

__all__ = ("PICO", "answer_tokens", "most_usd", "pico_usd", "rare_kinds", "request_tokens", "tokens_spent", "usd_spent")

PICO = 10**12
"""Steps of a dollar in which money is counted, so that every store counts in whole numbers."""

_MTOK = 1_000_000
_NONE = Decimal(0)
_SOUND = frozenset({"input_audio", "cache_read_audio", "output_audio"})
_HOUR = frozenset({"cache_write_1h"})
_RARE = _SOUND | _HOUR
_OUT = frozenset({"output", "reasoning", "output_audio"})
_IN = frozenset({"input", "cache_read", "cache_write"}) | _RARE - _OUT


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


def rare_kinds(request: "ChatRequest") -> frozenset[str]:
    """
    Name the kinds of tokens that few requests take, and that this one may: sound, and what is cached for an hour.

    A request with fields of the vendor's own may take any of them.

    Example:
        >>> from converge_provider import ChatRequest
        >>> rare_kinds(ChatRequest.of("hello"))
        frozenset()

    """
    from converge_provider.values.parts import AudioPart
    from converge_provider.values.requests import CacheLifetime

    sounds = any(isinstance(part, AudioPart) for message in request.messages for part in message.parts)
    keeps = any(hint.lifetime is CacheLifetime.ONE_HOUR for hint in request.cache_hints)
    return frozenset(
        kind for kinds, may in ((_SOUND, sounds), (_HOUR, keeps)) if may or request.extra for kind in kinds
    )


def most_usd(
    prices: "Prices | None", asked: int, answered: int, *, rare: frozenset[str] = frozenset()
) -> Decimal | None:
    """
    Give the most that so many tokens cost, each at its dearest, or ``None``: nobody has stated the prices.

    Args:
        prices: What the backend charges.
        asked: Tokens of the request.
        answered: Tokens of the answer.
        rare: The kinds of tokens that may be among them beside those of every request.

    Example:
        >>> from converge_provider import Prices
        >>> most_usd(Prices(input_usd_per_mtok=Decimal(1), output_usd_per_mtok=Decimal(2)), 1_000, 500)
        Decimal('0.002')

    """
    rates = None if prices is None else prices.dearest(asked)
    if rates is None or rates.input_usd_per_mtok is None or rates.output_usd_per_mtok is None:
        return None
    dearest_in, dearest_out = (_dearest(rates, kinds - (_RARE - rare)) for kinds in (_IN, _OUT))
    return (asked * dearest_in + answered * dearest_out) / _MTOK


def _dearest(rates: "Rates", kinds: frozenset[str]) -> Decimal:
    return max(getattr(rates, f"{kind}_usd_per_mtok") or _NONE for kind in kinds)


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
