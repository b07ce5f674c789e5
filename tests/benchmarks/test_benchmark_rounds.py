"""What is made of rounds, and above all what is not: no ratio where they disagree."""

from math import nan

import pytest
from rounds import FEWEST_ROUNDS, MOST_SPREAD, best_s, figure_of, ratio_of

STEADY = [1.0, 1.02, 0.98, 1.01, 0.99]
"""What rounds measure on a quiet machine."""


def test_figure_is_the_median_and_its_spread() -> None:
    """The median is of all rounds; the spread is the distance between the quartiles, as a share of it."""
    found = figure_of([4.0, 1.0, 2.0, 3.0, 5.0])

    assert (found.median, found.rounds) == (3.0, 5)
    assert found.spread == pytest.approx(2 / 3)


def test_figure_of_one_round_has_no_spread() -> None:
    """A single round disagrees with nobody."""
    assert figure_of([2.0]).spread == 0


@pytest.mark.parametrize("values", [pytest.param([], id="none"), pytest.param([1.0, nan], id="no number")])
def test_figure_is_made_of_finite_numbers(values: list[float]) -> None:
    """Nothing, or what is no number, makes no figure."""
    with pytest.raises(ValueError, match="finite numbers"):
        figure_of(values)


def test_ratio_is_taken_within_each_round() -> None:
    """Rounds that were slow for both count like any other: that is what interleaving is for."""
    machine = [1.0, 3.0, 1.0, 9.0, 2.0]
    found = ratio_of([4.0 * slow for slow in machine], machine)

    assert (found.median, found.spread, found.refused, str(found)) == (4.0, 0.0, "", "4x")


def test_ratio_is_refused_where_rounds_disagree() -> None:
    """A spread beyond the limit leaves no number in the text, only that rounds disagree, and by how much."""
    found = ratio_of([1.0, 3.0, 1.0, 3.0, 2.0], STEADY)

    assert found.spread > MOST_SPREAD
    assert str(found) == "(rounds disagree by 95 %)"


def test_ratio_is_shown_up_to_the_limit() -> None:
    """The limit itself is still shown."""
    below, above = (ratio_of([8.0 - step, 8.0, 8.0 + step, 8.0, 8.0 + step], [1.0] * 5) for step in (1.0, 4.0))

    assert below.spread < MOST_SPREAD < above.spread
    assert (below.refused, above.refused) == ("", "rounds disagree by 50 %")


def test_ratio_is_refused_with_too_few_rounds() -> None:
    """Rounds that agree tell nothing as long as there are hardly any."""
    few = STEADY[: FEWEST_ROUNDS - 1]

    assert str(ratio_of(few, few)) == f"(only {FEWEST_ROUNDS - 1} rounds)"
    assert str(ratio_of(STEADY, STEADY)) == "1x"


@pytest.mark.parametrize(
    ("values", "base", "why"),
    [
        pytest.param([1.0, 2.0], [1.0], "the same rounds", id="other rounds"),
        pytest.param([1.0], [0.0], "above 0", id="nothing to divide by"),
    ],
)
def test_ratio_needs_the_same_rounds(values: list[float], base: list[float], why: str) -> None:
    """Other rounds, or a divisor of nothing, make no ratio."""
    with pytest.raises(ValueError, match=why):
        ratio_of(values, base)


def test_best_round_counts_every_call() -> None:
    """Each round makes all its calls."""
    calls: list[int] = []

    assert best_s(lambda: calls.append(1), rounds=3, calls=4) > 0
    assert len(calls) == 12
