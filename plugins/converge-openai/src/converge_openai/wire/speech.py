"""What the model says and thinks, gathered from its pieces."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from attrs import define, field

from converge_openai.wire.tags import ThinkTags
from converge_provider import (
    ProviderError,
    ReasoningBlock,
    ReasoningDelta,
    ReasoningPart,
    StreamEvent,
    TextDelta,
    TextPart,
)
from converge_provider.http import Halves, as_list, as_object, one_line, text_in

if TYPE_CHECKING:
    from converge_provider import Secret

__all__ = ("Speech",)


@define
class _Stretch:
    """What was said, or thought, without a break."""

    is_reasoning: bool
    pieces: list[str] = field(factory=list[str])
    halves: Halves = field(factory=Halves)
    is_closed: bool = False

    def take(self, text: str) -> Iterator[StreamEvent]:
        """Take a piece, and show what can be shown of it."""
        if text:
            self.pieces.append(text)
            yield ReasoningDelta(text) if self.is_reasoning else TextDelta(text)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def part(self) -> ReasoningPart | TextPart:
        return ReasoningPart(text=self.text) if self.is_reasoning else TextPart(text=self.text)


class Speech:
    """Gathers text and reasoning in the order in which they come."""

    def __init__(self, *, think_tags: bool = False, secrets: Sequence["Secret"] = ()) -> None:
        """Start with silence; the secrets are what errors must not repeat."""
        self._secrets = secrets
        self._stretches: list[_Stretch] = []
        self._tags = ThinkTags() if think_tags else None

    def say(self, content: object) -> Iterator[StreamEvent]:
        """
        Take text, or Mistral's list of parts.

        Raises:
            ProviderError: A part is of a type that no server is known to send.

        """
        if isinstance(content, str):
            if self._tags is None:
                yield from self._take(content, is_reasoning=False)
            else:
                yield from self._told_apart(self._tags.feed(content))
            return
        for raw in as_list(content) or (content,):
            part = as_object(raw)
            match part.get("type"):
                case "text":
                    yield from self.say(text_in(part.get("text")))
                case "thinking":
                    pieces = as_list(part.get("thinking"))
                    yield from self.think("".join(text_in(as_object(piece).get("text")) for piece in pieces))
                case "reference":
                    pass  # numbers of sources that the caller gave; nothing to show
                case kind:
                    said = one_line(repr(kind), self._secrets)
                    message = f"the answer's content holds a part of the unknown type {said}"
                    raise ProviderError(message)

    def think(self, text: str) -> Iterator[StreamEvent]:
        """Take reasoning."""
        yield from self._take(text, is_reasoning=True)

    def pause(self) -> Iterator[StreamEvent]:
        """Close a block of reasoning, and show a character of which only one half came, when something else follows."""
        last = self._stretches[-1] if self._stretches else None
        if last is None or last.is_closed:
            return
        yield from last.take(last.halves.rest())
        if last.is_reasoning:
            last.is_closed = True
            yield ReasoningBlock(last.text)

    def end(self) -> Iterator[StreamEvent]:
        """Show what was held back, when nothing more comes."""
        if self._tags is not None:
            yield from self._told_apart(self._tags.rest())
        yield from self.pause()

    def _told_apart(self, stretches: Iterator[tuple[bool, str]]) -> Iterator[StreamEvent]:
        for is_reasoning, text in stretches:
            yield from self._take(text, is_reasoning=is_reasoning)

    @property
    def text(self) -> str:
        """All that was said."""
        return "".join(stretch.text for stretch in self._stretches if not stretch.is_reasoning)

    @property
    def parts(self) -> tuple[ReasoningPart | TextPart, ...]:
        """What was said and thought, in order; nothing when there was no reasoning, since the text says it all."""
        has_reasoning = any(stretch.is_reasoning for stretch in self._stretches)
        return tuple(stretch.part for stretch in self._stretches) if has_reasoning else ()

    def _take(self, text: str, *, is_reasoning: bool) -> Iterator[StreamEvent]:
        last = self._stretches[-1] if self._stretches else None
        if last is None or last.is_closed or last.is_reasoning is not is_reasoning:
            yield from self.pause()
            last = _Stretch(is_reasoning)
            self._stretches.append(last)
        yield from last.take(last.halves.whole(text))
