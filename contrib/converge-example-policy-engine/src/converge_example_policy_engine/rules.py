"""Rules as data: when each speaks, and what it says."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Literal

from attrs import field, frozen

from converge_provider import JsonValue, codec

__all__ = ("Rule", "RuleBook", "load_rules", "shipped_rules")


@frozen(kw_only=True)
class Rule:
    """
    What one rule says, and of which requests.

    It speaks of a request in which every field of ``when`` has one of the values that are listed, and every field of
    ``at_most`` is a number that is not above the limit.
    """

    name: str
    effect: Literal["allow", "deny"]
    reason: str
    """Why, in a few words, for whoever is told."""
    when: Mapping[str, tuple[str, ...]] = field(factory=dict[str, tuple[str, ...]])
    at_most: Mapping[str, float] = field(factory=dict[str, float])

    def speaks_of(self, request: Mapping[str, JsonValue]) -> bool:
        """Say whether the rule speaks of a request; a field that is not there is not what is asked."""
        named = all(request.get(name) in values for name, values in self.when.items())
        return named and all(_is_at_most(request.get(name), limit) for name, limit in self.at_most.items())


def _is_at_most(value: JsonValue, limit: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value <= limit


@frozen(kw_only=True)
class RuleBook:
    """Rules; their order carries no meaning."""

    rules: tuple[Rule, ...]


def load_rules(text: str) -> RuleBook:
    """
    Read rules that are written in TOML.

    Raises:
        ConfigurationError: They make no sense; every problem is told with its path.
        TOMLDecodeError: It is not TOML.

    """
    return codec.load(RuleBook, tomllib.loads(text))


def shipped_rules() -> RuleBook:
    """Give the rules that come with this distribution."""
    return load_rules(files("converge_example_policy_engine").joinpath("rules.toml").read_text("utf-8"))
