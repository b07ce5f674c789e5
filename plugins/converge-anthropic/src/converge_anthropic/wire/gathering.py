"""Blocks of an answer, gathered from their pieces."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import define, field

from converge_provider import (
    Citation,
    ReasoningBlock,
    ReasoningDelta,
    ReasoningPart,
    StreamEvent,
    TextDelta,
    TextPart,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallMalformed,
    ToolCallStarted,
)
from converge_provider.http import Halves, as_list, as_object, checked_arguments, text_in

__all__ = ("AnswerBlock", "AnyBlock", "CallBlock", "OtherBlock", "TextBlock", "ThinkingBlock")


def _text_or_none(value: object) -> str:
    """Give the text that stands where one may stand; none at all is an empty one."""
    return "" if value is None else text_in(value)


@define
class _Pieces:
    """Text that comes in pieces."""

    pieces: list[str] = field(factory=list[str])
    halves: Halves = field(factory=Halves)

    def take(self, piece: object) -> str:
        """Take a piece, and give what can be shown of it."""
        return self._kept(self.halves.whole(_text_or_none(piece)))

    def rest(self) -> str:
        """Give what was held back."""
        return self._kept(self.halves.rest())

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def _kept(self, shown: str) -> str:
        if shown:
            self.pieces.append(shown)
        return shown


@define
class TextBlock:
    """What the model says without a break."""

    said: _Pieces = field(factory=_Pieces)
    citations: list[Mapping[str, Any]] = field(factory=list[Mapping[str, Any]])

    def start(self, raw: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Take what the block begins with: nothing in a stream, everything in a whole answer."""
        yield from self._say(self.said.take(raw.get("text")))
        for citation in as_list(raw.get("citations")):
            yield from self._cite(as_object(citation))

    def take(self, delta: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Take a piece."""
        if delta.get("type") == "citations_delta":
            yield from self._cite(as_object(delta.get("citation")))
        else:
            yield from self._say(self.said.take(delta.get("text")))

    def stop(self) -> Iterator[StreamEvent]:
        """Show a character of which only one half came."""
        yield from self._say(self.said.rest())

    @property
    def part(self) -> TextPart:
        """What was said."""
        return TextPart(text=self.said.text)

    def _say(self, shown: str) -> Iterator[StreamEvent]:
        if shown:
            yield TextDelta(shown)

    def _cite(self, raw: Mapping[str, Any]) -> Iterator[StreamEvent]:
        if raw:
            self.citations.append(raw)
            yield Citation(
                url=_text(raw, "url", "source"),
                title=_text(raw, "title", "document_title"),
                text=_text(raw, "cited_text"),
            )


def _text(raw: Mapping[str, Any], *names: str) -> str | None:
    return next((raw[name] for name in names if isinstance(raw.get(name), str)), None)


@define
class ThinkingBlock:
    """What the model thinks, and the vendor's proof of it; redacted, the proof is all."""

    thought: _Pieces = field(factory=_Pieces)
    signature: str = ""
    redacted: bool = False

    def start(self, raw: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Take what the block begins with."""
        self.redacted = raw.get("type") == "redacted_thinking"
        self.signature = _text_or_none(raw.get("data" if self.redacted else "signature"))
        yield from self._think(self.thought.take(raw.get("thinking")))

    def take(self, delta: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Take a piece of the thought, or its proof, which comes whole and replaces an earlier one."""
        self.signature = _text_or_none(delta.get("signature")) or self.signature
        yield from self._think(self.thought.take(delta.get("thinking")))

    def stop(self) -> Iterator[StreamEvent]:
        """Say that the block is complete."""
        yield from self._think(self.thought.rest())
        part = self.part
        yield ReasoningBlock(part.text, part.signature, part.redacted)

    @property
    def part(self) -> ReasoningPart:
        """What was thought, to be given back unchanged."""
        return ReasoningPart(text=self.thought.text, signature=self.signature or None, redacted=self.redacted)

    def _think(self, shown: str) -> Iterator[StreamEvent]:
        if shown:
            yield ReasoningDelta(shown)


@define
class CallBlock:
    """A call of a tool."""

    place: int
    """Which call of the answer, from 0."""
    id: str
    """The name that is handed on, unique within the answer."""
    name: str
    pieces: list[str] = field(factory=list[str])
    call: ToolCall | None = None
    """The whole call, once it is."""

    def start(self, raw: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Announce the call; arguments that are there already are its first piece, an empty object is none."""
        yield ToolCallStarted(self.place, self.id, self.name)
        arguments = raw.get("input")
        if isinstance(arguments, str):
            yield from self._add(arguments)
        elif arguments:
            yield from self._add(json.dumps(arguments, ensure_ascii=False))

    def take(self, delta: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Take a piece of the arguments."""
        yield from self._add(_text_or_none(delta.get("partial_json")))

    def stop(self) -> Iterator[StreamEvent]:
        """Say whether the arguments are a JSON object."""
        arguments, problem = checked_arguments("".join(self.pieces))
        self.call = ToolCall(id=self.id, name=self.name, arguments=arguments)
        if not self.name:
            problem = "the call names no tool"
        yield ToolCallMalformed(self.place, self.call, problem) if problem else ToolCallFinished(self.place, self.call)

    def _add(self, piece: str) -> Iterator[StreamEvent]:
        if piece:
            self.pieces.append(piece)
            yield ToolCallDelta(self.place, piece)


@define
class AnswerBlock(TextBlock):
    """The call that stands for an answer in a schema: its arguments are the text."""

    def start(self, raw: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Take what the block begins with."""
        arguments = raw.get("input")
        if arguments:
            yield from self._say(self.said.take(json.dumps(arguments, ensure_ascii=False)))

    def take(self, delta: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Take a piece."""
        yield from self._say(self.said.take(delta.get("partial_json")))


@define
class OtherBlock:
    """What only the vendor knows, such as a tool that its server has used; kept as it came."""

    raw: dict[str, Any] = field(factory=dict[str, Any])
    pieces: list[str] = field(factory=list[str])

    def start(self, raw: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Take what the block begins with."""
        self.raw.update(raw)
        yield from ()

    def take(self, delta: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Take a piece of what the server's tool is given."""
        self.pieces.append(_text_or_none(delta.get("partial_json")))
        yield from ()

    def stop(self) -> Iterator[StreamEvent]:
        """Put together what came in pieces."""
        given = "".join(self.pieces)
        if given:
            self.raw["input"] = json.loads(given) if not checked_arguments(given)[1] else given
        yield from ()


AnyBlock = TextBlock | ThinkingBlock | CallBlock | OtherBlock
"""A block that is being gathered."""
