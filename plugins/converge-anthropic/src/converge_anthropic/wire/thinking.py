"""The reasoning effort → how much the model may think."""

from typing import Any

from converge_anthropic.wire.dialect import Dialect
from converge_provider import InvalidRequest, ReasoningEffort

__all__ = ("thinking_to_wire", "thinks")

_BUDGETS = {"low": 1024, "medium": 4096, "high": 16384}
"""Tokens of thinking for models that take a budget; the least that they take is 1024."""


def thinks(effort: ReasoningEffort | None) -> bool:
    """Say whether an effort asks the model to think."""
    return effort is not None and effort is not ReasoningEffort.NONE


def thinking_to_wire(effort: ReasoningEffort | None, dialect: Dialect, *, max_tokens: int) -> dict[str, Any]:
    """
    Say how much the model may think; unset is left to the model.

    Args:
        effort: The wish.
        dialect: What the model takes.
        max_tokens: The longest answer, thinking included, in tokens.

    Returns:
        The fields ``thinking`` and ``output_config``, as far as they are needed.

    Raises:
        InvalidRequest: The model does not take that effort, or there is no room for it.

    """
    if effort is None:
        return {}
    if effort.value not in dialect.efforts:
        efforts = ", ".join(sorted(dialect.efforts)) or "nothing"
        message = f"{dialect.model!r} takes as reasoning_effort {efforts}; got {effort.value}"
        raise InvalidRequest(message)
    if effort is ReasoningEffort.NONE:
        return {"thinking": {"type": dialect.no_thinking or "disabled"}}
    if dialect.thinking == "adaptive":
        return {"thinking": {"type": "adaptive"}, "output_config": {"effort": effort.value}}
    budget = _BUDGETS[effort.value]
    if budget >= max_tokens:
        message = (
            f"reasoning_effort {effort.value} takes {budget} of max_tokens for thinking, got max_tokens {max_tokens}"
        )
        raise InvalidRequest(message)
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}
