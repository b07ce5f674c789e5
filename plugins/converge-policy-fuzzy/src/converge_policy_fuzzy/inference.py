"""From facts to words, from words to rules, from rules to a preference; one column at a time."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from attrs import frozen

from converge_policy_fuzzy.options import FuzzyOptions
from converge_policy_fuzzy.rules import Shape

__all__ = ("Inferred", "grade", "infer")


@frozen
class Inferred:
    """What the rules say of some candidates, in columns."""

    words: Mapping[str, Mapping[str, Sequence[float]]]
    """How far each word for each fact holds."""
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
            return low + (high - low) * (value - left) / (right - left)
    return shape[-1][1]


def infer(facts: Mapping[str, Sequence[float]], options: FuzzyOptions) -> Inferred:
    """
    Apply the rules: *and* is the smallest, several rules for one conclusion are the greatest.

    Args:
        facts: A column for each of ``cost``, ``latency`` and ``quality``.
        options: Shapes, rules and worth.

    """
    words = {
        fact: {word: _grades(shape, facts[fact]) for word, shape in shapes.items()}
        for fact, shapes in options.shapes.items()
    }
    strengths = [_all_of([words[fact][word] for fact, word in rule.when.items()]) for rule in options.rules]
    conclusions = {
        word: _any_of([held for rule, held in zip(options.rules, strengths, strict=True) if rule.then == word])
        for word in dict.fromkeys(rule.then for rule in options.rules)
    }
    worths = [options.worth[word] for word in conclusions]
    preferences = [_mean(worths, held) for held in zip(*conclusions.values(), strict=True)]
    return Inferred(words, strengths, preferences or [0.0] * len(facts["cost"]))


def _grades(shape: Shape, column: Sequence[float]) -> Sequence[float]:
    known = {value: grade(shape, value) for value in set(column)}
    return [known[value] for value in column]


def _all_of(columns: Sequence[Sequence[float]]) -> Sequence[float]:
    return columns[0] if len(columns) == 1 else list(map(min, *columns))


def _any_of(columns: Sequence[Sequence[float]]) -> Sequence[float]:
    return columns[0] if len(columns) == 1 else list(map(max, *columns))


def _mean(worths: Sequence[float], held: Sequence[float]) -> float:
    total = sum(held)
    return sum(worth * degree for worth, degree in zip(worths, held, strict=True)) / total if total else 0.0
