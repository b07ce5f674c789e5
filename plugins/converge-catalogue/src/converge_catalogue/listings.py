"""What both sources say of every model, side by side, and questions about that."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set as AbstractSet
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from attrs import evolve, field, frozen

from converge_catalogue.declaring import abilities_of
from converge_catalogue.matching import find_offer, service_name
from converge_catalogue.offers import Offer, Service
from converge_catalogue.shelf import Shelf
from converge_catalogue.snapshots import Head, Snapshot
from converge_catalogue.sources import FACTS, PRICES, Source
from converge_provider import Prices

__all__ = ("ORDERS", "Listing", "Wish", "listings", "ordered")


@frozen(kw_only=True)
class Listing:
    """One model of one service."""

    service: str
    """The service's name here."""
    model: str
    prices_offer: Offer | None = None
    """What the source of prices says."""
    facts_offer: Offer | None = None
    """What the source of facts says."""
    moment: datetime
    """When its prices must hold."""

    @property
    def id(self) -> str:
        """Its id, as that of a backend."""
        return f"{self.service}/{self.model}"

    @property
    def name(self) -> str | None:
        """Its name for people."""
        return next((offer.name for offer in self.offers if offer.name), None)

    @property
    def offers(self) -> Sequence[Offer]:
        """What the sources say, facts first."""
        return [offer for offer in (self.facts_offer, self.prices_offer) if offer is not None]

    @property
    def prices(self) -> Prices | None:
        """What it costs, as far as that is known."""
        stating = self.prices_offer if self.prices_offer is not None and self.prices_offer.prices else self.facts_offer
        return None if stating is None else stating.prices_at(self.moment)

    @property
    def context_tokens(self) -> int | None:
        """Its window."""
        return next((offer.context_tokens for offer in self.offers if offer.context_tokens), None)

    @property
    def max_output_tokens(self) -> int | None:
        """Its longest answer."""
        return next((offer.max_output_tokens for offer in self.offers if offer.max_output_tokens), None)

    @property
    def abilities(self) -> Mapping[str, bool]:
        """What it can do and cannot."""
        return {} if self.facts_offer is None else abilities_of(self.facts_offer)

    @property
    def updated(self) -> date | None:
        """When the source of facts last looked at it."""
        return None if self.facts_offer is None else self.facts_offer.updated

    @property
    def deprecated(self) -> bool:
        """Whether a source says that it is about to go."""
        return any(offer.deprecated for offer in self.offers)


@frozen(kw_only=True)
class Wish:
    """What somebody looks for; what is unknown never satisfies it."""

    words: Sequence[str] = field(default=(), converter=tuple[str, ...])
    """Parts of an id or a name, in any case; all must be there."""
    abilities: Sequence[str] = field(default=(), converter=tuple[str, ...])
    min_context_tokens: int | None = None
    max_input_usd_per_mtok: Decimal | None = None
    max_output_usd_per_mtok: Decimal | None = None

    def admits(self, one: Listing) -> bool:
        """Say whether a model is what is looked for."""
        text = f"{one.id} {one.name or ''}".lower()
        return (
            all(word.lower() in text for word in self.words)
            and all(one.abilities.get(ability) for ability in self.abilities)
            and (self.min_context_tokens is None or (one.context_tokens or 0) >= self.min_context_tokens)
            and _within(one.prices, "input_usd_per_mtok", self.max_input_usd_per_mtok)
            and _within(one.prices, "output_usd_per_mtok", self.max_output_usd_per_mtok)
        )


def _within(prices: Prices | None, name: str, most: Decimal | None) -> bool:
    if most is None:
        return True
    price: Decimal | None = None if prices is None else getattr(prices.dearest(), name)
    return price is not None and price <= most


def listings(shelf: Shelf, *, moment: datetime, services: Iterable[str] = ()) -> tuple[list[Listing], list[Head]]:
    """
    List every model of some services, or of all.

    Returns:
        The models, sorted by their ids; and what the snapshots are of.

    """
    wanted = frozenset(services)
    heads: list[Head] = []
    priced, known = (_services(shelf, source, wanted, heads) for source in (PRICES, FACTS))
    found = [
        one
        for name in sorted({*priced, *known})
        for one in _of_service(name, priced.get(name, _NOBODY), known.get(name, _NOBODY), moment)
    ]
    return sorted(found, key=lambda one: one.id), heads


_NOBODY = Service(id="")


def _services(shelf: Shelf, source: Source, wanted: AbstractSet[str], heads: list[Head]) -> Mapping[str, Service]:
    """Read services whole, by their names here."""

    def read(snapshot: Snapshot) -> tuple[Head, Mapping[str, Service]]:
        named = ((service_name(one.id, source.name), one) for one in snapshot.services())
        return snapshot.head, {
            name: evolve(one, offers=list(one.offers)) for name, one in named if not wanted or name in wanted
        }

    try:
        head, found = shelf.using(source, read)
    except ModuleNotFoundError:
        return {}
    heads.append(head)
    return found


def _of_service(name: str, priced: Service, known: Service, moment: datetime) -> Iterator[Listing]:
    """Give every model that either source lists, once."""
    listed = {offer.id.lower() for offer in known.offers}
    ids = [offer.id for offer in known.offers] + [offer.id for offer in priced.offers if offer.id.lower() not in listed]
    for model in ids:
        yield Listing(
            service=name,
            model=model,
            prices_offer=find_offer(priced, model) or _of_id(priced, model),
            facts_offer=find_offer(known, model),
            moment=moment,
        )


def _of_id(service: Service, model: str) -> Offer | None:
    """Give the offer whose label this is, although no request may call it so."""
    return next((offer for offer in service.offers if offer.id == model), None)


_ORDERS: Mapping[str, Callable[[Listing], Any]] = {
    "price": lambda one: _price(one, "input_usd_per_mtok"),
    "output-price": lambda one: _price(one, "output_usd_per_mtok"),
    "context": lambda one: None if one.context_tokens is None else -one.context_tokens,
    "date": lambda one: None if one.updated is None else -one.updated.toordinal(),
    "name": lambda one: one.id,
}
ORDERS = tuple(_ORDERS)
"""The orders in which models can be listed: the cheapest, the largest, the newest first; by name."""


def ordered(found: Iterable[Listing], order: str) -> list[Listing]:
    """Sort models; those of which the fact is unknown come last, and equal ones are sorted by their ids."""

    def key(one: Listing) -> tuple[bool, Any, str]:
        value = _ORDERS[order](one)
        return value is None, 0 if value is None else value, one.id

    return sorted(found, key=key)


def _price(one: Listing, name: str) -> Decimal | None:
    prices = one.prices
    found: Decimal | None = None if prices is None else getattr(prices, name)
    return found
