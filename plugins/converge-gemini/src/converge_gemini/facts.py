"""What is known of a model, from this plugin's table or from the user's configuration."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path

from attrs import field, frozen

__all__ = ("ModelFacts", "known_models")


def _texts(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(texts)


@frozen(kw_only=True)
class ModelFacts:
    """One model; what nobody has stated is ``None``, or in neither list."""

    context_tokens: int | None = None
    """The longest prompt, in tokens."""
    max_output_tokens: int | None = None
    """The longest answer, thoughts included, in tokens."""
    able: Sequence[str] = field(default=(), converter=_texts)
    """What it can do: the contract's flags (``reasoning``, ``tool_use``, …), ``documents``, ``audio``."""
    unable: Sequence[str] = field(default=(), converter=_texts)
    """What it cannot do, in the same words."""
    refuses: Sequence[str] = field(default=(), converter=_texts)
    """Optional fields of a request that it does not honour although the service does."""
    thinks_by_budget: bool = False
    """Whether its thinking is limited by a budget of tokens, instead of by a level."""
    efforts: Sequence[str] = field(default=(), converter=_texts)
    """The reasoning efforts that it takes; none: nobody has stated them."""
    source: str | None = None
    """Who says so."""
    as_of: date | None = None
    """When it was true."""


@cache
def known_models() -> Mapping[str, ModelFacts]:
    """Read the table; its rows are this plugin's own, and its tests load them through the strict codec."""
    text = Path(__file__).with_name("models.toml").read_text("utf-8")
    return {name: ModelFacts(**row) for name, row in tomllib.loads(text).items()}
