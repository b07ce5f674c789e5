"""The conversation: messages, parts and calls of functions → contents."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import define, field

from converge_gemini.wire.dialect import Dialect
from converge_gemini.wire.signatures import UNSIGNED, Signature
from converge_provider import (
    AudioPart,
    ChatMessage,
    ChatRole,
    DocumentPart,
    ImagePart,
    InvalidRequest,
    Part,
    ReasoningPart,
    TextPart,
    ToolCall,
)
from converge_provider.http import checked_arguments

__all__ = ("contents_of", "system_texts")

_Media = ImagePart | DocumentPart | AudioPart


def system_texts(messages: Iterable[ChatMessage]) -> list[str]:
    """Give what the system says among the messages; the wire has one place for it, before all contents."""
    return [message.content for message in messages if message.role is ChatRole.SYSTEM]


def contents_of(messages: Sequence[ChatMessage], dialect: Dialect) -> list[dict[str, Any]]:
    """
    Turn messages into contents, without those of the system.

    The results of one turn's calls stand in one content, as the service wants it.

    Raises:
        InvalidRequest: A message holds what its role has no place for, or answers a call that nobody made.

    """
    contents = _Contents(dialect)
    for place, message in enumerate(messages):
        _check(message, place)
        match message.role:
            case ChatRole.SYSTEM:
                pass
            case ChatRole.USER:
                contents.add("user", [_media_or_text(part, place) for part in _parts(message)] or [{"text": ""}])
            case ChatRole.ASSISTANT:
                contents.add("model", contents.spoken(message))
            case ChatRole.TOOL:
                contents.answer(message, place)
    return contents.done


@define
class _Contents:
    """The contents so far, and the names of the functions that were called."""

    dialect: Dialect
    done: list[dict[str, Any]] = field(factory=list[dict[str, Any]])
    _names: dict[str, str] = field(factory=dict[str, str])
    _answering: bool = False

    def add(self, role: str, parts: list[dict[str, Any]]) -> None:
        """Add a content; one without parts, which the service refuses, is left out."""
        self._answering = False
        if parts:
            self.done.append({"role": role, "parts": parts})

    def answer(self, message: ChatMessage, place: int) -> None:
        """Add the result of a call, next to other results of the same turn."""
        name = self._names.get(message.tool_call_id or "")
        if name is None:
            raise _refusal(place, f"tool_call_id {message.tool_call_id!r} names no call of an earlier message")
        part = {"functionResponse": _result(message, name, place)}
        if self._answering:
            self.done[-1]["parts"].append(part)
        else:
            self.add("user", [part])
            self._answering = True

    def spoken(self, message: ChatMessage) -> list[dict[str, Any]]:
        """Give the parts of what the model said, each with the signature that it came with."""
        signatures = [one for part in message.parts if (one := _signature(part)) is not None]
        on_calls = {signature.call_id: signature.text for signature in signatures if signature.call_id}
        parts = list(_spoken(_parts(message)))
        for number, call in enumerate(message.tool_calls):
            self._names[call.id] = call.name
            made: dict[str, Any] = {"functionCall": _call(call)}
            if call.id in on_calls:
                made["thoughtSignature"] = on_calls[call.id]
            elif number == 0 and not on_calls and not self.dialect.thinks_by_budget:
                made["thoughtSignature"] = UNSIGNED
            parts.append(made)
        return parts


def _check(message: ChatMessage, place: int) -> None:
    if message.tool_calls and message.role is not ChatRole.ASSISTANT:
        raise _refusal(place, f"{message.role} messages call no tools; only assistant messages do")
    holds_media = any(isinstance(part, _Media) for part in message.parts)
    if holds_media and message.role in {ChatRole.SYSTEM, ChatRole.ASSISTANT}:
        raise _refusal(place, f"{message.role} messages hold text only; images, documents and audio stand in others")


def _refusal(place: int, text: str) -> InvalidRequest:
    return InvalidRequest(f"message {place}: {text}")


def _parts(message: ChatMessage) -> Sequence[Part]:
    return message.parts or ((TextPart(text=message.content),) if message.content else ())


def _signature(part: Part) -> Signature | None:
    return Signature.read(part.signature) if isinstance(part, ReasoningPart) else None


def _spoken(parts: Iterable[Part]) -> Iterator[dict[str, Any]]:
    """Give text and signed thoughts; thoughts that nobody signed are of no use to the model."""
    pending: dict[str, Any] | None = None
    for part in parts:
        signature = _signature(part)
        if isinstance(part, TextPart):
            if pending is not None and pending["text"]:
                yield pending
            pending = {"text": part.text}
        elif signature is not None and isinstance(part, ReasoningPart) and not signature.call_id:
            signed = {"thoughtSignature": signature.text}
            if not part.redacted:
                if pending is not None and pending["text"]:
                    yield pending
                yield {"text": part.text, "thought": True, **signed}
            else:
                yield {**(pending or {"text": ""}), **signed}
            pending = None
    if pending is not None and pending["text"]:
        yield pending


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "name": call.name, "args": _arguments(call.arguments)}


def _arguments(written: str) -> Mapping[str, Any]:
    """Read arguments as the object that the wire wants; what is none is kept as text, under a name of its own."""
    text, problem = checked_arguments(written)
    return {"malformed_arguments": text} if problem else json.loads(text)


def _result(message: ChatMessage, name: str, place: int) -> dict[str, Any]:
    said = {"error" if message.is_error else "output": message.content}
    result: dict[str, Any] = {"id": message.tool_call_id, "name": name, "response": said}
    media = [_media(part) for part in message.parts if isinstance(part, _Media)]
    if any(isinstance(part, ReasoningPart) for part in message.parts):
        raise _refusal(place, "reasoning stands in assistant messages")
    return {**result, "parts": media} if media else result


def _media_or_text(part: Part, place: int) -> dict[str, Any]:
    if isinstance(part, ReasoningPart):
        raise _refusal(place, "reasoning stands in assistant messages")
    return {"text": part.text} if isinstance(part, TextPart) else _media(part)


def _media(part: _Media) -> dict[str, Any]:
    if part.data is None:
        return {"fileData": {"mimeType": part.media_type, "fileUri": part.url}}
    return {"inlineData": {"mimeType": part.media_type, "data": base64.b64encode(part.data).decode("ascii")}}
