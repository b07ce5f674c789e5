"""What each wire's public documentation has, as data."""

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files

from attrs import frozen

from converge_provider.codec import load

__all__ = ("Floor", "floor_of", "floors")


@frozen(kw_only=True)
class Floor:
    """The features of one wire that a backend claims, or says why not."""

    features: frozenset[str]
    source: str
    """Where the wire is documented."""
    as_of: date


@cache
def floors() -> Mapping[str, Floor]:
    """Give the floor of every wire that is known, by the wire's name."""
    text = files("converge_provider.testing.conformance").joinpath("floors.toml").read_text("utf-8")
    return load(dict[str, Floor], tomllib.loads(text))


def floor_of(wire: str | None) -> frozenset[str]:
    """
    Name the features that a wire has; none for a backend without a wire.

    Raises:
        ValueError: Nobody has written down that wire's floor.

    """
    if wire is None:
        return frozenset()
    if wire not in floors():
        message = f"no floor is known for the wire {wire!r}; floors.toml has {', '.join(sorted(floors()))}"
        raise ValueError(message)
    return floors()[wire].features
