"""How one model wants ``generateContent`` spoken."""

from attrs import frozen

__all__ = ("FEATURES", "Dialect")

FEATURES = (
    "max_tokens",
    "temperature",
    "stop_sequences",
    "tool_choice",
    "response_schema",
    "seed",
    "top_p",
    "reasoning_effort",
)
"""The optional fields of a request that the wire has a place for."""


@frozen(kw_only=True)
class Dialect:
    """What the wire's functions must know of the model."""

    model: str
    """The model as the service names it, without ``models/``."""
    honours: frozenset[str] = frozenset(FEATURES)
    """The optional fields of a request that it honours; one that is set and not among them is refused."""
    thinks_by_budget: bool = False
    """Whether its thinking is limited by a budget of tokens, as Gemini 2.5 has it, instead of by a level."""
    efforts: frozenset[str] | None = None
    """The reasoning efforts that it takes; ``None``: nobody has stated them."""
