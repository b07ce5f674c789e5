"""Saboteurs that give another answer than the service gave."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Final

import anyio
from attrs import evolve

from converge_provider.errors import InvalidRequest
from converge_provider.testing.conformance.saboteurs.breaking import Broken, Saboteur, Whole, broken, wrapping
from converge_provider.values.events import Finished, StreamEvent, TextDelta, ToolCallDelta, ToolCallMalformed
from converge_provider.values.parts import ReasoningPart
from converge_provider.values.replies import ChatResponse, FinishReason
from converge_provider.values.requests import ChatRequest
from converge_provider.values.usage import UsageDetail

__all__ = ("ANSWERING",)


def _counted_twice(name: str) -> Whole:
    """Count a bucket that another one contains once more, as some vendors' totals do."""

    def whole(response: ChatResponse) -> ChatResponse:
        detail = response.usage_detail or UsageDetail()
        into = "output" if name == "reasoning" else "input_uncached"
        wrong = evolve(detail, **{into: getattr(detail, into) + getattr(detail, name)})
        return evolve(response, usage_detail=wrong, usage=wrong.totals())

    return whole


async def _doubled_end(source: AsyncIterator[StreamEvent]) -> AsyncGenerator[StreamEvent, None]:
    async for event in source:
        yield event
        if isinstance(event, Finished):
            yield event


async def _backwards(source: AsyncIterator[StreamEvent]) -> AsyncGenerator[StreamEvent, None]:
    events = [event async for event in source]
    for event in [*reversed(events[:-1]), events[-1]]:
        yield event


async def _at_the_end(source: AsyncIterator[StreamEvent]) -> AsyncGenerator[StreamEvent, None]:
    for event in [event async for event in source]:
        yield event


async def _replaced(source: AsyncIterator[StreamEvent]) -> AsyncGenerator[StreamEvent, None]:
    async for event in source:
        if isinstance(event, Finished):
            yield Finished(evolve(event.response, content=_lossy(event.response.content)))
        else:
            yield TextDelta(_lossy(event.text)) if isinstance(event, TextDelta) else event


def _lossy(text: str) -> str:
    return "".join(character if character.isascii() else "\ufffd" for character in text)


async def _early(source: AsyncIterator[StreamEvent]) -> AsyncGenerator[StreamEvent, None]:
    async for event in source:
        yield event
        if isinstance(event, TextDelta):
            yield Finished(ChatResponse(content=event.text))


async def _without_usage(source: AsyncIterator[StreamEvent]) -> AsyncGenerator[StreamEvent, None]:
    async for event in source:
        if isinstance(event, Finished):
            yield Finished(evolve(event.response, usage=None, usage_detail=None))
        else:
            yield event


async def _without_pieces(source: AsyncIterator[StreamEvent]) -> AsyncGenerator[StreamEvent, None]:
    async for event in source:
        if not isinstance(event, ToolCallDelta):
            yield event


async def _raising(source: AsyncIterator[StreamEvent]) -> AsyncGenerator[StreamEvent, None]:
    async for event in source:
        if isinstance(event, ToolCallMalformed):
            raise InvalidRequest(event.problem)
        yield event


class _StaysOpen(Broken):
    """Forgets to close the stream that it reads."""

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        """Keep the good stream alive beyond its own end."""
        self.kept = self.inner.stream(request)
        async for event in self.kept:
            yield event

    async def aclose(self) -> None:
        """Close it at last, so that nothing is left behind."""
        await self.kept.aclose()
        await self.inner.aclose()


class _Deaf(Broken):
    """Takes a cancellation for the end of the answer."""

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """Answer with nothing."""
        try:
            return await super().chat(request)
        except anyio.get_cancelled_exc_class():
            return ChatResponse(content="")

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        """End the stream quietly."""
        try:
            async with aclosing(super().stream(request)) as events:
                async for event in events:
                    yield event
        except anyio.get_cancelled_exc_class():
            return


class _Clings(Broken):
    """Makes a call in a task of its own, which nobody cancels."""

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """Go on for a while after the cancellation."""
        with anyio.move_on_after(2.0, shield=True):
            return await super().chat(request)
        await anyio.lowlevel.checkpoint()
        return ChatResponse(content="")


def _calls(**changes: str) -> Whole:
    return lambda response: evolve(response, tool_calls=[evolve(call, **changes) for call in response.tool_calls])


def _aloud(response: ChatResponse) -> ChatResponse:
    thoughts = "".join(part.text for part in response.parts if isinstance(part, ReasoningPart))
    return evolve(response, content=thoughts + response.content, parts=())


def _shown(response: ChatResponse) -> ChatResponse:
    parts = [evolve(part, redacted=False) if isinstance(part, ReasoningPart) else part for part in response.parts]
    return evolve(response, parts=parts)


ANSWERING: Final[tuple[Saboteur, ...]] = (
    broken("chat.plain", "trims the text", whole=lambda one: evolve(one, content=one.content.strip())),
    broken("chat.stopped", "says nothing of the end", whole=lambda one: evolve(one, finish_reason=None)),
    broken("chat.finish-reasons", "always stops", whole=lambda one: evolve(one, finish_reason=FinishReason.STOP)),
    broken("chat.filtered", "always stops", whole=lambda one: evolve(one, finish_reason=FinishReason.STOP)),
    broken("usage.plain", "says nothing of usage", whole=lambda one: evolve(one, usage=None, usage_detail=None)),
    broken("usage.cached", "counts cached tokens twice", whole=_counted_twice("cache_read")),
    broken("usage.cache-written", "counts written tokens twice", whole=_counted_twice("cache_write")),
    broken("usage.reasoning", "counts reasoning twice", whole=_counted_twice("reasoning")),
    broken("stream.order", "ends twice", tell=_doubled_end),
    broken("stream.order", "gives pieces backwards", tell=_backwards),
    broken("stream.same-as-whole", "loses usage when it streams", tell=_without_usage),
    broken("stream.as-it-comes", "gives everything at the end", tell=_at_the_end),
    wrapping("stream.left-early", "leaves the connection open", _StaysOpen),
    wrapping("stream.cancelled", "swallows the cancellation", _Deaf),
    wrapping("chat.cancelled", "swallows the cancellation", _Deaf),
    wrapping("chat.cancelled", "goes on for a while", _Clings),
    broken("stream.unicode", "replaces what was cut", tell=_replaced),
    broken("stream.no-early-end", "ends after the first piece", tell=_early),
    broken("tools.single", "makes up ids", whole=_calls(id="made-up")),
    broken("tools.parallel", "keeps one call", whole=lambda one: evolve(one, tool_calls=one.tool_calls[:1])),
    broken("tools.streamed", "loses pieces of arguments", tell=_without_pieces),
    broken("tools.malformed", "repairs arguments", whole=_calls(arguments="{}")),
    broken("tools.malformed", "raises in a stream", tell=_raising),
    broken("reasoning.apart", "thinks aloud", whole=_aloud),
    broken("reasoning.hidden", "shows what is hidden", whole=_shown),
)
"""One or more for each check that looks at what comes back."""
