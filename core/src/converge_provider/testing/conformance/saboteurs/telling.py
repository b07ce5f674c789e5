"""Saboteurs that tell a stream otherwise than it came."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from typing import Final

from attrs import evolve

from converge_provider.errors import InvalidRequest
from converge_provider.testing.conformance.saboteurs.breaking import Saboteur, Tell, broken
from converge_provider.values.events import (
    Finished,
    ReasoningBlock,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallMalformed,
    ToolCallStarted,
)
from converge_provider.values.replies import ChatResponse

__all__ = ("TELLING",)


def _each(alter: Callable[[StreamEvent], Iterable[StreamEvent]]) -> Tell:
    """Tell something else for each event."""

    async def tell(source: AsyncIterator[StreamEvent]) -> AsyncGenerator[StreamEvent, None]:
        async for event in source:
            for made in alter(event):
                yield made

    return tell


def _all(alter: Callable[[list[StreamEvent]], Iterable[StreamEvent]]) -> Tell:
    """Wait for the end, and tell something else for everything."""

    async def tell(source: AsyncIterator[StreamEvent]) -> AsyncGenerator[StreamEvent, None]:
        for event in alter([event async for event in source]):
            yield event

    return tell


def _twice(*kinds: type[StreamEvent]) -> Tell:
    return _each(lambda event: [event, event] if isinstance(event, kinds) else [event])


def _never(*kinds: type[StreamEvent]) -> Tell:
    return _each(lambda event: [] if isinstance(event, kinds) else [event])


def _last(alter: Callable[[ChatResponse], ChatResponse]) -> Tell:
    return _each(lambda event: [Finished(alter(event.response))] if isinstance(event, Finished) else [event])


def _lossy(event: StreamEvent) -> Sequence[StreamEvent]:
    match event:
        case TextDelta():
            return [TextDelta(event.text.encode("ascii", "replace").decode())]
        case Finished():
            content = event.response.content.encode("ascii", "replace").decode()
            return [Finished(evolve(event.response, content=content))]
        case _:
            return [event]


def _early(event: StreamEvent) -> Sequence[StreamEvent]:
    return [event, Finished(ChatResponse(content=event.text))] if isinstance(event, TextDelta) else [event]


def _aloud(event: StreamEvent) -> Sequence[StreamEvent]:
    return [event, TextDelta(event.text)] if isinstance(event, ReasoningDelta) else [event]


def _late_start(events: list[StreamEvent]) -> Sequence[StreamEvent]:
    return sorted(events, key=lambda event: not isinstance(event, ToolCallDelta))


def _renamed(event: StreamEvent) -> Sequence[StreamEvent]:
    return [ToolCallStarted(event.index, event.id, "another") if isinstance(event, ToolCallStarted) else event]


def _emptied(event: StreamEvent) -> Sequence[StreamEvent]:
    if isinstance(event, ToolCallFinished):
        return [ToolCallFinished(event.index, evolve(event.call, arguments="{}"))]
    return [event]


def _trusted(event: StreamEvent) -> Sequence[StreamEvent]:
    return [ToolCallFinished(event.index, event.call) if isinstance(event, ToolCallMalformed) else event]


def _raised(event: StreamEvent) -> Sequence[StreamEvent]:
    if isinstance(event, ToolCallMalformed):
        raise InvalidRequest(event.problem)
    return [event]


def _trimmed(response: ChatResponse) -> ChatResponse:
    return evolve(response, content=response.content.strip())


TELLING: Final[tuple[Saboteur, ...]] = (
    broken("stream.order", "ends twice", tell=_twice(Finished)),
    broken("stream.order", "goes on after its end", tell=_all(lambda events: [*events, TextDelta("PS")])),
    broken("stream.order", "gives pieces backwards", tell=_all(lambda events: [*events[-2::-1], events[-1]])),
    broken("stream.order", "trims the whole text", tell=_last(_trimmed)),
    broken(
        "stream.same-as-whole",
        "loses usage when it streams",
        tell=_last(lambda response: evolve(response, usage=None, usage_detail=None)),
    ),
    broken("stream.as-it-comes", "gives everything at the end", tell=_all(lambda events: events)),
    broken("stream.unicode", "replaces what was cut", tell=_each(_lossy)),
    broken("stream.no-early-end", "ends after the first piece", tell=_each(_early)),
    broken("stream.no-early-end", "gives everything at the end", tell=_all(lambda events: events)),
    broken("tools.streamed", "loses pieces of arguments", tell=_never(ToolCallDelta)),
    broken("tools.streamed", "finishes calls twice", tell=_twice(ToolCallFinished)),
    broken("tools.streamed", "gives pieces before their call", tell=_all(_late_start)),
    broken("tools.streamed", "begins another call", tell=_each(_renamed)),
    broken("tools.streamed", "finishes a call without its arguments", tell=_each(_emptied)),
    broken("tools.malformed", "tells a malformed call twice", tell=_twice(ToolCallMalformed)),
    broken("tools.malformed", "trusts malformed arguments", tell=_each(_trusted)),
    broken("tools.malformed", "raises in a stream", tell=_each(_raised)),
    broken("reasoning.apart", "keeps its thoughts to itself", tell=_never(ReasoningDelta, ReasoningBlock)),
    broken("reasoning.apart", "thinks aloud in a stream", tell=_each(_aloud)),
    broken("live.stream", "never ends", tell=_never(Finished)),
    broken("live.stream", "loses its pieces", tell=_never(TextDelta)),
)
"""One or more for each check that looks at a stream."""
