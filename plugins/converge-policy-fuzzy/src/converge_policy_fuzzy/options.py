"""What a host may say otherwise: shapes, rules, what a word is worth, and how much the degree counts."""

from collections.abc import Mapping
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from attrs.validators import ge, gt, le, lt

from converge_policy_fuzzy.rules import COST, LATENCY, QUALITY, RULES, WORTH, Rule, Shape, Shapes

if TYPE_CHECKING:
    from attrs import Attribute

__all__ = ("FuzzyOptions",)


def _check_shapes(_: object, attribute: "Attribute[Any]", shapes: Shapes) -> None:
    for word, shape in shapes.items():
        problem = _problem(shape)
        if problem:
            message = f"'{attribute.name}.{word}' {problem}, got {[list(corner) for corner in shape]}"
            raise ValueError(message)


def _problem(shape: Shape) -> str | None:
    if not shape:
        return "must have a corner at least"
    if not all(left < right for (left, _), (right, _) in pairwise(shape)):
        return "must have corners whose values rise"
    if not all(0.0 <= degree <= 1.0 for _, degree in shape):
        return "must have corners of which each is a value and a degree from 0 to 1"
    return None


def _check_rules(options: "FuzzyOptions", _: object, rules: tuple[Rule, ...]) -> None:
    facts = options.shapes
    for rule in rules:
        if not rule.when:
            message = f"a rule for '{rule.then}' has nothing under 'when'"
            raise ValueError(message)
        for fact, word in rule.when.items():
            _known("rules", fact, facts)
            _known(f"rules.{fact}", word, facts[fact])
        _known("rules.then", rule.then, options.worth)


def _known(place: str, word: str, words: Mapping[str, object]) -> None:
    if word not in words:
        message = f"'{place}' has no word {word!r}; it knows {', '.join(words)}"
        raise ValueError(message)


def _check_worth(_: object, __: object, worth: Mapping[str, float]) -> None:
    for word, share in worth.items():
        if not 0.0 <= share <= 1.0:
            message = f"'worth.{word}' must be from 0 to 1, got {share}"
            raise ValueError(message)


def _shapes(default: Shapes) -> Any:  # noqa: ANN401 - attrs says so of its fields
    return field(default=default, validator=_check_shapes, hash=False)


@frozen(kw_only=True)
class FuzzyOptions:
    """Shapes, rules, and how much the degree counts; what is not given is manifold's."""

    cost: Shapes = _shapes(COST)
    """Words for the price, in US dollars per million tokens of input; given, they replace all of them."""
    latency: Shapes = _shapes(LATENCY)
    """Words for the typical latency, in milliseconds."""
    quality: Shapes = _shapes(QUALITY)
    """Words for the quality, from 0 to 1."""
    worth: Mapping[str, float] = field(default=WORTH, validator=_check_worth, hash=False)
    """What each conclusion of a rule is worth, from 0 to 1."""
    rules: tuple[Rule, ...] = field(default=RULES, validator=_check_rules)
    """The rules; given, they replace all of them."""
    degree: float = field(default=0.25, validator=[ge(0.0), le(1.0)])
    """How much the degree counts against the rules; 0: as manifold had it; up to 1/3 it never outweighs a class."""
    even_usd_per_mtok: float = field(default=4.0, validator=[gt(0.0), lt(inf)])
    """The price whose degree is one half."""
    even_ms: float = field(default=4_500.0, validator=[gt(0.0), lt(inf)])
    """The latency whose degree is one half, in milliseconds."""

    @property
    def shapes(self) -> Mapping[str, Shapes]:
        """The words of every fact."""
        return {"cost": self.cost, "latency": self.latency, "quality": self.quality}
