"""
Measure how costs grow: ``python tests/benchmarks/growth.py``.

Fits the exponent of each cost in its size, as the slope of a straight line through the logarithms: 0 is independent,
1 linear, 2 quadratic.  Each point is the best of several rounds, since a busy machine only ever adds to it.  Selection
in the number of candidates, the parsers of streams in the size of an event, a request in the number of plugins
installed; and the longest that any of 64 streams at once waits for its next event.
"""

import asyncio
import ctypes
import math
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import cycle
from typing import Any

from engine_overhead import ANSWER, NoOp, catalogue
from rounds import best_s
from selection import REQUEST, catalogue as candidates, read, varied

from converge_provider import (
    BackendDescriptor,
    Catalogue,
    ChatBackendDescriptor,
    ChatRequest,
    Configuration,
    CostClass,
    Engine,
    Finished,
    NoOptions,
    PluginRegistry,
    SelectionCriteria,
    StreamEvent,
    TextDelta,
    hookimpl,
)
from converge_provider.http import sse_events
from converge_provider.http.ndjson import ndjson_events
from converge_provider.selection import decide

CANDIDATES = (10, 30, 100, 300, 1_000, 3_000, 10_000)
MEGABYTES = (1, 2, 4, 8, 16)
PLUGINS = (0, 10, 50)
STREAMS, EVENTS = 64, 200
PIECE = 65_536
LEAST_MB_PER_S = 200


def exponent(costs: Mapping[int, float]) -> float:
    """Give the slope of the least-squares line through the logarithms."""
    points = [(math.log(size), math.log(cost)) for size, cost in costs.items()]
    mean_x, mean_y = (sum(axis) / len(points) for axis in zip(*points, strict=True))
    shared = math.fsum((x - mean_x) * (y - mean_y) for x, y in points)
    spread = math.fsum((x - mean_x) ** 2 for x, _ in points)
    return shared / spread


def select(among: Catalogue, others: Iterator[SelectionCriteria]) -> None:
    """Select once, with criteria that differ from those before."""
    read(decide(among, criteria=next(others), request=REQUEST))


def selecting() -> Mapping[int, float]:
    """Give the seconds of a selection by the number of candidates."""
    found: dict[int, float] = {}
    for size in CANDIDATES:
        among, others = candidates(size), cycle(varied())
        for criteria in varied():
            read(decide(among, criteria=criteria, request=REQUEST))

        found[size] = best_s(partial(select, among, others), rounds=30, calls=50)
    return found


def keep_memory() -> None:
    """Tell the allocator to keep what is freed, since fetching pages anew is no work of a parser."""
    if sys.platform == "linux":
        trim_threshold, top_pad, mmap_threshold = -1, -2, -3
        for parameter, value in ((trim_threshold, 2**30), (top_pad, 2**26), (mmap_threshold, 2**25)):
            ctypes.CDLL(None).mallopt(parameter, value)


def sse(size: int) -> bytes:
    """Make one event of so many bytes."""
    return b"data: " + b"x" * size + b"\n\n"


def ndjson(size: int) -> bytes:
    """Make one line of so many bytes."""
    return b'"' + b"x" * size + b'"\n'


def parsing(read_events: Callable[..., AsyncIterator[object]], event: Callable[[int], bytes]) -> Mapping[int, float]:
    """Give the seconds of parsing one long event, which comes in pieces, by its megabytes."""
    found: dict[int, float] = {}
    for megabytes in MEGABYTES:
        whole = event(megabytes * 1_000_000)
        pieces = [whole[begin : begin + PIECE] for begin in range(0, len(whole), PIECE)]

        async def body(pieces: Sequence[bytes] = pieces) -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

        async def parse() -> None:
            assert len([one async for one in read_events(body())]) == 1

        found[megabytes] = best_s(lambda: asyncio.run(parse()), rounds=7)
    return found


