"""
What every contender's runner does in the same way: make calls and streams, take the time, tell the harness.

A runner is a script of its own in this folder, started with the Python of the contender's environment.  It brings one
function that imports what a user of the library imports and gives an object that makes calls.  With ``--import`` it
measures that import and ends; else it reads one errand per line of standard input and prints one line of JSON for each.
Nothing is imported before the import that is measured but what is needed to measure it.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

PROMPT = "Why is the sky blue?"


class Contender(Protocol):
    """One library, ready to be called; every call has the same prompt."""

    async def call(self) -> str:
        """Ask, and give the text of the answer."""
        ...

    async def stream(self, seen: Callable[[], None]) -> int:
        """Ask for a stream, tell of each piece of text as it comes, and give how many there were."""
        ...


class Errand:
    """What is to be done once: so many calls or streams, so many of them at a time."""

    def __init__(self, document: dict[str, int | str]) -> None:
        """Read it."""
        self.streams = document["kind"] == "streams"
        self.count = int(document["count"])
        self.concurrency = int(document["concurrency"])
        self.events = int(document["events"])


async def run(contender: Contender, errand: Errand) -> dict[str, float]:
    """Do it, and give the seconds it took by the clock and of the processor, and percentiles of single calls."""
    import asyncio

    took_s: list[float] = []
    firsts_s: list[float] = []
    gaps_s: list[float] = []
    waiting = errand.count

    async def work() -> None:
        nonlocal waiting
        while waiting > 0:
            waiting -= 1
            began = time.perf_counter()
            if errand.streams:
                first_s, gap_s = await _one_stream(contender, errand.events)
                firsts_s.append(first_s)
                gaps_s.append(gap_s)
            else:
                text = await contender.call()
                assert text.startswith("The sky"), f"an answer is {text!r}"
            took_s.append(time.perf_counter() - began)

    cpu_s, began = _cpu_s(), time.perf_counter()
    await asyncio.gather(*(work() for _ in range(errand.concurrency)))
    wall_s = time.perf_counter() - began
    ordered = sorted(took_s)
    return {
        "wall_s": wall_s,
        "cpu_s": _cpu_s() - cpu_s,
        "p50_s": ordered[len(ordered) // 2],
        "p99_s": ordered[int(len(ordered) * 0.99)],
        "first_p50_s": sorted(firsts_s)[len(firsts_s) // 2] if firsts_s else 0.0,
        "longest_gap_s": max(gaps_s, default=0.0),
    }


async def _one_stream(contender: Contender, events: int) -> tuple[float, float]:
    """Read one stream, and give the time to its first piece of text, and the longest time between two pieces."""
    began = time.perf_counter()
    first = last = longest = 0.0

    def seen() -> None:
        nonlocal first, last, longest
        now = time.perf_counter()
        if last:
            longest = max(longest, now - last)
        else:
            first = now - began
        last = now

    count = await contender.stream(seen)
    assert count == events, f"a stream had {count} pieces of text, not {events}"
    return first, longest


def _cpu_s() -> float:
    """Give the processor's time that this process took, in all its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _resident_mib() -> float:
    """Give the memory that this process holds now."""
    with open("/proc/self/statm", encoding="ascii") as stream:  # noqa: PTH123 - pathlib is not imported yet
        return int(stream.read().split()[1]) * resource.getpagesize() / 2**20


def _measure_import(load: Callable[[], object]) -> dict[str, float]:
    before_mib, cpu_s, began = _resident_mib(), _cpu_s(), time.perf_counter()
    load()
    return {
        "wall_s": time.perf_counter() - began,
        "cpu_s": _cpu_s() - cpu_s,
        "resident_mib": _resident_mib(),
        "before_mib": before_mib,
    }


async def _serve(make: Callable[[], Awaitable[Contender]]) -> None:
    contender = await make()
    for line in sys.stdin:  # nothing else is to be done meanwhile
        print(json.dumps(await run(contender, Errand(json.loads(line)))), flush=True)
    os._exit(0)  # some libraries complain at length when their clients are not closed


def main(load: Callable[[], object], make: Callable[[str], Awaitable[Contender]]) -> None:
    """
    Do what the command line says.

    Args:
        load: Imports what a user of the library imports to make a call.
        make: Makes the contender for an address that ends in ``/v1``.

    """
    if sys.argv[1] == "--import":
        print(json.dumps(_measure_import(load)))
        return
    import asyncio
    import logging

    logging.disable(logging.WARNING)
    url = sys.argv[1]
    asyncio.run(_serve(lambda: make(url)))
