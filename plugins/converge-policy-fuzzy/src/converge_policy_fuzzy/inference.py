"""From facts to words, from words to rules, from rules to a preference; one column at a time."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from attrs import frozen

from converge_policy_fuzzy.options import FuzzyOptions
from converge_policy_fuzzy.rules import Shape

__all__ = ("Inferred", "grade", "infer")

_RAMP = 2


@frozen
class Inferred:
    """What the rules say of some candidates, in columns."""

    rules: Sequence[Sequence[float]]
    """How far each rule holds."""
    preferences: Sequence[float]
    """The mean of what the conclusions are worth, weighed by how far they hold; 0 where no rule holds."""


def grade(shape: Shape, value: float) -> float:
    """
    Say how far a word holds for a value.

    Example:
        >>> [grade(((0.5, 1.0), (2.0, 0.0)), value) for value in (0.1, 1.25, 3.0)]
        [1.0, 0.5, 0.0]

    """
    if value <= shape[0][0]:
        return shape[0][1]
    for (left, low), (right, high) in pairwise(shape):
        if value < right:
            return low + (value - left) * ((high - low) / (right - left))
    return shape[-1][1]


def infer(facts: Mapping[str, Sequence[float]], options: FuzzyOptions) -> Inferred:
    """
    Apply the rules: *and* is the smallest, several rules for one conclusion are the greatest.

    Args:
        facts: A column for each of ``cost``, ``latency`` and ``quality``.
        options: Shapes, rules and worth.

    """
    used = dict.fromkeys(item for rule in options.rules for item in rule.when.items())
    words = {(fact, word): _grades(options.shapes[fact][word], facts[fact]) for fact, word in used}
    strengths = [_each(min, [words[item] for item in rule.when.items()]) for rule in options.rules]
    conclusions = {
        word: _each(max, [held for rule, held in zip(options.rules, strengths, strict=True) if rule.then == word])
        for word in dict.fromkeys(rule.then for rule in options.rules)
    }
    return Inferred(strengths, _means(conclusions, options.worth) or [0.0] * len(facts["cost"]))


def _grades(shape: Shape, column: Sequence[float]) -> Sequence[float]:
    if len(shape) != _RAMP:
        return [grade(shape, value) for value in column]
    (left, low), (right, high) = shape  # most words: without a call for each value
    slope = (high - low) / (right - left)
    return [low if value <= left else high if value >= right else low + (value - left) * slope for value in column]


def _each(pick: Callable[..., float], columns: Sequence[Sequence[float]]) -> Sequence[float]:
    return columns[0] if len(columns) == 1 else list(map(pick, *columns))


def _means(conclusions: Mapping[str, Sequence[float]], worth: Mapping[str, float]) -> Sequence[float]:
    valued = [[worth[word] * degree for degree in held] for word, held in conclusions.items()]
    totals = map(sum, zip(*conclusions.values(), strict=True))
    sums = map(sum, zip(*valued, strict=True))
    return [value / total if total else 0.0 for value, total in zip(sums, totals, strict=True)]
