"""
Measure whether memory stays flat: ``python tests/benchmarks/memory.py [--calls 1000000]``.

One engine with everything on answers the same request from a backend that has its answer ready.  After a warm-up, in
which caches and the journal fill, a hundred samples are taken of what the process holds (``RSS``) and of the blocks
that Python's allocator has given out; in a run of a tenth of the length also of the bytes that it was asked for
(``tracemalloc``), and in another one with a thousand backends and as many users as requests, of which the state
remembers no more than it may.  A straight line is fitted to each by least squares; the slope is told with the interval
that holds it with 95 % probability.  Memory is flat when that interval reaches down to what is allowed.
``--keep 100`` keeps one answer out of a hundred, to see that a leak is seen.
"""

import argparse
import asyncio
import gc
import math
import os
import sys
import tracemalloc
from array import array
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from attrs import evolve
from engine_overhead import Listener, catalogue

from converge_provider import ChatRequest, Engine

REQUEST = ChatRequest.of("Why is the sky blue?", system="Answer in one sentence.")
SAMPLES = 100
WARM_UP = 20_000
"""Calls, of which nothing is sampled."""
FLAT = {"blocks": 0.05, "tracemalloc": 4.0}
"""Blocks or bytes per call, which the noise of an allocator may look like; one answer kept whole is thousands."""
FLAT_RSS = 4_000_000
"""Bytes by which what the process holds may grow over a whole run: it grows by steps, whenever the heap is cut anew."""
T_95 = 1.987
"""Student's t for 95 % and about ninety degrees of freedom."""


class Slope(NamedTuple):
    """A line's slope, and how far off it may be."""

    per_call: float
    within: float


def slope_of(calls: Sequence[float], held: Sequence[float]) -> Slope:
    """Fit a line by least squares; give its slope and the half of its 95 % interval."""
    count, mean_x, mean_y = len(calls), sum(calls) / len(calls), sum(held) / len(held)
    spread = sum((x - mean_x) ** 2 for x in calls)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(calls, held, strict=True)) / spread
    left = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in zip(calls, held, strict=True))
    return Slope(slope, T_95 * math.sqrt(left / (count - 2) / spread))


def resident_bytes() -> int:
    """Give the memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


MEASURES: Mapping[str, Callable[[], int]] = {
    "RSS": resident_bytes,
    "blocks": sys.getallocatedblocks,
    "tracemalloc": lambda: tracemalloc.get_traced_memory()[0],
}


def the_same(_: int) -> ChatRequest:
    """Ask the same each time."""
    return REQUEST


def another(number: int) -> ChatRequest:
    """Ask something else each time, as somebody else, so that each request has a key of its own."""
    return evolve(ChatRequest.of(f"What is {number} times {number}?"), metadata={"user": f"user-{number}"})


async def sampled(
    calls: int, measures: Sequence[str], *, backends: int, ask: Callable[[int], ChatRequest], keep: int
) -> tuple[Sequence[float], Mapping[str, Sequence[float]]]:
    """Make calls; give the numbers of calls after which memory was looked at, and what each measure said then."""
    kept = list[object]()
    done, every = -WARM_UP, max(1, calls // SAMPLES)
    made, found = array("d", bytes(8 * SAMPLES)), {name: array("d", bytes(8 * SAMPLES)) for name in measures}
    place = 0  # in arrays that are there already, so that the samples themselves do not grow
    async with Engine(catalogue(backends), observers=[Listener()]) as engine:
        while done < calls:
            reply = await engine.chat(ask(done))
            if keep and done % keep == 0:
                kept.append(reply)
            done += 1
            if done % 1_000 == 0:
                await asyncio.sleep(0)
            if done > 0 and done % every == 0 and place < SAMPLES:
                gc.collect()
                made[place] = done
                for name, held in found.items():
                    held[place] = MEASURES[name]()
                place += 1
    return made, found


def is_flat(
    calls: int, measures: Sequence[str], *, backends: int, ask: Callable[[int], ChatRequest], keep: int
) -> bool:
    """Measure, print what was measured, and give whether all of it is flat."""
    made, found = asyncio.run(sampled(calls, measures, backends=backends, ask=ask, keep=keep))
    flat = True
    for name, held in found.items():
        slope = slope_of(made, held)
        holds = slope.per_call - slope.within <= FLAT.get(name, FLAT_RSS / calls)
        print(
            f"{name:12} {backends:>5} backends, {ask.__name__:8} {calls:>8} calls: {held[0]:.0f} to {held[-1]:.0f}, "
            f"{slope.per_call:+.4f} ± {slope.within:.4f} per call: {'flat' if holds else 'NOT FLAT'}",
            flush=True,
        )
        flat &= holds
    return flat


def main() -> int:
    """Measure and print; the exit code is 1 when memory grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--keep", type=int, default=0)
    arguments = parser.parse_args()
    calls, keep = arguments.calls, arguments.keep
    print(f"Python {sys.version.split()[0]}, one engine, an observer, the journal in memory")
    flat = is_flat(calls, ["RSS", "blocks"], backends=10, ask=the_same, keep=keep)
    tracemalloc.start()
    flat &= is_flat(calls // 10, ["blocks", "tracemalloc"], backends=10, ask=the_same, keep=keep)
    tracemalloc.stop()
    flat &= is_flat(calls // 10, ["RSS", "blocks"], backends=1_000, ask=another, keep=keep)
    return int(not flat)


if __name__ == "__main__":
    sys.exit(main())
