"""A catalogue as columns and masks: one bit per candidate, each built once per snapshot."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol, TypeVar

from converge_provider.selection.masks import Steps, mask_at, mask_of
from converge_provider.values.claims import Claims
from converge_provider.values.descriptors import CAPABILITY_FLAGS, COST_FITNESS, ChatBackendDescriptor
from converge_provider.values.identity import Capability
from converge_provider.values.scalars import ascii_lower
from converge_provider.values.vocabulary import ComplianceLevel, DataSovereignty

__all__ = ("Facts", "Table", "certified", "in_order", "order_of")


class Facts(Protocol):
    """What is known of one candidate."""

    @property
    def descriptor(self) -> ChatBackendDescriptor:
        """The contract's fields."""
        ...

    @property
    def claims(self) -> Claims:
        """What the contract has no field for."""
        ...

    @property
    def unknown(self) -> frozenset[str]:
        """Contract fields that nobody has stated."""
        ...

    @property
    def missing(self) -> tuple[str, ...]:
        """What must be configured before it can be called."""
        ...


_MANY = 1_024
"""Masks that are kept; past it all are forgotten, since one is quickly made again."""

F = TypeVar("F", bound=Facts)
H = TypeVar("H", bound=Hashable)


def in_order(rows: Iterable[F]) -> list[F]:
    """Sort candidates by provider, then model, by code point; full ties stay as they are."""
    return sorted(rows, key=lambda row: (str(row.descriptor.provider), str(row.descriptor.model)))


