"""What is known of a model, from the user's configuration or from the server."""

from collections.abc import Iterable, Sequence
from datetime import date

from attrs import field, frozen

__all__ = ("ModelFacts", "is_remote")


def _texts(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(texts)


@frozen(kw_only=True)
class ModelFacts:
    """One model; what nobody has stated is ``None``, or in neither list."""

    num_ctx: int | None = None
    """The context that it shall be served with, in tokens; ``None``: as the provider says."""
    context_tokens: int | None = None
    """The context that it is served with, in tokens, where that is known without asking for one."""
    trained_tokens: int | None = None
    """The context that it was made for, in tokens: the most that can be served."""
    able: Sequence[str] = field(default=(), converter=_texts)
    """What it can do: the contract's flags (``reasoning``, ``tool_use``, ``vision``, …)."""
    unable: Sequence[str] = field(default=(), converter=_texts)
    """What it cannot do, in the same words."""
    refuses: Sequence[str] = field(default=(), converter=_texts)
    """Optional fields of a request that it does not honour although the wire has them."""
    is_remote: bool = False
    """Whether the server hands its requests on, to Ollama's cloud or to another server."""
    source: str | None = None
    """Who says so."""
    as_of: date | None = None
    """When it was true."""


def is_remote(model: str) -> bool:
    """
    Say whether a model's name says that Ollama's cloud computes its answers.

    Example:
        >>> [is_remote(name) for name in ("qwen3:8b", "gpt-oss:120b-cloud", "deepseek-v3.1:cloud", "cloud")]
        [False, True, True, False]

    """
    tag = model.rpartition(":")[2] if ":" in model else ""
    return tag == "cloud" or tag.endswith("-cloud")
