"""The request: the contract's value → JSON."""

from typing import Any

from converge_ollama.wire.dialect import Dialect
from converge_ollama.wire.messages import messages_to_wire
from converge_provider import ChatRequest, InvalidRequest, ReasoningEffort, ResponseFormat, ToolDefinition
from converge_provider.http import answer_format, as_object, refuse_unhonoured

__all__ = ("to_wire",)

_RESERVED = frozenset({"model", "messages", "stream", "_debug_render_only"})


def to_wire(request: ChatRequest, dialect: Dialect, *, stream: bool) -> dict[str, Any]:
    """
    Turn a request into JSON.

    ``extra`` is merged in last, its ``options`` into the options; what is there already is refused.

    Args:
        request: The request; its ``model`` is a wish that selection has dealt with.
        dialect: How the server and the model want it.
        stream: Whether the answer shall come in pieces.

    Raises:
        InvalidRequest: The request sets something that this model, or this wire, does not honour.

    """
    refuse_unhonoured(request, model=dialect.model, honours=dialect.honours)
    wire: dict[str, Any] = {"model": dialect.model, "messages": _messages(request), "stream": stream}
    plain = {
        "tools": [_tool(tool) for tool in request.tools] or None,
        "format": _shape(request),
        "think": _think(request.reasoning_effort, dialect),
        "options": _options(request, dialect) or None,
    }
    wire |= {name: value for name, value in plain.items() if value is not None}
    return _with_extra(wire, request, dialect)


def _shape(request: ChatRequest) -> object:
    """Give what the server's grammar shall enforce: a schema, or any JSON."""
    if request.response_schema is not None:
        return request.response_schema
    return "json" if request.response_format is ResponseFormat.JSON else None


def _messages(request: ChatRequest) -> list[dict[str, Any]]:
    if not request.messages:
        message = "a request needs at least one message"
        raise InvalidRequest(message)
    texts = [text for text in (request.system, answer_format(request).system_instruction()) if text]
    system = [{"role": "system", "content": "\n\n".join(texts)}] if texts else []
    return [*system, *messages_to_wire(request.messages)]


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _think(effort: ReasoningEffort | None, dialect: Dialect) -> str | bool | None:
    if effort is ReasoningEffort.MINIMAL:
        message = f"{dialect.model!r} takes reasoning_effort none, low, medium, high on this wire, got minimal"
        raise InvalidRequest(message)
    if effort is None:
        return None
    return False if effort is ReasoningEffort.NONE else effort.value


def _options(request: ChatRequest, dialect: Dialect) -> dict[str, Any]:
    plain = {
        "num_ctx": dialect.num_ctx,
        "num_predict": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "seed": request.seed,
        "stop": list(request.stop_sequences) or None,
    }
    return {name: value for name, value in plain.items() if value is not None}


def _with_extra(wire: dict[str, Any], request: ChatRequest, dialect: Dialect) -> dict[str, Any]:
    """Merge the caller's fields in, before what the provider's settings say of the rest."""
    extra = dict(request.extra)
    options, more = as_object(wire.get("options")), as_object(extra.get("options"))
    taken = [f"options.{name}" for name in sorted(options.keys() & more.keys())]
    if more or not extra.get("options"):
        extra.pop("options", None)
    taken += sorted(extra.keys() & (wire.keys() | _RESERVED))
    if taken:
        message = (
            f"extra must not set {', '.join(taken)}: the request or the adapter does; only further fields go there"
        )
        raise InvalidRequest(message)
    standing: dict[str, Any] = {} if dialect.may_truncate else {"truncate": False, "shift": False}
    standing |= {} if dialect.keep_alive is None else {"keep_alive": dialect.keep_alive}
    return standing | wire | ({"options": options | more} if options or more else {}) | extra
