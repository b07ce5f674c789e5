"""Parts of messages → blocks of content."""

import base64
import json
from typing import Any

from converge_anthropic.wire.dialect import Dialect
from converge_anthropic.wire.refusing import in_message
from converge_provider import (
    AudioPart,
    DocumentPart,
    ImagePart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCall,
)
from converge_provider.http import checked_arguments

__all__ = ("Block", "call_block", "part_block", "text_block")

Block = dict[str, Any]
"""One block of content."""

_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_PDF = "application/pdf"
_MARK = ":"
"""Stands in no signature of this wire, but in those that adapters of other wires have put together themselves."""


def text_block(text: str) -> list[Block]:
    """Make a block of text, or none of blank text, which this wire refuses."""
    return [{"type": "text", "text": text}] if text.strip() else []


def call_block(call: ToolCall) -> Block:
    """Make a block of a call; arguments that are no JSON object, as an earlier answer may hold, are quoted in one."""
    arguments, problem = checked_arguments(call.arguments)
    wire = {"malformed_arguments": call.arguments} if problem else json.loads(arguments)
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": wire}


def part_block(part: Part, place: int, dialect: Dialect, *, citations: object = None) -> list[Block]:
    """
    Turn a part into its block.

    Reasoning goes back as it came, byte for byte; what has no signature, or that of another
    wire, cannot be verified and is left out.

    Args:
        part: The part.
        place: Which message of the request it stands in, from 0, for the errors.
        dialect: What the model takes.
        citations: What documents say of citations, as the vendor writes it.

    Raises:
        InvalidRequest: Neither the wire nor the model has a place for it.

    """
    match part:
        case TextPart():
            return text_block(part.text)
        case ReasoningPart():
            return _thinking(part)
        case ImagePart():
            _expect("images", place, dialect)
            return [{"type": "image", "source": _image(part, place)}]
        case DocumentPart():
            _expect("documents", place, dialect)
            block = {"type": "document", "source": _document(part, place), "title": part.name, "citations": citations}
            return [{key: value for key, value in block.items() if value is not None}]
        case AudioPart():
            raise in_message(place, "this wire takes no audio")


def _thinking(part: ReasoningPart) -> list[Block]:
    if part.signature is None or _MARK in part.signature:
        return []
    if part.redacted:
        return [{"type": "redacted_thinking", "data": part.signature}]
    return [{"type": "thinking", "thinking": part.text, "signature": part.signature}]


def _expect(what: str, place: int, dialect: Dialect) -> None:
    if what not in dialect.media:
        raise in_message(place, f"{dialect.model!r} takes no {what}")


def _image(part: ImagePart, place: int) -> Block:
    if part.url is not None:
        return {"type": "url", "url": part.url}
    kind = part.media_type.lower()
    if kind not in _IMAGES:
        raise in_message(place, f"images must be one of {', '.join(sorted(_IMAGES))}, got {part.media_type!r}")
    return {"type": "base64", "media_type": kind, "data": _base64(part)}


def _document(part: DocumentPart, place: int) -> Block:
    """Give a PDF as it is, and any kind of text as plain text, the only other kind that the wire knows."""
    kind = part.media_type.partition(";")[0].strip().lower()
    if kind == _PDF:
        if part.url is not None:
            return {"type": "url", "url": part.url}
        return {"type": "base64", "media_type": _PDF, "data": _base64(part)}
    if part.url is not None or not (kind.startswith("text/") or kind == "application/json"):
        raise in_message(
            place, f"documents are PDF, by bytes or URL, or text by its bytes; got {part.media_type!r} by {_way(part)}"
        )
    try:
        text = (part.data or b"").decode("utf-8")
    except UnicodeDecodeError as exc:
        raise in_message(place, f"the document of type {part.media_type!r} is not UTF-8: {exc.reason}") from exc
    return {"type": "text", "media_type": "text/plain", "data": text}


def _way(part: DocumentPart) -> str:
    return "bytes" if part.url is None else "URL"


def _base64(part: ImagePart | DocumentPart) -> str:
    return base64.b64encode(part.data or b"").decode("ascii")
