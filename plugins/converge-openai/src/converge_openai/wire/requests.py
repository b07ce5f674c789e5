"""The request: the contract's value → JSON."""

from typing import Any

from converge_openai.wire.dialect import FEATURES, Dialect
from converge_openai.wire.messages import message_to_wire
from converge_openai.wire.schemas import schema_to_wire
from converge_provider import ChatRequest, InvalidRequest, ResponseFormat, ToolChoice, ToolDefinition
from converge_provider.http import answer_format

__all__ = ("to_wire",)

_RESERVED = frozenset({"model", "messages", "stream", "stream_options", "n"})


def to_wire(request: ChatRequest, dialect: Dialect, *, stream: bool) -> dict[str, Any]:
    """
    Turn a request into JSON.

    ``extra`` is merged in last: a key that is already there, or that would change how the answer is read, is refused.

    Args:
        request: The request; its ``model`` is a wish that selection has dealt with.
        dialect: How the service and the model want it.
        stream: Whether the answer shall come in pieces.

    Raises:
        InvalidRequest: The request sets something that this model of this service does not honour.

    """
    _refuse_unhonoured(request, dialect)
    wire: dict[str, Any] = {"model": dialect.model, "messages": _messages(request, dialect)}
    _add_tools(wire, request, dialect)
    _add_format(wire, request, dialect)
    plain = {
        dialect.max_tokens_field: request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        dialect.seed_field: request.seed,
        "stop": list(request.stop_sequences) or None,
    }
    wire |= {name: value for name, value in plain.items() if value is not None}
    _add_effort(wire, request, dialect)
    if stream:
        wire["stream"] = True
        if dialect.stream_options:
            wire["stream_options"] = {"include_usage": True}
    return _with_extra(wire, request)


def _refuse_unhonoured(request: ChatRequest, dialect: Dialect) -> None:
    refused = [name for name in FEATURES if getattr(request, name) not in (None, ()) and name not in dialect.honours]
    if request.cache_hints:
        refused.append("cache_hints")
    if request.tools and not dialect.takes_tools:
        refused.append("tools")
    if refused:
        message = f"{dialect.model!r} does not honour {', '.join(refused)}; leave that unset, or choose another backend"
        raise InvalidRequest(message)


def _messages(request: ChatRequest, dialect: Dialect) -> list[dict[str, Any]]:
    if not request.messages:
        message = "a request needs at least one message"
        raise InvalidRequest(message)
    texts = [text for text in (request.system, answer_format(request).system_instruction()) if text]
    system = [{"role": "system", "content": "\n\n".join(texts)}] if texts else []
    return [*system, *(message_to_wire(message, place, dialect) for place, message in enumerate(request.messages))]


def _add_tools(wire: dict[str, Any], request: ChatRequest, dialect: Dialect) -> None:
    choice = request.tool_choice
    if not request.tools:
        if choice is not None and choice.mode in {"required", "named"}:
            message = "tool_choice demands a tool, but the request offers none"
            raise InvalidRequest(message)
        return
    wire["tools"] = [_tool(tool) for tool in request.tools]
    if choice is not None:
        wire["tool_choice"] = _choice(choice, request, dialect)
    if request.parallel_tool_calls is not None:
        wire["parallel_tool_calls"] = request.parallel_tool_calls


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _choice(choice: ToolChoice, request: ChatRequest, dialect: Dialect) -> object:
    if choice.mode not in dialect.tool_choices:
        modes = ", ".join(sorted(dialect.tool_choices))
        message = f"{dialect.model!r} honours tool_choice {modes} only, got {choice.mode}"
        raise InvalidRequest(message)
    if choice.mode != "named":
        return dialect.required_choice if choice.mode == "required" else choice.mode
    if choice.name not in {tool.name for tool in request.tools}:
        message = f"tool_choice names {choice.name!r}, which is not among the tools of the request"
        raise InvalidRequest(message)
    return {"type": "function", "function": {"name": choice.name}}


def _add_format(wire: dict[str, Any], request: ChatRequest, dialect: Dialect) -> None:
    if request.response_schema is not None:
        wire["response_format"] = schema_to_wire(request.response_schema)
    elif request.response_format is ResponseFormat.JSON and "json_object" in dialect.formats:
        wire["response_format"] = {"type": "json_object"}


def _add_effort(wire: dict[str, Any], request: ChatRequest, dialect: Dialect) -> None:
    wanted = None if request.reasoning_effort is None else request.reasoning_effort.value
    effort = dialect.tools_effort if request.tools and dialect.tools_effort else wanted
    if effort is None:
        return
    if wanted is not None and wanted != effort:
        message = f"{dialect.model!r} takes tools only with reasoning_effort {effort} on this wire, got {wanted}"
        raise InvalidRequest(message)
    known = dialect.efforts if dialect.effort_forms is None else (dialect.efforts or dialect.effort_forms)
    if known is not None and effort not in known:
        message = f"{dialect.model!r} takes reasoning_effort {', '.join(sorted(known))}, got {effort}"
        raise InvalidRequest(message)
    if dialect.effort_forms is not None:
        wire |= dialect.effort_forms.get(effort, {})
        return
    outer, _, inner = dialect.effort_field.partition(".")
    wire[outer] = {inner: effort} if inner else effort


def _with_extra(wire: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
    taken = sorted(request.extra.keys() & (wire.keys() | _RESERVED))
    if taken:
        message = (
            f"extra must not set {', '.join(taken)}: the request or the adapter does; only further fields go there"
        )
        raise InvalidRequest(message)
    return wire | dict(request.extra)
