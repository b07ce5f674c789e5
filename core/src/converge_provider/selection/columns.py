"""A selection as columns: what a record keeps of all candidates, at a cost that hardly grows with their number."""

from collections.abc import Iterator, Mapping, Sequence

from converge_provider.selection.decision import Decision
from converge_provider.selection.gate import failed, lacks
from converge_provider.selection.gates import NAMING
from converge_provider.selection.masks import lowest
from converge_provider.selection.record import Record
from converge_provider.selection.rows import Rejection
from converge_provider.values.claims import FactSource
from converge_provider.values.classes import frozen

__all__ = ("Columns", "columns_of")


@frozen(kw_only=True)
class Columns:
    """All candidates of one selection as masks, the lowest bit the first backend of the catalogue; a few in full."""

    eligible: int
    failing: Mapping[str, int]
    """Those that fail each gate."""
    best: Sequence[int]
    """The best eligible candidates as places in the catalogue, best first."""
    totals: Sequence[float]
    """Their totals."""
    nearest: Sequence[Rejection]
    """The first of the decision's rejected candidates."""
    sources: Mapping[str, Mapping[str, FactSource]]
    """Who states the facts that decided about the best and these."""


def columns_of(decision: Decision, *, best: int, nearest: int) -> Columns | None:
    """
    Give the columns of a decision, without expanding its rows.

    Args:
        decision: A selection.
        best: Eligible candidates to name, at most.
        nearest: Rejected candidates to tell of, at most.

    Returns:
        The columns, or ``None`` when the decision was loaded from a document, which has its rows only.

    """
    record = decision.__dict__.get("_source")
    if not isinstance(record, Record):
        return None
    failing: dict[str, int] = {}
    for gate, mask in record.failing:
        failing[gate.name] = failing.get(gate.name, 0) | mask
    first = record.ranking.first(best)
    rejections = tuple(_rejection(record, place) for place in _nearest(record, nearest))
    return Columns(
        eligible=record.eligible,
        failing=failing,
        best=tuple(first),
        totals=tuple(record.ranking.total(place) for place in first),
        nearest=rejections,
        sources=record.sources(rejections),
    )


def _rejection(record: Record, place: int) -> Rejection:
    reasons = [gate.reason(record.table, record.question, place) for gate, mask in record.failing if mask >> place & 1]
    return Rejection(record.table.ids[place], tuple(reasons))


def _nearest(record: Record, count: int) -> list[int]:
    """Give the places of rejected candidates as a decision orders them: by whether they are named, then by failures."""
    unnamed = failed(failure for failure in record.failing if failure[0].name in NAMING)
    by_failures = list(_by_number(lacks(record.table, record.question, record.failing)))
    found: list[int] = []
    for group in (*(mask & ~unnamed for mask in by_failures), *(mask & unnamed for mask in by_failures)):
        found += lowest(group, count - len(found))
    return found


def _by_number(masks: Sequence[int]) -> Iterator[int]:
    """Give those that are in exactly one of the masks, those that are in exactly two, and so on."""
    at_least = [0] * (len(masks) + 2)
    for mask in masks:
        for number in range(len(masks), 1, -1):
            at_least[number] |= at_least[number - 1] & mask
        at_least[1] |= mask
    for number in range(1, len(masks) + 1):
        yield at_least[number] & ~at_least[number + 1]
