"""What a call costs: prices per million tokens, and an amount that may honestly be unknown."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from operator import attrgetter
from typing import Annotated

from attrs import field, fields

from converge_provider.values.classes import frozen
from converge_provider.values.scalars import U32, IntRange
from converge_provider.values.usage import UsageDetail
from converge_provider.values.vocabulary import CostClass

__all__ = ("Cost", "PriceHours", "PriceTier", "Prices", "Rates")

_MTOK = Decimal(1_000_000)
_DAY_MIN = 24 * 60
_OMIT = {"omit_empty": True}
_OTHERWISE = {
    "cache_read": ("input",),
    "cache_write": ("input",),
    "reasoning": ("output",),
    "input_audio": ("input",),
    "cache_read_audio": ("cache_read", "input_audio", "input"),
    "cache_write_1h": ("cache_write", "input"),
    "output_audio": ("output",),
}
"""As which kinds of tokens another counts whose price nobody stated: the first that has one."""
_CHAINS = {
    kind: tuple(f"{one}_usd_per_mtok" for one in (kind, *_OTHERWISE.get(kind, ())))
    for kind in ("input", "output", *_OTHERWISE)
}
"""The prices of each kind of token, of which the first that is stated counts."""
_tokens_of = attrgetter(*("input_uncached" if kind == "input" else kind for kind in _CHAINS))
_CLASSES = (
    (Decimal("0.5"), CostClass.VERY_LOW),
    (Decimal("1.5"), CostClass.LOW),
    (Decimal(5), CostClass.MEDIUM),
    (Decimal(15), CostClass.HIGH),
)


@frozen(kw_only=True)
class Cost:
    """
    What a call cost, or why that is unknown.

    Example:
        >>> str(Cost(usd=Decimal("0.0075"))), str(Cost(unknown="nobody has stated a price"))
        ('$0.0075', 'unknown: nobody has stated a price')

    """

    usd: Decimal | None = None
    """The amount in US dollars, ≥ 0, or ``None`` when it is unknown."""
    unknown: str | None = None
    """Why the amount is unknown, or ``None`` when it is known."""

    def __str__(self) -> str:
        """Print the amount, or say why there is none."""
        return f"unknown: {self.unknown}" if self.usd is None else f"${self.usd.normalize():f}"


@frozen(kw_only=True)
class Rates:
    """What each kind of token costs, in US dollars per million; a price that nobody stated is ``None``."""

    input_usd_per_mtok: Decimal | None = None
    output_usd_per_mtok: Decimal | None = None
    cache_read_usd_per_mtok: Decimal | None = None
    """``None``: as uncached input."""
    cache_write_usd_per_mtok: Decimal | None = None
    """``None``: as uncached input."""
    reasoning_usd_per_mtok: Decimal | None = None
    """``None``: as output."""
    input_audio_usd_per_mtok: Decimal | None = field(default=None, metadata=_OMIT)
    """Sound in the prompt; ``None``: as other uncached input."""
    cache_read_audio_usd_per_mtok: Decimal | None = field(default=None, metadata=_OMIT)
    """Sound out of the cache; ``None``: as anything else out of the cache, or as sound where that has no price."""
    cache_write_1h_usd_per_mtok: Decimal | None = field(default=None, metadata=_OMIT)
    """What the cache keeps for an hour; ``None``: as any other write."""
    output_audio_usd_per_mtok: Decimal | None = field(default=None, metadata=_OMIT)
    """Sound in the answer; ``None``: as other output."""

    def cost_of(self, usage: UsageDetail) -> Cost:
        """
        Price the disjoint buckets of one call.

        Returns:
            The exact amount, or an unknown one when a bucket that is not empty has no price.

        """
        total = Decimal(0)
        for kind, tokens in zip(_CHAINS, _tokens_of(usage), strict=True):
            if not tokens:
                continue
            price = _price(self, kind)
            if price is None:
                return Cost(unknown=f"nobody has stated a price for {kind.replace('_', ' ')} tokens")
            total += tokens * price
        return Cost(usd=total / _MTOK)


@frozen(kw_only=True)
class PriceTier(Rates):
    """What all tokens of a request cost whose input is larger than a number of tokens; ``None``: as otherwise."""

    above_input_tokens: U32
    """The largest input, cached or not, that is not of this tier, in tokens."""


@frozen(kw_only=True)
class PriceHours(Rates):
    """What a call costs that is made at certain hours of each day; ``None``: as otherwise."""

    from_utc_min: Annotated[int, IntRange(0, _DAY_MIN - 1)]
    """The first minute, counted from midnight in UTC."""
    until_utc_min: Annotated[int, IntRange(0, _DAY_MIN)]
    """The minute after the last; not after the first one: on the next day."""

    def covers(self, at_s: float) -> bool:
        """Say whether a moment, in seconds since 1970, is within these hours."""
        minute = int(at_s // 60) % _DAY_MIN
        begun, ended = self.from_utc_min <= minute, minute < self.until_utc_min
        return begun and ended if self.from_utc_min < self.until_utc_min else begun or ended


def _ascending(tiers: Iterable[PriceTier]) -> tuple[PriceTier, ...]:
    return tuple(sorted(tiers, key=lambda tier: tier.above_input_tokens))


@frozen(kw_only=True)
class Prices(Rates):
    """
    What a backend charges: rates, and where they change with the size of the input or the time of day.

    Example:
        >>> long = PriceTier(above_input_tokens=200_000, input_usd_per_mtok=Decimal(4))
        >>> prices = Prices(input_usd_per_mtok=Decimal(2), tiers=[long])
        >>> [str(prices.cost_of(UsageDetail(input_uncached=tokens))) for tokens in (200_000, 200_001)]
        ['$0.4', '$0.800004']

    """

    tiers: tuple[PriceTier, ...] = field(default=(), converter=_ascending, metadata={"omit_empty": True})
    """Other rates for larger inputs, the smallest limit first; the last whose limit is exceeded counts."""
    hours: tuple[PriceHours, ...] = field(default=(), converter=tuple[PriceHours, ...], metadata={"omit_empty": True})
    """Other rates at certain hours of the day; the last that covers the moment counts, before any tier."""

    def cost_of(self, usage: UsageDetail, *, at_s: float | None = None) -> Cost:
        """
        Price the disjoint buckets of one call, by the rates for its size and moment.

        Args:
            usage: What the call took.
            at_s: When it was made, in seconds since 1970; ``None``: nobody says.

        Returns:
            The exact amount, or an unknown one when a bucket that is not empty has no price, or the moment matters and
            is not given.

        """
        if not self.tiers and not self.hours:
            return super().cost_of(usage)
        size = usage.totals().prompt_tokens
        if self.hours and at_s is None:
            amounts = {_at_size(rates, self.tiers, size).cost_of(usage) for rates in self._by_hour()}
            unknown = Cost(unknown="the price depends on the time of day, and the time is not known")
            return amounts.pop() if len(amounts) == 1 else unknown
        covering = [hours for hours in self.hours if at_s is not None and hours.covers(at_s)]
        rates = _over(self, covering[-1]) if covering else self
        return _at_size(rates, self.tiers, size).cost_of(usage)

    def dearest(self, input_tokens: int = 0) -> Rates:
        """
        Give the most that each token of a request may cost, whatever the hour, whose input is at most this large.

        Args:
            input_tokens: The largest input, in tokens; 0: only the rates of the smallest requests.

        """
        if not self.tiers and not self.hours:
            return self
        tiers = [tier for tier in self.tiers if tier.above_input_tokens < input_tokens]
        found = [_filled(_over(rates, tier)) for rates in self._by_hour() for tier in (Rates(), *tiers)]
        return Rates(**{name: _most(getattr(rates, name) for rates in found) for name in _NAMES})

    def cost_class(self) -> CostClass | None:
        """
        Give the class of the price for input: up to $0.5, $1.5, $5 and $15 per million tokens, and above.

        It is that of small requests at the dearest hour; only what costs nothing at all is free.

        Returns:
            ``None``: nobody has stated the prices.

        Example:
            >>> Prices(input_usd_per_mtok=Decimal("0.75"), output_usd_per_mtok=Decimal("4.50")).cost_class()
            <CostClass.LOW: 'Low'>

        """
        rates = self.dearest()
        price = rates.input_usd_per_mtok
        if price is None or rates.output_usd_per_mtok is None:
            return None
        if not price and not rates.output_usd_per_mtok:
            return CostClass.FREE
        return next((name for limit, name in _CLASSES if price <= limit), CostClass.VERY_HIGH)

    def _by_hour(self) -> Iterator[Rates]:
        """Give the rates of small requests outside all hours, and within each."""
        yield self
        yield from (_over(self, hours) for hours in self.hours)


_NAMES = tuple(attribute.name for attribute in fields(Rates))


def _over(rates: Rates, other: Rates) -> Rates:
    """Give rates in which those that another states replace one's own."""
    return Rates(**{name: _first(getattr(other, name), getattr(rates, name)) for name in _NAMES})


def _filled(rates: Rates) -> Rates:
    """Give rates in which a price that nobody stated is the one that counts for it."""
    return Rates(**{f"{kind}_usd_per_mtok": _price(rates, kind) for kind in _CHAINS})


def _price(rates: Rates, kind: str) -> Decimal | None:
    """Give the price that counts for a kind of token."""
    for name in _CHAINS[kind]:
        price: Decimal | None = getattr(rates, name)
        if price is not None:
            return price
    return None


def _at_size(rates: Rates, tiers: Iterable[PriceTier], size: int) -> Rates:
    """Give the rates for an input of some tokens."""
    exceeded = [tier for tier in tiers if tier.above_input_tokens < size]
    return _over(rates, exceeded[-1] if exceeded else Rates())


def _first(price: Decimal | None, otherwise: Decimal | None) -> Decimal | None:
    return otherwise if price is None else price


def _most(prices: Iterable[Decimal | None]) -> Decimal | None:
    """Give the dearest of some prices, unless one is unknown."""
    known = list(prices)
    return None if None in known else max(price for price in known if price is not None)
