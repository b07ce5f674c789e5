"""What the model says and thinks, gathered from its pieces."""

from collections.abc import Iterator

from attrs import define, field

from converge_gemini.wire.signatures import Signature
from converge_provider import ReasoningBlock, ReasoningDelta, ReasoningPart, StreamEvent, TextDelta, TextPart
from converge_provider.http import Halves

__all__ = ("Speech",)


@define
class _Stretch:
    """What was said, or thought, without a break, and the signature behind it."""

    is_thought: bool
    pieces: list[str] = field(factory=list[str])
    halves: Halves = field(factory=Halves)
    signature: Signature | None = None
    is_closed: bool = False

    def take(self, text: str) -> Iterator[StreamEvent]:
        """Take a piece, and show what can be shown of it."""
        if text:
            self.pieces.append(text)
            yield ReasoningDelta(text) if self.is_thought else TextDelta(text)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def parts(self) -> Iterator[ReasoningPart | TextPart]:
        marked = None if self.signature is None else self.signature.marked
        if self.is_thought:
            yield ReasoningPart(text=self.text, signature=marked)
            return
        yield TextPart(text=self.text)
        if marked is not None:
            yield ReasoningPart(signature=marked, redacted=True)


class Speech:
    """
    Gathers text and thoughts in the order in which they come.

    Pieces are joined until something else follows; a piece with a signature stays a part of its own, since it is
    verified as such.
    """

    def __init__(self) -> None:
        """Start with silence."""
        self._stretches: list[_Stretch] = []
        self._on_calls: list[Signature] = []

    def take(self, text: str, *, is_thought: bool, signature: str | None) -> Iterator[StreamEvent]:
        """
        Take a piece of text or thought.

        Args:
            text: The piece, possibly empty.
            is_thought: Whether it was thought, not said.
            signature: The service's signature of the piece.

        """
        if not text and signature is None:
            return
        last = self._stretches[-1] if self._stretches else None
        goes_on = last is not None and not last.is_closed and last.is_thought is is_thought
        if last is None or not goes_on or (signature is not None and last.pieces and not is_thought):
            yield from self.pause()
            last = _Stretch(is_thought)
            self._stretches.append(last)
        yield from last.take(last.halves.whole(text))
        if signature is not None:
            last.signature = Signature(signature)
            yield from self.pause()

    def sign_call(self, signature: Signature) -> Iterator[StreamEvent]:
        """Keep the signature of a call."""
        self._on_calls.append(signature)
        yield ReasoningBlock("", signature.marked, redacted=True)

    def pause(self) -> Iterator[StreamEvent]:
        """Close what was said or thought last, when something else follows."""
        last = self._stretches[-1] if self._stretches else None
        if last is None or last.is_closed:
            return
        yield from last.take(last.halves.rest())
        last.is_closed = True
        marked = None if last.signature is None else last.signature.marked
        if last.is_thought:
            yield ReasoningBlock(last.text, marked)
        elif marked is not None:
            yield ReasoningBlock("", marked, redacted=True)

    @property
    def text(self) -> str:
        """All that was said."""
        return "".join(stretch.text for stretch in self._stretches if not stretch.is_thought)

    @property
    def parts(self) -> tuple[ReasoningPart | TextPart, ...]:
        """What was said, thought and signed, in order; nothing when there is only text, since the text says it all."""
        parts = [part for stretch in self._stretches for part in stretch.parts]
        parts += [ReasoningPart(signature=one.marked, redacted=True) for one in self._on_calls]
        return tuple(parts) if any(isinstance(part, ReasoningPart) for part in parts) else ()
