"""
Measure what the engine adds to a call: a backend that does nothing, everything switched on.

Prints microseconds of CPU per call (all threads of the process), and of wall clock per streamed event above the bare
loop.  Run it on an idle machine: ``python tests/benchmarks/engine_overhead.py [--calls 5000] [--backends 10]``.
"""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from converge_provider import (
    Catalogue,
    ChatBackendDescriptor,
    ChatRequest,
    ChatResponse,
    CostClass,
    Engine,
    Finished,
    RegisteredChatBackend,
    StreamEvent,
    TextDelta,
    UsageDetail,
)

USAGE = UsageDetail(input_uncached=10, output=5)
ANSWER = ChatResponse(content="Hello", usage=USAGE.totals(), usage_detail=USAGE)
EVENTS_PER_STREAM = 1_000


class NoOp:
    """A backend that has its answer ready."""

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """Give the answer."""
        return ANSWER

    async def stream(self, request: ChatRequest) -> AsyncIterator[StreamEvent]:
        """Give many small events, and the end."""
        for _ in range(EVENTS_PER_STREAM):
            yield TextDelta("x")
        yield Finished(ANSWER)


class Listener:
    """An observer that does nothing."""

    name = "listener"

    def observe(self, event: object) -> None:
        """Take the event."""


def catalogue(size: int, make: "type[NoOp]" = NoOp) -> Catalogue:
    """Make a catalogue of backends that do nothing."""
    return Catalogue.of(
        *(
            RegisteredChatBackend(
                ChatBackendDescriptor(
                    provider=f"p{i % 10}",
                    model=f"m{i}",
                    cost_class=CostClass.LOW,
                    typical_latency_ms=100 + i,
                    quality=0.5 + (i % 50) / 100,
                ),
                make(),
            )
            for i in range(size)
        )
    )


async def cpu_us(call: Callable[[], Awaitable[object]], times: int) -> float:
    """Give the best of five rounds."""
    for _ in range(max(times // 10, 10)):
        await call()
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(times // 5):
            await call()
        best = min(best, (time.process_time() - began) / (times // 5) * 1e6)
    return best


async def event_us(events: Callable[[], AsyncIterator[StreamEvent]]) -> float:
    """Give the best of ten streams, per event."""
    best = float("inf")
    for _ in range(10):
        began = time.perf_counter()
        async for _ in events():
            pass
        best = min(best, (time.perf_counter() - began) / EVENTS_PER_STREAM * 1e6)
    return best


async def measure(calls: int, backends: int) -> None:
    """Print one line per measurement."""
    request = ChatRequest.of("Why is the sky blue?")
    bare = NoOp()
    print(f"{backends} backends, {calls} calls")
    print(f"bare backend                 {await cpu_us(lambda: bare.chat(request), calls):8.1f} µs CPU per call")
    for name, observers in (("journal", []), ("journal, one observer", [Listener()])):
        async with Engine(catalogue(backends), observers=observers) as engine:
            took = await cpu_us(lambda engine=engine: engine.chat(request), calls)  # type: ignore[misc]
            print(f"engine: {name:21}{took:8.1f} µs CPU per call")

    async with Engine(catalogue(backends)) as engine:

        async def streamed() -> AsyncIterator[StreamEvent]:
            async with engine.stream(request) as events:
                async for event in events:
                    yield event

        alone, through = await event_us(lambda: bare.stream(request)), await event_us(streamed)
        print(f"stream: bare loop            {alone:8.1f} µs per event")
        print(f"stream: engine adds          {through - alone:8.1f} µs per event")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=5_000)
    parser.add_argument("--backends", type=int, default=10)
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.calls, arguments.backends))


if __name__ == "__main__":
    main()
