"""How one model wants Anthropic Messages spoken."""

from attrs import frozen

__all__ = ("FEATURES", "Dialect")

FEATURES = (
    "max_tokens",
    "temperature",
    "stop_sequences",
    "tool_choice",
    "parallel_tool_calls",
    "response_schema",
    "top_p",
    "reasoning_effort",
    "cache_hints",
)
"""The optional fields of a request that the wire has a place for; a seed is not among them."""


@frozen(kw_only=True)
class Dialect:
    """What the wire's functions must know of the model; the defaults are those of a model of which nothing is known."""

    model: str
    """The model as the service names it."""
    max_tokens: int = 4096
    """The longest answer to ask for where the request states none, since the wire must state one."""
    honours: frozenset[str] = frozenset(FEATURES)
    """The optional fields of a request that it honours; one that is set and not among them is refused."""
    thinking: str = "adaptive"
    """How thinking is asked for: ``adaptive``, or ``budget``."""
    no_thinking: str | None = "disabled"
    """How thinking is declined; ``None``: it cannot be."""
    efforts: frozenset[str] = frozenset({"none", "low", "medium", "high"})
    """The reasoning efforts that it takes."""
    forced_tools: bool = True
    """Whether a request may demand a tool call."""
    prefill: bool = True
    """Whether a conversation may end with the beginning of the answer."""
    native_schemas: bool = True
    """Whether it keeps to a JSON Schema natively."""
    media: frozenset[str] = frozenset({"images", "documents"})
    """What messages may hold beside text."""
