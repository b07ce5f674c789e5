"""Saboteurs that give another answer than the service gave."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import anyio
from anyio.lowlevel import checkpoint
from attrs import evolve

from converge_provider.testing.conformance.reference import modest_subject
from converge_provider.testing.conformance.saboteurs.breaking import Broken, Saboteur, Whole, broken, wrapping
from converge_provider.values.events import StreamEvent
from converge_provider.values.messages import ToolCall
from converge_provider.values.parts import ReasoningPart
from converge_provider.values.replies import ChatResponse, FinishReason
from converge_provider.values.requests import ChatRequest
from converge_provider.values.usage import TokenUsage, UsageDetail

__all__ = ("ANSWERING",)


def _counted_twice(name: str) -> Whole:
    """Count a bucket that another one contains once more, as some vendors' totals do."""

    def whole(response: ChatResponse) -> ChatResponse:
        detail = response.usage_detail or UsageDetail()
        into = "output" if name == "reasoning" else "input_uncached"
        wrong = evolve(detail, **{into: getattr(detail, into) + getattr(detail, name)})
        return evolve(response, usage_detail=wrong, usage=wrong.totals())

    return whole


_CALL: Final = ToolCall(id="A1b2C3d4E", name="weather", arguments="{}")


def _summed_wrongly(response: ChatResponse) -> ChatResponse:
    return evolve(response, usage=TokenUsage(prompt_tokens=1, completion_tokens=1, total_tokens=1))


def _tidied(response: ChatResponse) -> ChatResponse:
    return evolve(response, content="".join(response.content.split()))


class _Twice(Broken):
    """Asks twice, to be on the safe side."""

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """Ask, and ask again."""
        await super().chat(request)
        return await super().chat(request)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        """Ask, and ask again in pieces."""
        await super().chat(request)
        async with aclosing(super().stream(request)) as events:
            async for event in events:
                yield event


class _Mute(Broken):
    """Asks nobody."""

    async def chat(self, request: ChatRequest) -> ChatResponse:  # noqa: ARG002 - it asks nobody
        """Make something up."""
        return ChatResponse(content="Good morning.")


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
    """Hears a cancellation late."""

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """Go on for a while after the cancellation."""
        with anyio.move_on_after(2.0, shield=True):
            return await super().chat(request)
        await checkpoint()
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
    broken("chat.plain", "calls a tool", whole=lambda one: evolve(one, tool_calls=[_CALL])),
    wrapping("chat.plain", "asks twice", _Twice),
    wrapping("chat.extra", "asks twice", _Twice),
    wrapping("stream.order", "asks twice", _Twice),
    wrapping("chat.unhonoured-refused", "answers without asking", _Mute, of=modest_subject),
    broken("chat.max-tokens", "says that it stopped", whole=lambda one: evolve(one, finish_reason=FinishReason.STOP)),
    broken("usage.plain", "adds up wrongly", whole=_summed_wrongly),
    broken("format.json", "tidies the text", whole=_tidied),
    broken("format.schema", "tidies the text", whole=_tidied),
    broken("chat.stopped", "says nothing of the end", whole=lambda one: evolve(one, finish_reason=None)),
    broken("chat.finish-reasons", "always stops", whole=lambda one: evolve(one, finish_reason=FinishReason.STOP)),
    broken("chat.filtered", "always stops", whole=lambda one: evolve(one, finish_reason=FinishReason.STOP)),
    broken("usage.plain", "says nothing of usage", whole=lambda one: evolve(one, usage=None, usage_detail=None)),
    broken("usage.cached", "counts cached tokens twice", whole=_counted_twice("cache_read")),
    broken("usage.cache-written", "counts written tokens twice", whole=_counted_twice("cache_write")),
    broken("usage.reasoning", "counts reasoning twice", whole=_counted_twice("reasoning")),
    wrapping("stream.left-early", "leaves the connection open", _StaysOpen),
    wrapping("stream.cancelled", "swallows the cancellation", _Deaf),
    wrapping("chat.cancelled", "swallows the cancellation", _Deaf),
    wrapping("chat.cancelled", "goes on for a while", _Clings),
    broken("tools.single", "makes up ids", whole=_calls(id="made-up")),
    broken("tools.single", "gives no ids", whole=_calls(id="")),
    broken("tools.single", "renames the tool", whole=_calls(name="another")),
    broken("tools.single", "loses the arguments", whole=_calls(arguments="{}")),
    broken("tools.single", "says that it stopped", whole=lambda one: evolve(one, finish_reason=FinishReason.STOP)),
    broken("tools.parallel", "gives calls one id", whole=_calls(id="A1b2C3d4E")),
    broken("tools.parallel", "keeps one call", whole=lambda one: evolve(one, tool_calls=one.tool_calls[:1])),
    broken("tools.malformed", "repairs arguments", whole=_calls(arguments="{}")),
    broken("reasoning.apart", "thinks aloud", whole=_aloud),
    broken("reasoning.apart", "forgets what it thought", whole=lambda one: evolve(one, parts=())),
    broken("reasoning.hidden", "shows what is hidden", whole=_shown),
)
"""One or more for each check that looks at what comes back."""
