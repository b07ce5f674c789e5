"""The request: the contract's value → JSON."""

from collections.abc import Mapping
from typing import Any

from converge_gemini.wire.dialect import Dialect
from converge_gemini.wire.messages import contents_of, system_texts
from converge_gemini.wire.schemas import schema_to_wire
from converge_provider import (
    ChatRequest,
    InvalidRequest,
    ReasoningEffort,
    ResponseFormat,
    ToolChoice,
    ToolDefinition,
)
from converge_provider.http import answer_format, as_object, refuse_unhonoured

__all__ = ("to_wire",)

_MOST_STOP_SEQUENCES = 5
_BUDGETS = {
    ReasoningEffort.NONE: 0,
    ReasoningEffort.MINIMAL: 1_024,
    ReasoningEffort.LOW: 1_024,
    ReasoningEffort.MEDIUM: 8_192,
    ReasoningEffort.HIGH: 24_576,
}
"""Tokens of thinking by effort, as Google's own OpenAI route counts them."""
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "named": "ANY"}
_RESERVED = frozenset({"generationConfig.candidateCount"})


def to_wire(request: ChatRequest, dialect: Dialect) -> dict[str, Any]:
    """
    Turn a request into JSON, the same whether the answer shall be streamed or not: the address says that.

    ``extra`` is merged in last: objects into objects, lists behind lists; what is there already is refused.

    Args:
        request: The request; its ``model`` is a wish that selection has dealt with.
        dialect: How the model wants it.

    Raises:
        InvalidRequest: The request sets something that this model does not honour.

    """
    refuse_unhonoured(request, model=dialect.model, honours=dialect.honours)
    wire: dict[str, Any] = {"contents": _contents(request, dialect)}
    system = _system(request)
    if system:
        wire["systemInstruction"] = {"parts": [{"text": system}]}
    _add_tools(wire, request)
    config = _config(request, dialect)
    if config:
        wire["generationConfig"] = config
    return _merged(wire, request.extra, "")


def _contents(request: ChatRequest, dialect: Dialect) -> list[dict[str, Any]]:
    contents = contents_of(request.messages, dialect)
    if not contents:
        message = "a request needs at least one message that is not the system's"
        raise InvalidRequest(message)
    return contents


def _system(request: ChatRequest) -> str:
    texts = (request.system, *system_texts(request.messages), answer_format(request).system_instruction())
    return "\n\n".join(text for text in texts if text)


def _add_tools(wire: dict[str, Any], request: ChatRequest) -> None:
    choice = request.tool_choice
    if request.tools:
        wire["tools"] = [{"functionDeclarations": [_declaration(tool) for tool in request.tools]}]
        if choice is not None:
            wire["toolConfig"] = {"functionCallingConfig": _choice(choice, request)}
    elif choice is not None and choice.mode in {"required", "named"}:
        message = "tool_choice demands a tool, but the request offers none"
        raise InvalidRequest(message)


def _declaration(tool: ToolDefinition) -> dict[str, Any]:
    made: dict[str, Any] = {"name": tool.name, "description": tool.description}
    if tool.parameters.get("properties") or "$ref" in tool.parameters:  # the service refuses an object of nothing
        made["parametersJsonSchema"] = schema_to_wire(tool.parameters)
    return made


def _choice(choice: ToolChoice, request: ChatRequest) -> dict[str, Any]:
    config: dict[str, Any] = {"mode": _MODES[choice.mode]}
    if choice.mode == "named":
        if choice.name not in {tool.name for tool in request.tools}:
            message = f"tool_choice names {choice.name!r}, which is not among the tools of the request"
            raise InvalidRequest(message)
        config["allowedFunctionNames"] = [choice.name]
    return config


def _config(request: ChatRequest, dialect: Dialect) -> dict[str, Any]:
    if len(request.stop_sequences) > _MOST_STOP_SEQUENCES:
        message = f"the wire takes {_MOST_STOP_SEQUENCES} stop sequences at most, got {len(request.stop_sequences)}"
        raise InvalidRequest(message)
    schema = request.response_schema
    plain = {
        "maxOutputTokens": request.max_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "seed": request.seed,
        "stopSequences": list(request.stop_sequences) or None,
        "responseMimeType": "application/json" if answer_format(request) is ResponseFormat.JSON else None,
        "responseJsonSchema": None if schema is None else schema_to_wire(schema),
        "thinkingConfig": _thinking(request.reasoning_effort, dialect),
    }
    return {name: value for name, value in plain.items() if value is not None}


def _thinking(effort: ReasoningEffort | None, dialect: Dialect) -> dict[str, Any] | None:
    """Say how much to think; whoever says it is also shown a summary of the thoughts."""
    if effort is None:
        return None
    if dialect.efforts is not None and effort.value not in dialect.efforts:
        message = f"{dialect.model!r} takes reasoning_effort {', '.join(sorted(dialect.efforts))}, got {effort}"
        raise InvalidRequest(message)
    if dialect.thinks_by_budget:
        return {"thinkingBudget": _BUDGETS[effort], "includeThoughts": effort is not ReasoningEffort.NONE}
    if effort is ReasoningEffort.NONE:
        message = f"{dialect.model!r} always thinks: reasoning_effort none is not to be had"
        raise InvalidRequest(message)
    return {"thinkingLevel": effort.value.upper(), "includeThoughts": True}


def _merged(wire: Mapping[str, Any], extra: Mapping[str, Any], path: str) -> dict[str, Any]:
    merged = dict(wire)
    for key, value in extra.items():
        name = f"{path}{key}"
        there = wire.get(key)
        if name in _RESERVED or name == "contents":
            raise _taken(name)
        known, further = as_object(there), as_object(value)
        if isinstance(value, dict) and (known or key not in wire):
            merged[key] = _merged(known, further, f"{name}.")
        elif isinstance(there, list) and isinstance(value, list) and not path:
            merged[key] = [*there, *value]
        elif key in wire:
            raise _taken(name)
        else:
            merged[key] = value
    return merged


def _taken(name: str) -> InvalidRequest:
    message = f"extra must not set {name}: the request or the adapter does; only further fields go there"
    return InvalidRequest(message)
