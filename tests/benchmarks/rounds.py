"""
Make figures of rounds: medians, spreads, and ratios that are refused where the rounds disagree.

Everything that is compared is measured in turns: each round measures everybody once, one after the other, so that what
else the machine does falls on all alike.  A ratio is taken within each round, never between rounds; the ratio that is
shown is the median over the rounds.

The *spread* of some values is the distance between their quartiles, as a share of their median.  A ratio whose spread
is more than :data:`MOST_SPREAD`, or which fewer than :data:`FEWEST_ROUNDS` rounds tell of, is not shown: too much of it
is the machine's other work.
"""

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from math import inf, isfinite

from attrs import frozen

MOST_SPREAD = 0.25
"""The largest spread of a ratio that is shown."""
FEWEST_ROUNDS = 5
"""The fewest rounds that a ratio is made of."""


@frozen(kw_only=True)
class Figure:
    """One number out of several rounds."""

    median: float
    spread: float
    """The distance between the quartiles, as a share of the median; 0 of a single round."""
    rounds: int


@frozen(kw_only=True)
class Ratio(Figure):
    """How one thing compares with another, measured in the same rounds."""

    refused: str = ""
    """Why it is not shown; empty: it is."""

    def __str__(self) -> str:
        """Write the ratio, or that there is none."""
        return f"({self.refused})" if self.refused else f"{significant(self.median)}x"


def figure_of(values: Sequence[float]) -> Figure:
    """
    Summarise what the rounds measured.

    Raises:
        ValueError: There are none, or one is no number.

    """
    if not values or not all(map(isfinite, values)):
        message = f"a figure is made of finite numbers, got {list(values)!r}"
        raise ValueError(message)
    median = statistics.median(values)
    return Figure(median=median, spread=_spread(values, median), rounds=len(values))


def ratio_of(values: Sequence[float], base: Sequence[float]) -> Ratio:
    """
    Compare what the rounds measured of two, round by round.

    Args:
        values: One number per round.
        base: What each is divided by, of the same rounds in the same order, each above 0.

    Raises:
        ValueError: The rounds are not the same ones, there are none, or something is no number.

    Example:
        >>> str(ratio_of([2.0, 4.2, 2.0, 8.0, 1.0], [1.0, 2.0, 1.0, 4.0, 0.5]))
        '2x'
        >>> str(ratio_of([2.0, 4.0, 1.0, 8.0, 9.0], [1.0, 1.0, 1.0, 1.0, 1.0]))
        '(rounds disagree by 150 %)'

    """
    if len(values) != len(base):
        message = f"a ratio is made of the same rounds, got {len(values)} and {len(base)}"
        raise ValueError(message)
    if not all(divisor > 0 for divisor in base):
        message = f"a ratio divides by what is above 0, got {list(base)!r}"
        raise ValueError(message)
    found = figure_of([value / divisor for value, divisor in zip(values, base, strict=True)])
    return Ratio(median=found.median, spread=found.spread, rounds=found.rounds, refused=_refusal(found))


def _refusal(found: Figure) -> str:
    if found.rounds < FEWEST_ROUNDS:
        return f"only {found.rounds} rounds"
    return f"rounds disagree by {found.spread:.0%}".replace("%", " %") if found.spread > MOST_SPREAD else ""


def _spread(values: Sequence[float], median: float) -> float:
    if len(values) < 2:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / median if median else (inf if high > low else 0.0)


def significant(value: float) -> str:
    """
    Write a number with as many digits as it deserves.

    Example:
        >>> significant(0.0316), significant(2.0), significant(3.14159), significant(86.4), significant(11_500.3)
        ('0.032', '2', '3.1', '86', '11 500')

    """
    digits = f"{value:.2g}" if abs(value) < 100 else f"{round(value, 3 - len(str(int(abs(value))))):,.0f}"
    return (f"{float(digits):g}" if abs(value) < 100 else digits).replace(",", " ")


def best_s(act: Callable[[], object], *, rounds: int, calls: int = 1) -> float:
    """
    Give the seconds of one call in the best of several rounds, for what is so short that only its floor is steady.

    Args:
        act: What is measured.
        rounds: How many rounds there are.
        calls: How many calls make a round.

    """
    best = inf
    gc.collect()
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(calls):
            act()
        best = min(best, time.perf_counter() - began)
    return best / calls
