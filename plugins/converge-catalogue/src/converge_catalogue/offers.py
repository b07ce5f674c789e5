"""What one source says of one model of one service, and the document in which that is kept."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from attrs import field, frozen

from converge_catalogue.shapes import amount
from converge_provider import PriceHours, Prices, PriceTier

__all__ = ("RATES", "DatedPrices", "Offer", "Service", "unique_names")

RATES = (
    *("input", "output", "cache_read", "cache_write", "reasoning"),
    *("input_audio", "cache_read_audio", "cache_write_1h", "output_audio"),
)
"""The kinds of tokens that have a price; the last four are rare."""

Tier = tuple[int, Mapping[str, Decimal]]
"""A size of the input, in tokens, and the rates above it."""


@frozen(kw_only=True)
class DatedPrices:
    """
    Prices under one condition.

    A document, and rates in it, keep the names short: there are thousands.
    """

    since: date | None = None
    """The first day, in UTC, on which they hold; ``None``: always."""
    minutes: tuple[int, int] | None = None
    """The minutes of the day, in UTC, in which they hold; ``None``: all day."""
    rates: Mapping[str, Decimal]
    """Dollars per million tokens of each of :data:`RATES` that is stated."""
    tiers: Sequence[Tier] = field(default=(), converter=tuple[Tier, ...])
    """The same for inputs of more than so many tokens."""
    beside: Sequence[str] = field(default=(), converter=tuple[str, ...])
    """What else is charged for and not in the rates, in the source's own words."""
    unfit: str | None = None
    """Why the rates do not say what a call costs, if so."""

    def document(self) -> dict[str, Any]:
        """Give what is kept."""
        found: dict[str, Any] = {"rates": _texts(self.rates)}
        if self.since:
            found["since"] = self.since.isoformat()
        if self.minutes:
            found["minutes"] = list(self.minutes)
        if self.tiers:
            found["tiers"] = [[above, _texts(rates)] for above, rates in self.tiers]
        if self.beside:
            found["beside"] = list(self.beside)
        if self.unfit:
            found["unfit"] = self.unfit
        return found

    @classmethod
    def of_document(cls, found: Mapping[str, Any]) -> "DatedPrices":
        """Read what is kept."""
        minutes = found.get("minutes")
        return cls(
            since=date.fromisoformat(found["since"]) if "since" in found else None,
            minutes=(minutes[0], minutes[1]) if minutes else None,
            rates=_amounts(found["rates"]),
            tiers=[(above, _amounts(rates)) for above, rates in found.get("tiers", ())],
            beside=tuple(found.get("beside", ())),
            unfit=found.get("unfit"),
        )


@frozen(kw_only=True)
class Offer:
    """What one source says of one model of one service; what it does not say is ``None``."""

    id: str
    """The model's own id there."""
    name: str | None = None
    """Its name for people."""
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    inputs: Sequence[str] | None = None
    """``text``, ``image``, ``audio``, ``video``, ``document``."""
    outputs: Sequence[str] | None = None
    abilities: Mapping[str, bool] = {}
    """``reasoning``, ``tool_use``, ``structured_output``, …"""
    prices: Sequence[DatedPrices] = field(default=(), converter=tuple[DatedPrices, ...])
    """Of those that hold at a moment the last counts; if none does, the first."""
    updated: date | None = None
    """When the source last looked at it, as it says."""
    deprecated: bool = False

    def document(self) -> dict[str, Any]:
        """Give what is kept: what is known."""
        known = {
            "id": self.id,
            "name": self.name,
            "context": self.context_tokens,
            "output": self.max_output_tokens,
            "in": None if self.inputs is None else list(self.inputs),
            "out": None if self.outputs is None else list(self.outputs),
            "can": dict(self.abilities) or None,
            "prices": [one.document() for one in self.prices] or None,
            "updated": self.updated and self.updated.isoformat(),
            "deprecated": self.deprecated or None,
        }
        return {key: value for key, value in known.items() if value is not None}

    @classmethod
    def of_document(cls, found: Mapping[str, Any]) -> "Offer":
        """Read what is kept."""
        return cls(
            id=found["id"],
            name=found.get("name"),
            context_tokens=found.get("context"),
            max_output_tokens=found.get("output"),
            inputs=found.get("in"),
            outputs=found.get("out"),
            abilities=found.get("can", {}),
            prices=[DatedPrices.of_document(one) for one in found.get("prices", ())],
            updated=date.fromisoformat(found["updated"]) if "updated" in found else None,
            deprecated=found.get("deprecated", False),
        )

    def prices_at(self, moment: datetime) -> Prices | None:
        """
        Give the prices of one day, with their hours.

        Args:
            moment: Any moment of that day, aware.

        Returns:
            ``None``: the source states none, or none that say what a call costs.

        """
        base, hours = self.holding(moment)
        if base is None or base.unfit or any(one.unfit for one in hours) or "input" not in base.rates:
            return None
        if hours and (base.tiers or any(one.tiers or base.rates.keys() - one.rates.keys() for one in hours)):
            return None  # no rates of ours say that
        return Prices(
            **_fields(base.rates),
            tiers=[PriceTier(above_input_tokens=above, **_fields(rates)) for above, rates in base.tiers],
            hours=[
                PriceHours(from_utc_min=one.minutes[0], until_utc_min=one.minutes[1], **_fields(one.rates))
                for one in hours
                if one.minutes
            ],
        )

    def holding(self, moment: datetime) -> tuple[DatedPrices | None, Sequence[DatedPrices]]:
        """Give the prices that hold all of a day, and those of its hours that come before them, the last counting."""
        day = moment.astimezone(UTC).date()
        hours: list[DatedPrices] = []
        for one in reversed(self.prices):
            if one.minutes is not None:
                hours.insert(0, one)
            elif one.since is None or one.since <= day:
                return one, hours
        first = self.prices[0] if self.prices else None
        return (None, ()) if first is None or first.minutes is not None else (first, hours)


@frozen(kw_only=True, eq=False)
class Service:
    """What one source says of one service."""

    id: str
    """Its id in that source."""
    url: str | None = None
    """Where the source read it, if it says so."""
    offers: Sequence[Offer] = ()
    names: Mapping[str, int] = {}
    """The place of the one offer that a model's name means there; the names are in lower case."""
    dated: Mapping[str, int] = {}
    """The same for names that dates of versions are added to."""

    def document(self) -> dict[str, Any]:
        """Give what is kept."""
        offers = [one.document() for one in self.offers]
        names = {"names": dict(self.names), "dated": dict(self.dated)}
        return {"id": self.id, "url": self.url, **names, "offers": offers}


def _texts(rates: Mapping[str, Decimal]) -> dict[str, str]:
    return {name: f"{price:f}" for name, price in rates.items()}


def _amounts(rates: Mapping[str, str]) -> Mapping[str, Decimal]:
    return {name: amount(Decimal(price), name) for name, price in rates.items()}


def _fields(rates: Mapping[str, Decimal]) -> dict[str, Any]:
    return {f"{name}_usd_per_mtok": rates[name] for name in RATES if name in rates}


def unique_names(claimed: Iterable[tuple[str, int]]) -> Mapping[str, int]:
    """
    Give what each name means, if that is one thing.

    Args:
        claimed: Names in any case, and the place of the offer that claims each.

    """
    places: dict[str, set[int]] = {}
    for name, place in claimed:
        places.setdefault(name.lower(), set()).add(place)
    return {name: next(iter(several)) for name, several in places.items() if len(several) == 1}