class Table:
    """
    The candidates of one snapshot, in the order in which ties are broken.

    Bit *i* of every mask and entry *i* of every column belong to the same candidate.
    """

    def __init__(self, rows: Sequence[Facts]) -> None:
        """
        Take the candidates.

        Args:
            rows: As :func:`in_order` gives them.

        """
        self.rows = rows
        self.size: int = len(rows)
        self.all: int = (1 << self.size) - 1
        self._columns: dict[str, Sequence[Any]] = {}
        self._masks: dict[object, int] = {}
        self._orders: dict[tuple[int, bool], tuple[list[float], list[int]]] = {}

    @cached_property
    def descriptors(self) -> list[ChatBackendDescriptor]:
        """What is known of each, in the contract's fields."""
        return [row.descriptor for row in self.rows]

    @cached_property
    def ids(self) -> list[str]:
        """The id of each."""
        return [descriptor.id for descriptor in self.descriptors]

    @cached_property
    def place_of(self) -> Mapping[str, int]:
        """The place of each id."""
        return {backend_id: i for i, backend_id in enumerate(self.ids)}

    @cached_property
    def _of_model(self) -> Mapping[str, Sequence[int]]:
        return _grouped(str(descriptor.model) for descriptor in self.descriptors)

    @cached_property
    def _of_provider(self) -> Mapping[str, Sequence[int]]:
        return _grouped(ascii_lower(descriptor.provider) for descriptor in self.descriptors)

    @cached_property
    def cost(self) -> Steps:
        """By cost class, the cheapest first."""
        return Steps([descriptor.cost_class.rank for descriptor in self.descriptors])

    @cached_property
    def latency(self) -> Steps:
        """By typical latency, in milliseconds."""
        return Steps([int(descriptor.typical_latency_ms) for descriptor in self.descriptors])

    @cached_property
    def quality(self) -> Steps:
        """By quality, from 0 to 1."""
        return Steps([float(descriptor.quality) for descriptor in self.descriptors])

    @cached_property
    def context(self) -> Steps:
        """By context window in tokens; 0 where nobody has stated it."""
        return Steps([descriptor.capabilities.context_tokens or 0 for descriptor in self.descriptors])

    @cached_property
    def output(self) -> Steps:
        """By the longest answer in tokens; 0 where nobody has stated it."""
        return Steps([row.claims.max_output_tokens or 0 for row in self.rows])

    @cached_property
    def price_limits(self) -> Sequence[int]:
        """Every input size, in tokens, above which somebody charges otherwise; ascending."""
        prices = (row.claims.prices for row in self.rows)
        return sorted({tier.above_input_tokens for one in prices if one is not None for tier in one.tiers})

    @cached_property
    def tokenisers(self) -> Mapping[str, int]:
        """Those whose tokens each tokeniser counts, by its name, sorted."""
        found: dict[str, list[int]] = {}
        for place, row in enumerate(self.rows):
            if row.claims.tokeniser is not None:
                found.setdefault(row.claims.tokeniser, []).append(place)
        return {name: mask_at(found[name]) for name in sorted(found)}

    @cached_property
    def windowless(self) -> int:
        """Those whose context window nobody has stated."""
        return self.context.up_to(0)

    @cached_property
    def flags(self) -> Mapping[str, int]:
        """Those that have each capability flag."""
        capabilities = [descriptor.capabilities for descriptor in self.descriptors]
        return {flag: mask_of(getattr(one, flag) for one in capabilities) for flag in CAPABILITY_FLAGS}

    @cached_property
    def missing(self) -> int:
        """Those that are not configured."""
        return mask_of(row.missing for row in self.rows)

    @cached_property
    def last_resort(self) -> int:
        """Those that say they are a last resort."""
        return mask_of(row.claims.last_resort for row in self.rows)

    def provider(self, name: str) -> int:
        """Give those of a provider, in any ASCII case."""
        return mask_at(self._of_provider.get(ascii_lower(name), ()))

    def named(self, name: str) -> int:
        """Give those whose id or model is this name."""
        place = self.place_of.get(name)
        exact = 0 if place is None else 1 << place
        return exact | mask_at(self._of_model.get(name, ()))

    def resides(self, where: DataSovereignty) -> int:
        """Give those that keep the rules of a place, by the contract's field or by a claim."""
        return self.where(
            where,
            lambda row: row.descriptor.data_sovereignty is where or where in (row.claims.data_sovereignty or ()),
        )

    def complies(self, level: ComplianceLevel) -> int:
        """Give those that are certified for a rulebook, by the contract's field or by a claim."""
        return self.where(level, lambda row: str(level).upper() in certified(row))

    def certified(self, rulebook: str) -> int:
        """Give those that are certified for a rulebook, in capitals, whether or not the contract knows it."""
        return self.where(("certified", rulebook), lambda row: rulebook in certified(row))

    @cached_property
    def staying(self) -> int:
        """Those whose data never leaves this machine, as they say."""
        return mask_of(row.claims.requires_network is False for row in self.rows)

    def listed(self, name: str) -> int:
        """Give those whose id or provider is this name, in any ASCII case."""
        return self.provider(name) | self.where(("id", name), lambda row: ascii_lower(row.descriptor.id) == name)

    def honours(self, feature: str) -> int:
        """Give those that say they honour an optional field of a request."""
        return self.where(("honours", feature), lambda row: feature in (row.claims.honours or ()))

    def able(self, capability: Capability) -> int:
        """Give those that claim a capability for which the contract has no flag."""
        return self.where(capability, lambda row: row.claims.capabilities.get(capability) is True)

    def unstated(self, claim: str) -> dict[str, int]:
        """Give, by the claim's name, those of whom nobody has made it."""
        return {claim: self.where(("unstated", claim), lambda row: getattr(row.claims, claim) is None)}

    def where(self, key: object, test: Callable[[Facts], object]) -> int:
        """
        Give those of whom something holds, kept under a key.

        Args:
            key: Names the test; hashable.
            test: Pure.

        """
        return self.kept(key, lambda: mask_of(test(row) for row in self.rows))

    def kept(self, key: object, build: Callable[[], int]) -> int:
        """Give a mask that is built once and kept under a key, which is hashable."""
        mask = self._masks.get(key)
        if mask is None:
            if len(self._masks) >= _MANY:
                self._masks.clear()
            mask = self._masks[key] = build()
        return mask

    def column(self, name: str, read: Callable[[Facts], Any]) -> Sequence[Any]:
        """Give one fact of each, kept under its name."""
        found = self._columns.get(name)
        if found is None:
            found = self._columns[name] = [read(row) for row in self.rows]
        return found

    def grouped(self, name: str, read: Callable[[Facts], H]) -> tuple[Sequence[H], Sequence[int]]:
        """Give one fact of each, kept under its name: the different ones, and for each candidate which of them."""
        found = self._columns.get(name)
        if found is None:
            numbers: dict[H, int] = {}
            column = [numbers.setdefault(read(row), len(numbers)) for row in self.rows]
            found = self._columns[name] = (list(numbers), column)
        return found[0], found[1]

    def ordered(self, limit_ms: int, *, last_resort: bool) -> tuple[list[float], list[int]]:
        """
        Give the contract's score of each, eligible or not, and the places from the best to the worst.

        Args:
            limit_ms: The scale of the latency's score, in milliseconds, ≥ 1.
            last_resort: Whether those that say they are one come behind all others.

        """
        key = (limit_ms, last_resort)
        found = self._orders.get(key)
        if found is None:
            scores = self._fitness(limit_ms)
            late = self.last_resort if last_resort else 0
            found = self._orders[key] = (scores, order_of(scores, range(self.size), late))
        return found

    def _fitness(self, limit_ms: int) -> list[float]:
        """Score in the contract's order of operations, so that all hosts agree to the last bit."""
        latencies = [1.0 - min(1.0, value / limit_ms) for value in self.latency.values]
        costs, qualities = self._shares
        return [(cost + 0.3 * time) + good for cost, time, good in zip(costs, latencies, qualities, strict=True)]

    @cached_property
    def _shares(self) -> tuple[list[float], list[float]]:
        costs = [0.4 * COST_FITNESS[descriptor.cost_class] for descriptor in self.descriptors]
        return costs, [0.3 * quality for quality in self.quality.values]


def order_of(totals: Sequence[float], among: Sequence[int], late: int) -> list[int]:
    """
    Sort candidates: those of a mask behind all others, then by total descending, then by place.

    Args:
        totals: One per candidate of *among*, finite.
        among: Places in the table, ascending.
        late: The mask of those that come behind all others.

    """
    order = [among[i] for i in sorted(range(len(totals)), key=totals.__getitem__, reverse=True)]
    if late:
        order.sort(key=lambda place: late >> place & 1)
    return order


def certified(row: Facts) -> frozenset[str]:
    """Name every rulebook that a candidate is certified for, in capitals."""
    levels = {row.descriptor.compliance, *(row.claims.compliance or ())} - {ComplianceLevel.NONE}
    named = {certification.name for certification in row.claims.certifications or ()}
    return frozenset({*(str(level).upper() for level in levels), *named})


def _grouped(names: Iterable[str]) -> Mapping[str, Sequence[int]]:
    groups: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        groups.setdefault(name, []).append(place)
    return groups
