"""The rules and the shapes of their words, as data; a host's options replace any of them."""

from collections.abc import Mapping

from attrs import field, frozen

from converge_provider import CostClass

__all__ = ("CLASS_USD_PER_MTOK", "COST", "LATENCY", "QUALITY", "RULES", "WORTH", "Rule", "Shape", "Shapes")

Shape = tuple[tuple[float, float], ...]
"""How far a word holds: corners (value, 0 to 1), joined by straight lines, level outside of them."""

Shapes = Mapping[str, Shape]
"""The words for one fact, each with its shape."""


@frozen(kw_only=True)
class Rule:
    """If every word of *when* holds, a backend is *then*."""

    when: Mapping[str, str] = field(hash=False)
    """For each fact (``cost``, ``latency``, ``quality``) the word that must hold."""
    then: str
    """``strong``, ``moderate`` or ``weak``, or a word that ``worth`` has."""

    def __str__(self) -> str:
        """Print the rule as it is said."""
        return " and ".join(f"{fact} {word}" for fact, word in self.when.items())


COST: Shapes = {
    "cheap": ((0.5, 1.0), (2.0, 0.0)),
    "moderate": ((1.0, 0.0), (4.0, 1.0), (12.0, 0.0)),
    "expensive": ((8.0, 0.0), (25.0, 1.0)),
}
"""US dollars per million tokens of input."""

LATENCY: Shapes = {
    "fast": ((1_500.0, 1.0), (3_500.0, 0.0)),
    "medium": ((2_000.0, 0.0), (4_500.0, 1.0), (8_000.0, 0.0)),
    "slow": ((6_000.0, 0.0), (12_000.0, 1.0)),
}
"""Milliseconds that a typical answer takes."""

QUALITY: Shapes = {
    "low": ((0.65, 1.0), (0.80, 0.0)),
    "medium": ((0.70, 0.0), (0.85, 1.0), (0.93, 0.0)),
    "high": ((0.88, 0.0), (0.96, 1.0)),
}
"""From 0 to 1."""

RULES: tuple[Rule, ...] = (
    Rule(when={"cost": "cheap", "quality": "high"}, then="strong"),
    Rule(when={"cost": "moderate", "quality": "high"}, then="strong"),
    Rule(when={"cost": "cheap", "quality": "medium"}, then="strong"),
    Rule(when={"latency": "fast", "quality": "high"}, then="strong"),
    Rule(when={"cost": "moderate", "quality": "medium"}, then="moderate"),
    Rule(when={"cost": "expensive", "quality": "high"}, then="moderate"),
    Rule(when={"cost": "cheap", "quality": "low"}, then="moderate"),
    Rule(when={"cost": "expensive", "quality": "medium"}, then="weak"),
    Rule(when={"cost": "expensive", "quality": "low"}, then="weak"),
    Rule(when={"latency": "slow"}, then="weak"),
)

WORTH: Mapping[str, float] = {"strong": 1.0, "moderate": 0.5, "weak": 0.0}

CLASS_USD_PER_MTOK: Mapping[CostClass, float] = {
    CostClass.FREE: 0.05,
    CostClass.VERY_LOW: 0.5,
    CostClass.LOW: 1.5,
    CostClass.MEDIUM: 5.0,
    CostClass.HIGH: 15.0,
    CostClass.VERY_HIGH: 50.0,
}
"""What stands for the price of a backend that states its cost class only."""
