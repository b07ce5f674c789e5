"""The request: the contract's value → JSON."""

from collections.abc import Mapping
from typing import Any

from converge_anthropic.wire.blocks import Block, text_block
from converge_anthropic.wire.caching import mark_caches
from converge_anthropic.wire.dialect import Dialect
from converge_anthropic.wire.structure import structure_to_wire
from converge_anthropic.wire.thinking import thinking_to_wire, thinks
from converge_anthropic.wire.tooling import tools_to_wire
from converge_anthropic.wire.turns import Conversation, Inner, conversation_to_wire
from converge_provider import ChatRequest, InvalidRequest, JsonValue
from converge_provider.http import answer_format, as_list, as_object, refuse_unhonoured

__all__ = ("to_wire",)

_RESERVED = frozenset({"model", "messages", "system", "max_tokens", "stream"})
_HOTTEST = 1.0


def to_wire(request: ChatRequest, dialect: Dialect, *, stream: bool) -> dict[str, Any]:
    """
    Turn a request into JSON.

    ``extra`` is merged in last: objects member by member, tools behind the request's own; whatever else is there
    already is refused.  One that the vendor has inside of blocks is put there: ``citations``, into every document.

    Args:
        request: The request; its ``model`` is a wish that selection has dealt with.
        dialect: How the model wants it.
        stream: Whether the answer shall come in pieces.

    Raises:
        InvalidRequest: The request sets something that this model does not honour.

    """
    refuse_unhonoured(request, model=dialect.model, honours=dialect.honours)
    extra = dict(request.extra)
    inner = Inner(citations=extra.pop("citations", None))
    conversation = conversation_to_wire(request.messages, dialect, inner)
    _check_turns(conversation, dialect)
    max_tokens = dialect.max_tokens if request.max_tokens is None else request.max_tokens
    wire: dict[str, Any] = {"model": dialect.model, "max_tokens": max_tokens}
    system = _system(request, conversation)
    if system:
        wire["system"] = system
    wire["messages"] = conversation.turns
    for addition in (
        _sampling(request),
        tools_to_wire(request, dialect),
        thinking_to_wire(request.reasoning_effort, dialect, max_tokens=max_tokens),
        structure_to_wire(request, dialect),
        {"stream": True} if stream else {},
    ):
        wire = _merged(wire, addition)
    mark_caches(
        request.cache_hints,
        conversation,
        messages=len(request.messages),
        system=system,
        tools=wire.get("tools", []),
    )
    taken = sorted(extra.keys() & _RESERVED)
    if taken:
        raise _taken(taken)
    return _shortened(_merged(wire, extra))


def _check_turns(conversation: Conversation, dialect: Dialect) -> None:
    if not conversation.turns:
        message = "a request needs at least one message that is not blank"
        raise InvalidRequest(message)
    if conversation.turns[-1]["role"] == "assistant" and not dialect.prefill:
        message = f"{dialect.model!r} does not go on with an answer that was begun: end with a user or a tool message"
        raise InvalidRequest(message)


def _system(request: ChatRequest, conversation: Conversation) -> list[Block]:
    """Put together what the system says: the request's text, its messages, and the format that is demanded."""
    wanted = answer_format(request)
    instruction = wanted.system_instruction() if request.response_schema is None else None  # a schema says it better
    return [*text_block(request.system or ""), *conversation.system, *text_block(instruction or "")]


def _sampling(request: ChatRequest) -> dict[str, Any]:
    if request.temperature is not None and request.top_p is not None:
        message = "this wire takes temperature or top_p, not both"
        raise InvalidRequest(message)
    if request.temperature is not None and request.temperature > _HOTTEST:
        message = f"this wire takes a temperature from 0 to 1, got {request.temperature}"
        raise InvalidRequest(message)
    if request.temperature not in (None, _HOTTEST) and thinks(request.reasoning_effort):
        message = f"a model that thinks takes no temperature but 1, got {request.temperature}"
        raise InvalidRequest(message)
    plain = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop_sequences": list(request.stop_sequences) or None,
    }
    return {name: value for name, value in plain.items() if value is not None}


def _shortened(wire: dict[str, Any]) -> dict[str, Any]:
    """Write what is a single text as such, which every server of this wire understands."""
    if "system" in wire:
        wire["system"] = _short(wire["system"])
    for turn in wire["messages"]:
        turn["content"] = _short(turn["content"])
    return wire


def _short(blocks: list[Block]) -> list[Block] | str:
    for block in blocks:
        if block["type"] == "tool_result" and "content" in block:
            block["content"] = _short(block["content"])
    is_text = len(blocks) == 1 and blocks[0].keys() == {"type", "text"}
    return str(blocks[0]["text"]) if is_text else blocks


def _merged(wire: Mapping[str, Any], additions: Mapping[str, JsonValue], path: str = "") -> dict[str, Any]:
    made = dict(wire)
    for key, value in additions.items():
        known: object = made.get(key)
        inner = as_object(known)
        if key not in made:
            made[key] = value
        elif inner and isinstance(value, Mapping):
            made[key] = _merged(inner, value, f"{path}{key}.")
        elif key == "tools" and isinstance(value, list):
            made[key] = [*as_list(known), *as_list(value)]
        else:
            raise _taken([f"{path}{key}"])
    return made


def _taken(names: list[str]) -> InvalidRequest:
    return InvalidRequest(
        f"extra must not set {', '.join(names)}: the request or the adapter does; only further fields go there"
    )
