"""How one model of one server wants ``/api/chat`` spoken."""

from attrs import frozen

__all__ = ("FEATURES", "Dialect")

FEATURES = (
    "max_tokens",
    "temperature",
    "stop_sequences",
    "response_schema",
    "seed",
    "top_p",
    "reasoning_effort",
)
"""The optional fields of a request that the wire has a place for."""


@frozen(kw_only=True)
class Dialect:
    """What the wire's functions must know of the server and the model."""

    model: str
    """The model as the server names it, with its tag."""
    honours: frozenset[str] = frozenset(FEATURES)
    """The optional fields of a request that it honours; one that is set and not among them is refused."""
    num_ctx: int | None = None
    """The context to serve the model with, in tokens; ``None``: as the server pleases."""
    keep_alive: str | int | None = None
    """How long the model stays in memory after an answer; ``None``: as the server pleases."""
    may_truncate: bool = False
    """Whether the server may cut off the oldest messages when they do not fit, instead of saying so."""
