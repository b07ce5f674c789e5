"""Answers that satisfy a schema: natively, or by a forced tool call."""

from typing import Any

from converge_anthropic.wire.dialect import Dialect
from converge_anthropic.wire.schemas import fitted
from converge_anthropic.wire.thinking import thinks
from converge_provider import ChatRequest, InvalidRequest

__all__ = ("ANSWER_TOOL", "structure_to_wire")

ANSWER_TOOL = "answer_in_schema"
"""The tool whose arguments are the answer's text, for models that enforce no schema."""


def structure_to_wire(request: ChatRequest, dialect: Dialect) -> dict[str, Any]:
    """
    Ask for an answer that satisfies the request's schema, if it has one.

    Returns:
        ``output_config``, or ``tools`` and ``tool_choice`` where the model enforces no schema, or not this one.

    Raises:
        InvalidRequest: The model can do neither, or the tool that would be forced meets the request's own.

    """
    schema = request.response_schema
    if schema is None:
        return {}
    fit = fitted(schema) if dialect.native_schemas else None
    if fit is not None:
        return {"output_config": {"format": {"type": "json_schema", "schema": fit}}}
    hindrance = _hindrance(request, dialect)
    if hindrance is not None:
        reason = "this schema, whose objects have arbitrary members" if dialect.native_schemas else "schemas"
        message = (
            f"{dialect.model!r} does not enforce {reason}, and a tool call cannot be forced in its place {hindrance}"
        )
        raise InvalidRequest(message)
    tool = {"name": ANSWER_TOOL, "description": "Give the answer.", "input_schema": schema}
    return {"tools": [tool], "tool_choice": {"type": "tool", "name": ANSWER_TOOL}}


def _hindrance(request: ChatRequest, dialect: Dialect) -> str | None:
    """Say what keeps the adapter from forcing the call that would be the answer."""
    if not dialect.forced_tools:
        return "of this model"
    if request.tools or request.tool_choice is not None:
        return "beside the tools of the request"
    return "of a model that thinks" if thinks(request.reasoning_effort) else None
