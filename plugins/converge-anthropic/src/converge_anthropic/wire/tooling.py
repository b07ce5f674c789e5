"""The tools, and which of them must be called."""

from typing import Any

from converge_anthropic.wire.dialect import Dialect
from converge_anthropic.wire.structure import ANSWER_TOOL
from converge_anthropic.wire.thinking import thinks
from converge_provider import ChatRequest, InvalidRequest, ToolDefinition

__all__ = ("tools_to_wire",)

_FORCING = {"required": "any", "named": "tool"}


def tools_to_wire(request: ChatRequest, dialect: Dialect) -> dict[str, Any]:
    """
    Offer the request's tools.

    Returns:
        ``tools`` and, where something is said of their use, ``tool_choice``.

    Raises:
        InvalidRequest: The choice demands what is not offered, or what the model does not honour.

    """
    if not request.tools:
        if request.tool_choice is not None and request.tool_choice.mode in _FORCING:
            message = "tool_choice demands a tool, but the request offers none"
            raise InvalidRequest(message)
        return {}
    choice = _choice(request, dialect)
    tools = [_tool(tool) for tool in request.tools]
    return {"tools": tools} | ({"tool_choice": choice} if choice else {})


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    if tool.name == ANSWER_TOOL:
        message = f"no tool may be called {ANSWER_TOOL!r}: answers to a schema use that name"
        raise InvalidRequest(message)
    wire = {"name": tool.name, "description": tool.description, "input_schema": {"type": "object", **tool.parameters}}
    return {key: value for key, value in wire.items() if value != ""}


def _choice(request: ChatRequest, dialect: Dialect) -> dict[str, Any]:
    mode = None if request.tool_choice is None else request.tool_choice.mode
    one_at_a_time = {"disable_parallel_tool_use": True} if request.parallel_tool_calls is False else {}
    if mode is None:
        return {"type": "auto", **one_at_a_time} if one_at_a_time else {}
    if mode == "none":
        return {"type": "none"}
    if mode in _FORCING:
        _expect_forcible(request, dialect)
    choice: dict[str, Any] = {"type": _FORCING.get(mode, mode), **one_at_a_time}
    if request.tool_choice is not None and mode == "named":
        choice["name"] = request.tool_choice.name
        if choice["name"] not in {tool.name for tool in request.tools}:
            message = f"tool_choice names {choice['name']!r}, which is not among the tools of the request"
            raise InvalidRequest(message)
    return choice


def _expect_forcible(request: ChatRequest, dialect: Dialect) -> None:
    if not dialect.forced_tools:
        message = f"{dialect.model!r} honours tool_choice auto and none only: no call can be demanded of it"
        raise InvalidRequest(message)
    if thinks(request.reasoning_effort):
        message = (
            "no tool call can be demanded of a model that thinks: set reasoning_effort to none, or tool_choice to auto"
        )
        raise InvalidRequest(message)
