"""
Measure what each layer adds to a call: the library, the seam, the adapter, the engine with everything switched on.

``python tests/benchmarks/layers.py [--calls 400] [--rounds 20] [--concurrent 16] [--only NAME …]`` asks one server on
loopback, in a process of its own, and prints requests per second and the processor's time per call.  Layers take turns;
the best round tells what the code costs, the median what the machine let it do.
"""

import argparse
import asyncio
import gc
import importlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import aiohttp
from attrs import evolve

from converge_openai.facts import ModelFacts
from converge_openai.provider import OpenAiCompatible
from converge_openai.services import services
from converge_provider import Catalogue, ChatRequest, Engine, RegisteredChatBackend, Secret
from converge_provider.http import HttpChatBackend, HttpRequest, open_transport

ASKED = ChatRequest.of("Why is the sky blue?")
BODY = b'{"model":"m","messages":[{"role":"user","content":"Why is the sky blue?"}]}'
HEADERS = {"content-type": "application/json", "authorization": "Bearer k"}
BACKENDS = 10

Call = Callable[[], Awaitable[object]]


class Listener:
    """An observer that does nothing."""

    name = "listener"

    def observe(self, event: object) -> None:
        """Take the event."""


@contextmanager
def upstream() -> Generator[str, None, None]:
    """Run the server."""
    command = [sys.executable, str(Path(__file__).with_name("upstream.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        yield f"{server.stdout.readline().strip()}/0/v1"
        server.stdin.close()


@asynccontextmanager
async def bare(url: str) -> AsyncGenerator[Call, None]:
    """Post with aiohttp alone, and read the JSON."""
    async with aiohttp.ClientSession() as session:

        async def call() -> object:
            async with session.post(f"{url}/chat/completions", data=BODY, headers=HEADERS) as response:
                return await response.json()

        yield call


@asynccontextmanager
async def seam(url: str) -> AsyncGenerator[Call, None]:
    """Post through the seam, and do not parse the body."""
    transport = open_transport()
    headers: dict[str, str | Secret] = {**HEADERS, "authorization": Secret(HEADERS["authorization"])}
    yield lambda: transport.send(HttpRequest(method="POST", url=f"{url}/chat/completions", headers=headers, body=BODY))
    await transport.aclose()


def registered(url: str) -> list[RegisteredChatBackend]:
    """Make backends of one service."""
    kind = OpenAiCompatible(services()["vllm"])
    settings = kind.settings(base_url=url, models={"m": ModelFacts()})
    first = kind.descriptors(settings)[0]
    all_of_them = [evolve(first, model=f"m{number}" if number else "m") for number in range(BACKENDS)]
    return [RegisteredChatBackend(one, kind.open(one, settings)) for one in all_of_them]


@asynccontextmanager
async def adapter(url: str) -> AsyncGenerator[Call, None]:
    """Ask one backend."""
    backend = registered(url)[0].backend
    assert isinstance(backend, HttpChatBackend)
    yield lambda: backend.chat(ASKED)
    await backend.aclose()


@asynccontextmanager
async def engine(url: str, *, observed: bool = True) -> AsyncGenerator[Call, None]:
    """Ask the engine: it decides among ten, keeps the journal, the breaker and the state, and tells an observer."""
    catalogue = Catalogue.of(*registered(url))
    async with Engine(catalogue, observers=[Listener()] if observed else []) as asked:
        yield lambda: asked.chat(ASKED)


LAYERS: dict[str, tuple[str, Callable[[str], AbstractAsyncContextManager[Call]]]] = {
    "aiohttp alone": ("aiohttp", bare),
    "seam": ("aiohttp", seam),
    "adapter": ("aiohttp", adapter),
    "engine, no observer": ("aiohttp", partial(engine, observed=False)),
    "engine": ("aiohttp", engine),
    "seam, httpx": ("httpx", seam),
    "engine, httpx": ("httpx", engine),
}


async def many(call: Call, calls: int, concurrent: int) -> tuple[float, float]:
    """Make calls, so many at once; give the seconds of wall clock and of the processor for each."""
    left = iter(range(calls))

    async def some() -> None:
        for _ in left:
            await call()

    began_s, worked_s = time.perf_counter(), time.process_time()
    await asyncio.gather(*(some() for _ in range(concurrent)))
    return (time.perf_counter() - began_s) / calls, (time.process_time() - worked_s) / calls


async def measure(names: list[str], *, calls: int, rounds: int, concurrent: int) -> None:
    """Let the layers take turns, and print one line for each."""
    with upstream() as url:
        async with AsyncExitStack() as opened:
            layers: dict[str, Call] = {}
            for name in names:
                library, layer = LAYERS[name]
                os.environ["CONVERGE_HTTP"] = library  # a transport is opened by the first call
                layers[name] = await opened.enter_async_context(layer(url))
                await many(layers[name], calls, concurrent)
            gc.freeze()
            taken: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
            for _ in range(rounds):
                for name, call in layers.items():
                    taken[name].append(await many(call, calls, concurrent))
    print(f"{concurrent} at once, {rounds} rounds of {calls} calls     best   median   CPU of a call, best and median")
    for name, figures in taken.items():
        (wall, cpu), (usual, usual_cpu) = (
            map(min, zip(*figures, strict=True)),
            map(statistics.median, zip(*figures, strict=True)),
        )
        speeds = f"{1 / wall:8.0f} {1 / usual:8.0f} /s"
        print(f"{name:34} {speeds} {cpu * 1e6:9.0f} {usual_cpu * 1e6:8.0f} µs")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--concurrent", type=int, default=16)
    parser.add_argument("--only", nargs="+", choices=LAYERS, default=list(LAYERS))
    parser.add_argument("--uvloop", action="store_true", help="run on uvloop, if it is installed")
    given = parser.parse_args()
    measuring = measure(given.only, calls=given.calls, rounds=given.rounds, concurrent=given.concurrent)
    if given.uvloop:
        run: Callable[[Awaitable[None]], None] = importlib.import_module("uvloop").run
        run(measuring)
    else:
        asyncio.run(measuring)


if __name__ == "__main__":
    main()
