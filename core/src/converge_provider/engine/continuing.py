"""A streamed answer that goes on at another backend: what that one is asked, and how the two become one answer."""

from collections.abc import Sequence
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING

from attrs import evolve

from converge_provider.engine.logs import brief
from converge_provider.values.events import (
    BackendSwitched,
    Finished,
    ReasoningBlock,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallMalformed,
    ToolCallStarted,
    UsageReported,
)
from converge_provider.values.messages import ChatMessage
from converge_provider.values.money import Cost
from converge_provider.values.parts import TextPart
from converge_provider.values.requests import ResponseFormat
from converge_provider.values.usage import UsageDetail

if TYPE_CHECKING:
    from converge_provider.engine.trial import Trial
    from converge_provider.values.replies import ChatResponse
    from converge_provider.values.requests import ChatRequest

__all__ = ("CONTINUE", "Continuing", "Overlap")

CONTINUE = (
    "Your answer was cut off. Go on exactly where it ends, in the middle of a word if need be: "
    "repeat nothing, announce nothing, begin with the very next character."
)
"""What the user says after the text so far, so that the next backend goes on with it."""

_LEAST = 24
"""Characters below which a repetition may be chance."""

_WINDOW = 1_000
"""Characters of the text so far that are looked at, and so the most that is held back."""

_TOOLS = (ToolCallStarted, ToolCallDelta, ToolCallFinished, ToolCallMalformed)


class Overlap:
    """
    Cut what a continuation repeats of the text before it, when that is certain.

    It is when the continuation begins with the last 24 or more characters of the text so far, those stand nowhere else
    in its last 1 000, and no other length fits.  Until that is settled, what came is held back.

    Example:
        >>> overlap = Overlap("Rayleigh scattering is the reason why the sky is blue")
        >>> overlap.take("is the reason why the sky"), overlap.take(" is blue, and not red.")
        ('', ', and not red.')

    """

    def __init__(self, text: str) -> None:
        """Take the text so far."""
        self._tail = text[-_WINDOW:]
        self._held = ""
        self._settled = len(text) < _LEAST

    def take(self, text: str) -> str:
        """Take the next stretch, and give what is certain to be new."""
        if self._settled:
            return text
        self._held += text
        return "" if self._may_grow() else self.settle()

    def settle(self) -> str:
        """Give what was held back, without what it repeats; from now on nothing is held back."""
        self._settled, held, self._held = True, self._held, ""
        lengths = range(_LEAST, min(len(self._tail), len(held)) + 1)
        fitting = [length for length in lengths if self._tail.endswith(held[:length])]
        certain = len(fitting) == 1 and self._tail.count(held[: fitting[0]]) == 1
        return held[fitting[0] :] if certain else held

    def _may_grow(self) -> bool:
        """Say whether what came so far may be the beginning of a longer repetition."""
        tail, held = self._tail, self._held
        last = len(tail) - max(_LEAST, len(held) + 1)
        at = tail.find(held)
        while -1 < at <= last:
            if tail.startswith(held, at):
                return True
            at = tail.find(held, at + 1)
        return False


class Continuing:
    """One streamed answer that may be given by several backends, one after the other."""

    def __init__(self, request: "ChatRequest") -> None:
        """Take what is asked."""
        self._request = request
        self._possible = request.response_schema is None and request.response_format in _PROSE
        self._text: list[str] = []
        self._broken: list[Trial] = []
        self._came = False
        self._overlap: Overlap | None = None

    @property
    def possible(self) -> bool:
        """Whether another backend can go on: not once a tool is called, and not in a structured answer."""
        return self._possible

    def request(self) -> "ChatRequest":
        """Make what the next backend is asked: the conversation, the text so far as the model's, and to go on."""
        text = "".join(self._text)
        if not text.strip():
            return self._request
        more = (ChatMessage.assistant(text), ChatMessage.user(CONTINUE))
        return evolve(self._request, messages=(*self._request.messages, *more))

    def switched(self, broken: "Trial", chosen: str) -> BackendSwitched:
        """Take the switch, and give the event that says so."""
        self._broken.append(broken)
        self._overlap, self._came = Overlap("".join(self._text)), False
        error = None if broken.attempt is None else broken.attempt.error
        return BackendSwitched(
            failed=broken.entry.id, chosen=chosen, reason="it broke off" if error is None else brief(error)
        )

    def pass_on(self, event: StreamEvent) -> Sequence[StreamEvent]:
        """Give what the caller gets for an event of the backend: mostly that event."""
        if isinstance(event, _TOOLS):
            self._possible = False
        if self._overlap is None:
            if isinstance(event, TextDelta):
                self._text.append(event.text)
            return (event,)
        return self._joined(event, self._overlap)

    def whole(self, last: "ChatResponse") -> "ChatResponse":
        """Make the last backend's answer the answer of all: the text together, the usage summed."""
        if self._overlap is None:
            return last
        text = "".join(self._text)
        rest = [part for part in last.parts if not isinstance(part, TextPart)]
        usage = self._usage(last.usage_detail)
        return evolve(
            last,
            content=text,
            parts=(*rest, TextPart(text=text)) if last.parts else (),
            usage_detail=usage,
            usage=last.usage if usage is None else usage.totals(),
        )

    def cost(self, last: Cost) -> Cost:
        """Give what all backends together cost; unknown when a part is."""
        return _sum_of([*(trial.attempt.cost for trial in self._broken if trial.attempt), last])

    def _joined(self, event: StreamEvent, overlap: Overlap) -> Sequence[StreamEvent]:
        match event:
            case TextDelta(text):
                self._came = True
                return self._new(overlap.take(text))
            case ReasoningDelta() | ReasoningBlock():
                return (event,)
            case UsageReported(usage):
                return (UsageReported(self._usage(usage) or usage),)
            case Finished(response) if not self._came:
                return (*self._new(overlap.take(response.content)), *self._new(overlap.settle()), event)
            case _:
                return (*self._new(overlap.settle()), event)

    def _new(self, text: str) -> Sequence[StreamEvent]:
        if not text:
            return ()
        self._text.append(text)
        return (TextDelta(text),)

    def _usage(self, last: UsageDetail | None) -> UsageDetail | None:
        known = [usage for usage in (*(trial.usage_detail for trial in self._broken), last) if usage is not None]
        return reduce(UsageDetail.plus, known) if known else None


_PROSE = frozenset({ResponseFormat.TEXT, ResponseFormat.MARKDOWN})


def _sum_of(costs: Sequence[Cost]) -> Cost:
    unknown = next((cost for cost in costs if cost.usd is None), None)
    return unknown or Cost(usd=sum((cost.usd for cost in costs if cost.usd is not None), Decimal(0)))
