"""The format of the answer: native schemas, a forced tool call in their place, or an instruction."""

from typing import Any

from converge_anthropic.wire.dialect import Dialect
from converge_anthropic.wire.schemas import fitted
from converge_provider import ChatRequest, InvalidRequest, ResponseFormat

__all__ = ("ANSWER_TOOL", "format_of", "structure_to_wire")

ANSWER_TOOL = "answer_in_schema"
"""The tool whose arguments are the answer's text, for models that enforce no schema."""


def format_of(request: ChatRequest) -> ResponseFormat:
    """
    Give the format that an instruction must demand: a schema asks for JSON.

    Raises:
        InvalidRequest: A schema comes with a format that has none.

    """
    if request.response_schema is None:
        return request.response_format
    if request.response_format not in {ResponseFormat.TEXT, ResponseFormat.JSON}:
        message = f"a response schema asks for json on this wire, got response_format {request.response_format}"
        raise InvalidRequest(message)
    return ResponseFormat.TEXT


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
    if request.tools or request.tool_choice is not None or not dialect.forced_tools:
        reason = "this schema, whose objects have arbitrary members" if dialect.native_schemas else "schemas"
        message = (
            f"{dialect.model!r} does not enforce {reason}, and a tool call cannot be forced in its place"
            f"{' beside the tools of the request' if dialect.forced_tools else ''}"
        )
        raise InvalidRequest(message)
    tool = {"name": ANSWER_TOOL, "description": "Give the answer.", "input_schema": schema}
    return {"tools": [tool], "tool_choice": {"type": "tool", "name": ANSWER_TOOL}}
