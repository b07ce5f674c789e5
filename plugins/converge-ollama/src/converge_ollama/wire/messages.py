"""The conversation: messages, parts and calls of tools → JSON."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from converge_provider import (
    AudioPart,
    ChatMessage,
    ChatRole,
    DocumentPart,
    ImagePart,
    InvalidRequest,
    ReasoningPart,
    ToolCall,
)
from converge_provider.http import checked_arguments

__all__ = ("messages_to_wire",)


def messages_to_wire(messages: Sequence[ChatMessage]) -> list[dict[str, Any]]:
    """
    Turn messages into JSON.

    Pictures stand beside the text of their message, so where in it they stood is lost.

    Raises:
        InvalidRequest: A message holds what its role or the wire has no place for, or answers a call that nobody made.

    """
    names: dict[str, str] = {}
    wires: list[dict[str, Any]] = []
    for place, message in enumerate(messages):
        _check(message, place)
        wire: dict[str, Any] = {"role": message.role.value, "content": message.content}
        thought = "".join(part.text for part in message.parts if isinstance(part, ReasoningPart))
        images = [_image(part, place) for part in message.parts if isinstance(part, ImagePart)]
        wire |= {"thinking": thought} if thought else {}
        wire |= {"images": images} if images else {}
        if message.tool_calls:
            names |= {call.id: call.name for call in message.tool_calls}
            wire["tool_calls"] = [_call(call, index) for index, call in enumerate(message.tool_calls)]
        if message.role is ChatRole.TOOL:
            wire |= {"tool_name": _name(message, names, place), "tool_call_id": message.tool_call_id}
        wires.append(wire)
    return wires


def _check(message: ChatMessage, place: int) -> None:
    if message.tool_calls and message.role is not ChatRole.ASSISTANT:
        raise _refusal(place, f"{message.role} messages call no tools; only assistant messages do")
    for part in message.parts:
        if isinstance(part, DocumentPart | AudioPart):
            raise _refusal(place, f"this wire has no place for a {type(part).__name__}; it takes text and images")
        if isinstance(part, ImagePart) and message.role in {ChatRole.SYSTEM, ChatRole.ASSISTANT}:
            raise _refusal(place, f"{message.role} messages hold text only; images stand in others")
        if isinstance(part, ReasoningPart) and message.role is not ChatRole.ASSISTANT:
            raise _refusal(place, "reasoning stands in assistant messages")


def _refusal(place: int, text: str) -> InvalidRequest:
    return InvalidRequest(f"message {place}: {text}")


def _image(part: ImagePart, place: int) -> str:
    if part.data is None:
        raise _refusal(place, "the server fetches no images; give the bytes, not a URL")
    return base64.b64encode(part.data).decode("ascii")


def _name(message: ChatMessage, names: Mapping[str, str], place: int) -> str:
    name = names.get(message.tool_call_id or "")
    if name is None:
        raise _refusal(place, f"tool_call_id {message.tool_call_id!r} names no call of an earlier message")
    return name


def _call(call: ToolCall, index: int) -> dict[str, Any]:
    """Write a call, whose arguments the wire wants as an object; what is none is kept as text, under its own name."""
    text, problem = checked_arguments(call.arguments)
    arguments = {"malformed_arguments": text} if problem else json.loads(text)
    return {
        "id": call.id,
        "type": "function",
        "function": {"index": index, "name": call.name, "arguments": arguments},
    }
