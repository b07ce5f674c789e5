"""The conversation: messages, parts and calls of tools → JSON."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from converge_openai.wire.dialect import Dialect
from converge_openai.wire.tags import CLOSE, OPEN
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

__all__ = ("message_to_wire",)

_SHORT = re.compile(r"[a-zA-Z0-9]{9}")
_AUDIO_FORMATS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}


def message_to_wire(message: ChatMessage, place: int, dialect: Dialect) -> dict[str, Any]:
    """
    Turn one message into JSON.

    Reasoning of earlier answers goes back where the service wants it, and nowhere else.

    Args:
        message: The message.
        place: Which one of the request it is, from 0, for the errors.
        dialect: How the service wants it.

    Raises:
        InvalidRequest: The message holds what its role, the wire or the service has no place for.

    """
    _check(message, place)
    wire: dict[str, Any] = {"role": message.role.value}
    content = _content(message, place, dialect)
    if content or dialect.empty_content or not message.tool_calls:
        wire["content"] = content
    if message.role is ChatRole.ASSISTANT and dialect.reasoning_back:
        wire |= _with_reasoning(message, dialect)
    if message.tool_calls:
        wire["tool_calls"] = [_call(call, dialect) for call in message.tool_calls]
    if message.role is ChatRole.TOOL:
        wire["tool_call_id"] = _call_id(message.tool_call_id or "", dialect)
    return wire


def _with_reasoning(message: ChatMessage, dialect: Dialect) -> dict[str, Any]:
    """Give the fields that carry an answer's reasoning back; hidden reasoning has no text to give."""
    thoughts = "".join(part.text for part in message.parts if isinstance(part, ReasoningPart))
    if not thoughts:
        return {}
    match dialect.reasoning_back:
        case "parts":
            thinking = {"type": "thinking", "thinking": [{"type": "text", "text": thoughts}]}
            said = [{"type": "text", "text": message.content}] if message.content else []
            return {"content": [thinking, *said]}
        case "tags":
            return {"content": f"{OPEN}{thoughts}{CLOSE}{message.content}"}
        case name:
            return {name: thoughts}


def _check(message: ChatMessage, place: int) -> None:
    if message.tool_calls and message.role is not ChatRole.ASSISTANT:
        raise _refusal(place, f"{message.role} messages call no tools; only assistant messages do")
    if message.role is ChatRole.TOOL and not message.tool_call_id:
        raise _refusal(place, "a tool message needs the tool_call_id of the call that it answers")


def _refusal(place: int, text: str) -> InvalidRequest:
    return InvalidRequest(f"message {place}: {text}")


def _call(call: ToolCall, dialect: Dialect) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": _call_id(call.id, dialect), "type": "function", "function": function}


def _call_id(name: str, dialect: Dialect) -> str:
    """Give a call's id; where only nine letters or digits are taken, another one becomes nine that stand for it."""
    if not dialect.short_call_ids or _SHORT.fullmatch(name):
        return name
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:9]


def _content(message: ChatMessage, place: int, dialect: Dialect) -> str | Sequence[Mapping[str, Any]]:
    """Give plain text where that is all there is, which every server understands, else a list of parts."""
    if all(isinstance(part, TextPart | ReasoningPart) for part in message.parts):
        return message.content
    if message.role is not ChatRole.USER:
        raise _refusal(
            place, f"{message.role} messages hold text only; images, documents and audio stand in user messages"
        )
    return [_part(part, place, dialect) for part in message.parts if not isinstance(part, ReasoningPart)]


def _part(part: Part, place: int, dialect: Dialect) -> dict[str, Any]:
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ImagePart():
            _expect("images", place, dialect)
            if part.url is not None:
                _expect("image_urls", place, dialect)
            return {"type": "image_url", "image_url": {"url": part.url or _data_url(part)}}
        case DocumentPart():
            _expect("documents", place, dialect)
            return {
                "type": "file",
                "file": {"filename": part.name or "document", "file_data": _data_url(_with_bytes(part, place))},
            }
        case AudioPart():
            _expect("audio", place, dialect)
            return {"type": "input_audio", "input_audio": _audio(_with_bytes(part, place), place)}
        case ReasoningPart():
            raise _refusal(place, "reasoning stands in assistant messages")


def _expect(what: str, place: int, dialect: Dialect) -> None:
    if what not in dialect.media:
        hint = "; give the bytes" if what == "image_urls" else ""
        raise _refusal(place, f"{dialect.model!r} takes no {what.replace('_', ' ')} here{hint}")


def _with_bytes(part: DocumentPart | AudioPart, place: int) -> DocumentPart | AudioPart:
    if part.data is None:
        raise _refusal(place, f"this wire takes a {type(part).__name__} as bytes, not as a URL")
    return part


def _data_url(part: ImagePart | DocumentPart | AudioPart) -> str:
    return f"data:{part.media_type};base64,{_base64(part)}"


def _base64(part: ImagePart | DocumentPart | AudioPart) -> str:
    return base64.b64encode(part.data or b"").decode("ascii")


def _audio(part: DocumentPart | AudioPart, place: int) -> dict[str, str]:
    kind = _AUDIO_FORMATS.get(part.media_type.lower())
    if kind is None:
        raise _refusal(place, f"audio must be one of {', '.join(_AUDIO_FORMATS)}, got {part.media_type!r}")
    return {"data": _base64(part), "format": kind}
