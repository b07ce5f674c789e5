"""
Policies one after the other: a later tier decides only among those that the earlier ones hold for equal.

``docs/explanation/selection.md#tiers`` says what equal means.
"""

from collections.abc import Iterator, Sequence

__all__ = ("deciding_tier", "order_by_tiers")

Totals = tuple[Sequence[float], float]
"""The totals of one tier, one per candidate, and how far below the best one still counts as equal."""


def order_by_tiers(tiers: Sequence[Totals], among: Sequence[int], late: int) -> list[int]:
    """
    Sort candidates: those of a mask behind all others, then tier by tier, then by place.

    The best of a tier, and all that are at most its epsilon below, are equal for it; the best of those that are left
    begins the next group.  So the order depends on the totals alone, not on the order of the candidates.

    Args:
        tiers: The totals, those that count first before the others; none is empty.
        among: Places in the table, ascending.
        late: The mask of those that come behind all others.

    """
    rows = range(len(among))
    soon = [row for row in rows if not late >> among[row] & 1]
    last = [row for row in rows if late >> among[row] & 1]
    return [among[row] for group in (soon, last) for row in _ordered(group, tiers)]


def _ordered(rows: Sequence[int], tiers: Sequence[Totals]) -> Sequence[int]:
    if len(rows) < 2 or not tiers:
        return rows
    totals, epsilon = tiers[0]
    return [row for group in _groups(rows, totals, epsilon) for row in _ordered(sorted(group), tiers[1:])]


def _groups(rows: Sequence[int], totals: Sequence[float], epsilon: float) -> Iterator[list[int]]:
    group: list[int] = []
    for row in sorted(rows, key=totals.__getitem__, reverse=True):
        if group and totals[group[0]] - totals[row] > epsilon:
            yield group
            group = []
        group.append(row)
    yield group


def deciding_tier(best: Sequence[float], second: Sequence[float], epsilons: Sequence[float]) -> int | None:
    """
    Say which tier puts one candidate before the next one.

    Args:
        best: The totals of the first of the two, tier by tier.
        second: Those of the one directly behind it.
        epsilons: How far below the best of each tier a total still counts as equal.

    Returns:
        The tier's place, from 0, or ``None``: they are equal in all.

    """
    compared = zip(best, second, epsilons, strict=True)
    return next((place for place, (one, other, epsilon) in enumerate(compared) if abs(one - other) > epsilon), None)