class Idle:
    """A plugin that brings a policy nobody chose and a provider without a model."""

    def __init__(self, number: int) -> None:
        self.name = self.display_name = f"idle-{number}"
        self.settings = NoOptions
        self.options = NoOptions
        self.default_model = None

    def missing(self, settings: object) -> tuple[str, ...]:
        """Miss nothing."""
        return ()

    def descriptors(self, settings: object) -> list[ChatBackendDescriptor]:
        """Have no model."""
        return []

    def open(self, descriptor: object, settings: object) -> NoOp:
        """Open one."""
        return NoOp()

    def score(self, candidates: object, options: object) -> Sequence[float]:
        """Score nobody."""
        return []

    @hookimpl
    def converge_register_backends(self, registrar: Any) -> None:
        """Register the provider."""
        registrar.add(self)


class Ready(Idle):
    """A plugin that brings ten models."""

    def descriptors(self, settings: object) -> list[ChatBackendDescriptor]:
        """Have ten models."""
        return [
            BackendDescriptor.unstated(self.name, f"m{n}", cost_class=CostClass.LOW, quality=n / 10) for n in range(10)
        ]


async def calling(plugins: int) -> float:
    """Give the seconds of the processor that a call takes with so many plugins that have no part in it."""
    registry = PluginRegistry.of(Ready(-1), *(Idle(number) for number in range(plugins)))
    request, best = ChatRequest.of("Why is the sky blue?"), math.inf
    async with Engine.of(registry, Configuration()) as engine:
        for _ in range(12):
            began = time.process_time()
            for _ in range(300):
                await engine.chat(request)
            best = min(best, (time.process_time() - began) / 300)
    return best


class Streaming(NoOp):
    """A backend that gives the loop back between its events, as one that reads from a socket does."""

    async def stream(self, request: ChatRequest) -> AsyncIterator[StreamEvent]:
        """Give small events, and the end."""
        for _ in range(EVENTS):
            await asyncio.sleep(0)
            yield TextDelta("x")
        yield Finished(ANSWER)


async def streaming() -> tuple[float, float]:
    """Give how long all streams together took, and the longest that any waited between two events, in seconds."""
    gaps: list[float] = []
    found = catalogue(10, Streaming)

    async def one() -> None:
        async with engine.stream(REQUEST) as events:
            last = time.perf_counter()
            async for _ in events:
                gaps.append((now := time.perf_counter()) - last)
                last = now

    async with Engine(found) as engine:
        await one()
        gaps.clear()
        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(STREAMS)))
        took = time.perf_counter() - began
    return took, max(gaps)


def main() -> int:
    """Measure and print; the exit code is 1 when a number is not held."""
    print(f"Python {sys.version.split()[0]}, best of several rounds")
    selections = selecting()
    told = ", ".join(f"{size}: {took * 1e6:.1f}" for size, took in selections.items())
    print(f"selection, µs by candidates: {told}; exponent {exponent(selections):.2f}")
    held = exponent(selections) <= 1.05
    keep_memory()
    for name, read_events, event in (("SSE", sse_events, sse), ("NDJSON", ndjson_events, ndjson)):
        parsed = parsing(read_events, event)
        speed = min(size / took for size, took in parsed.items())
        print(f"{name}, one event of 1 to 16 MB: at least {speed:.0f} MB/s; exponent {exponent(parsed):.2f}")
        held &= speed >= LEAST_MB_PER_S and exponent(parsed) <= 1.15
    calls = {plugins: asyncio.run(calling(plugins)) for plugins in PLUGINS}
    told = ", ".join(f"{plugins}: {took * 1e6:.1f}" for plugins, took in calls.items())
    print(f"a call, µs of the processor by plugins beside the one that answers: {told}")
    took, gap = min(asyncio.run(streaming()) for _ in range(3))
    per_event = took / STREAMS / EVENTS
    said = f"{per_event * 1e6:.1f} µs per event, longest wait {gap * 1e3:.1f} ms"
    print(f"{STREAMS} streams of {EVENTS} events: {took:.2f} s, {said}")
    print("all numbers are held" if held else "some numbers are not held")
    return int(not held)


if __name__ == "__main__":
    sys.exit(main())
