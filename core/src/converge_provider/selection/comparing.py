"""What changes from one decision to another about the same candidates."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from converge_provider.selection.rows import Rejection
from converge_provider.values.classes import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from converge_provider.selection.decision import Decision

__all__ = ("Comparison", "Move", "compare", "comparison_in_words")


@frozen(kw_only=True)
class Move:
    """An eligible candidate whose place is another one."""

    id: str
    was: int
    """The place before, from 1."""
    now: int


@frozen(kw_only=True)
class Comparison:
    """What changes from one decision to another; candidates in the order of the one that they are told from."""

    was: str | None
    """Who was chosen before; ``None``: nobody."""
    now: str | None
    admitted: tuple[Rejection, ...]
    """Who is eligible only after, with what spoke against it before; the best first."""
    rejected: tuple[Rejection, ...]
    """Who is eligible only before, with what speaks against it after; the nearest first."""
    moved: tuple[Move, ...]
    """Who is eligible both times, at another place; the best after first."""
    remedy: str | None
    """What to do about it where nobody is eligible after."""


def compare(before: "Decision", after: "Decision") -> Comparison:
    """Compare two decisions about the same catalogue."""
    was, now = ({row.id: row.rank for row in decision.ranking} for decision in (before, after))
    against = {row.id: row for row in before.rejected}
    return Comparison(
        was=before.chosen,
        now=after.chosen,
        admitted=tuple(against[name] for name in now if name in against),
        rejected=tuple(row for row in after.rejected if row.id in was),
        moved=tuple(
            Move(id=name, was=was[name], now=rank) for name, rank in now.items() if was.get(name, rank) != rank
        ),
        remedy=after.remedy,
    )


def comparison_in_words(found: Comparison, after: "Decision") -> Iterable[str]:
    """Tell a person what changes, line by line."""
    was, now = found.was or "nobody", found.now or "nobody"
    yield f"Chosen: {now}, as before" if was == now else f"Chosen: {now} instead of {was}"
    if found.remedy is not None:
        yield found.remedy
    ranks = {row.id: row.rank for row in after.ranking}
    yield from _titled("Newly eligible", found.admitted, lambda row: f"  {row.id}, at place {ranks[row.id]}; before:")
    yield from _titled("Newly rejected", found.rejected, lambda row: f"  {row.id}")
    if found.moved:
        yield f"\nMoved ({len(found.moved)})"
        yield from (f"  {move.id}: from place {move.was} to {move.now}" for move in found.moved)
    if was == now and not (found.admitted or found.rejected or found.moved):
        yield "Nobody's place changes, and nobody's eligibility."


def _titled(title: str, rows: "Sequence[Rejection]", head: "Callable[[Rejection], str]") -> Iterable[str]:
    if rows:
        yield f"\n{title} ({len(rows)})"
    for row in rows:
        yield head(row)
        yield from (f"    {reason.text}" for reason in row.reasons)
