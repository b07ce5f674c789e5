"""
What selecting, calling, streaming and starting up cost, counted instead of timed: the same on any machine.

``golden/counts.json`` holds what each may take at most; run this file to write it anew for the Python that runs it.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from converge_provider.testing import FakeDistribution
from converge_provider.testing.environments import ThrowawayEnvironment

GOLDEN = Path(__file__).parent / "golden" / "counts.json"
VERSION = ".".join(map(str, sys.version_info[:2]))

COUNTING = '''
import asyncio, gc, json, sys, tracemalloc
from contextlib import contextmanager
from random import Random
import converge_provider
from converge_provider import (
    Catalogue, ChatBackendCapabilities, ChatBackendDescriptor, ChatRequest, ChatResponse, CostClass, CostTier, Engine,
    Finished, LatencyClass, RegisteredChatBackend, RequiredCapabilities, SelectionCriteria, TaskComplexity, TextDelta,
    UsageDetail,
)
from converge_provider.http import SseParser
from converge_provider.selection import decide
{spoil}

USAGE = UsageDetail(input_uncached=10, output=5)
ANSWER = ChatResponse(content="Hello", usage=USAGE.totals(), usage_detail=USAGE)
REQUEST = ChatRequest.of("Why is the sky blue?", system="Answer in one sentence.")


class Ready:
    events = 100

    async def chat(self, request):
        return ANSWER

    async def stream(self, request):
        for _ in range(self.events):
            yield TextDelta("x")
        yield Finished(ANSWER)


class Listener:
    name = "listener"
    inline = True

    def observe(self, event):
        pass


def catalogue(size):
    random = Random(size)
    return Catalogue.of(*(
        RegisteredChatBackend(
            ChatBackendDescriptor(
                provider=f"p{{n % 17}}", model=f"m{{n}}", cost_class=random.choice(tuple(CostClass)),
                typical_latency_ms=random.randint(1, 4_000), quality=random.random(),
                capabilities=ChatBackendCapabilities(
                    tool_use=random.random() < 0.7, context_tokens=random.choice((4_096, 200_000))
                ),
            ),
            Ready(),
        )
        for n in range(size)
    ))


OURS = (converge_provider.__file__.removesuffix("__init__.py"), "<attrs generated methods converge_provider.")


def ours(code):
    return code.co_filename.startswith(OURS)


@contextmanager
def counting():
    """Count the calls that functions of this library make, and those of its functions, in Python and in C."""
    found = [0]

    def count(frame, event, argument):
        if event == "call":
            back = frame.f_back
            found[0] += ours(frame.f_code) or (back is not None and ours(back.f_code))
        elif event == "c_call":
            found[0] += ours(frame.f_code)

    sys.setprofile(count)
    try:
        yield found
    finally:
        sys.setprofile(None)


def calls_of(act):
    with counting() as found:
        act()
    return found[0]


async def awaited_calls(act):
    with counting() as found:
        await act()
    return found[0]


def blocks_of(act):
    """Count the blocks of memory that one result keeps, when fifty are kept."""
    kept = [None] * 50
    before = sys.getallocatedblocks()
    for place in range(50):
        kept[place] = act()
    return (sys.getallocatedblocks() - before) // 50


def peak_of(act):
    """Give the bytes that one act has at most at once, the least of several times."""
    tracemalloc.start()
    peaks, kept = [], [None] * 10
    for place in range(10):
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        kept[place] = act()
        peaks.append(tracemalloc.get_traced_memory()[1] - before)
    tracemalloc.stop()
    return min(peaks)


def selections(found):
    strict = SelectionCriteria(capabilities=RequiredCapabilities(tool_use=True, min_context_tokens=8_000))
    loose = SelectionCriteria(cost=CostTier.PREMIUM, latency=LatencyClass.BATCH, complexity=TaskComplexity.EXTRACTION)
    for size in (10, 300, 1_000):
        among = catalogue(size)
        for name, asked in (("strict", {{"criteria": strict}}), ("loose", {{"criteria": loose, "request": REQUEST}})):
            def act(asked=asked):
                made = decide(among, **asked)
                made.chosen, made.first(5), made.counts
                return made

            for _ in range(100):
                act()
            found[f"selection, {{name}}, among {{size}}: calls"] = calls_of(act)
            found[f"selection, {{name}}, among {{size}}: blocks kept"] = blocks_of(act)
            found[f"selection, {{name}}, among {{size}}: bytes at once"] = peak_of(act)


async def engine(found):
    async with Engine(catalogue(10), observers=[Listener()], random=Random(0)) as made:
        async def call():
            await made.chat(REQUEST)

        async def stream():
            async with made.stream(REQUEST) as events:
                async for event in events:
                    pass

        for _ in range(300):
            await call()
        gc.collect()
        # The least of several, since a second that begins in between costs a few calls more.
        found["engine, a call: calls"] = min([await awaited_calls(call) for _ in range(10)])
        streams = {{}}
        for Ready.events in (100, 300):
            streams[Ready.events] = min([await awaited_calls(stream) for _ in range(5)])
        found["engine, a stream of 100 events: calls"] = streams[100]
        found["engine, 200 streamed events: calls"] = streams[300] - streams[100]


def parsing(found):
    piece = b'data: {{"choices":[{{"delta":{{"content":"x"}}}}]}}\\n\\n'

    def events(number):
        parser = SseParser()
        return lambda: [list(parser.feed(piece)) for _ in range(number)]

    calls_of(events(10))
    found["parser of server-sent events, 200 events: calls"] = calls_of(events(300)) - calls_of(events(100))


found = {{}}
gc.disable()
selections(found)
asyncio.run(engine(found))
parsing(found)
print(json.dumps(found))
'''

IMPORTING = """
import builtins, sys
asked, original = set(), builtins.__import__

def watched(name, globals=None, locals=None, fromlist=(), level=0):
    if level == 0 and globals and str(globals.get("__name__", "")).startswith("converge_provider"):
        asked.add(name)
    return original(name, globals, locals, fromlist, level)

builtins.__import__ = watched
try:
    {act}
except SystemExit:
    pass
finally:
    ours = sum(name.partition(".")[0] == "converge_provider" for name in sys.modules)
    others = sorted(name for name in asked if name.partition(".")[0] not in ("converge_provider", "converge_small"))
    print("\\n" + __import__("json").dumps([ours, others]))
"""
COMMAND = "import sys; sys.argv = ['converge', {arguments}]; {spoil}; from converge_provider.cli import main; main()"
EVERYDAY = "{spoil}; from converge_provider import ChatRequest, SelectionCriteria, ChatBackendRegistry, hookimpl"
DISCOVERY = "{spoil}; from converge_provider import Engine; Engine.discover()"
STARTS = {
    "the everyday names": EVERYDAY,
    "Engine.discover()": DISCOVERY,
    "converge --version": COMMAND.replace("{arguments}", "'--version'"),
    "converge list": COMMAND.replace("{arguments}", "'list'"),
    "converge chat": COMMAND.replace("{arguments}", "'chat', 'Hello'"),
}

SMALL = """
from attrs import frozen
from converge_provider import BackendDescriptor, ChatResponse, CostClass, hookimpl

@frozen(kw_only=True)
class Settings:
    pass

class Ready:
    async def chat(self, request):
        return ChatResponse(content="Hello")

class Small:
    name = display_name = "small"
    settings = Settings
    default_model = "m"

    def missing(self, settings):
        return ()

    def descriptors(self, settings):
        return [BackendDescriptor.unstated("small", "m", cost_class=CostClass.FREE)]

    def open(self, descriptor, settings):
        return Ready()

@hookimpl
def converge_register_backends(registrar):
    registrar.add(Small())
"""


def counted(spoil: str = "") -> Mapping[str, int]:
    """Count what working costs, in a process of its own, after something has been spoilt."""
    run = subprocess.run(
        [sys.executable, "-c", COUNTING.format(spoil=spoil)],
        env={"PYTHONHASHSEED": "0", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not run.returncode, run.stderr
    found: Mapping[str, int] = json.loads(run.stdout)
    return found


def imported(place: ThrowawayEnvironment, act: str, spoil: str = "pass") -> tuple[int, set[str]]:
    """Count our modules that a start loads, and name the modules of others that ours ask for."""
    run = place.run("-c", IMPORTING.format(act=act.format(spoil=spoil)))
    assert not run.returncode, run.stderr
    assert "chat" not in act or "Hello" in run.stdout, run.stdout + run.stderr
    ours, others = json.loads(run.stdout.splitlines()[-1])
    return ours, set(others)


def bounds() -> Mapping[str, int]:
    """Give what working may cost with this Python."""
    kept: Mapping[str, Mapping[str, int]] = json.loads(GOLDEN.read_text("utf-8"))["work"]
    if VERSION not in kept:
        pytest.skip(f"nothing was counted with Python {VERSION} yet; run this file with it")
    return kept[VERSION]


def dearer(found: Mapping[str, int], allowed: Mapping[str, int]) -> list[str]:
    """
    Name what costs more than it may, or is not known.

    Calls are compared exactly.  What was freed just before moves the average of blocks by one, and bytes at once by a
    few per cent.
    """
    told: list[str] = []
    for what, took in found.items():
        most = allowed.get(what, -1) * (1.1 if "bytes" in what else 1) + ("blocks" in what)
        if took > most:
            told.append(f"{what}: {took}, at most {most:g}")
    return told


def environment(folder: Path) -> ThrowawayEnvironment:
    """Make an environment with core and one small plugin."""
    small = FakeDistribution(
        name="converge-small", modules={"converge_small.py": SMALL}, entry_points={"small": "converge_small"}
    )
    return ThrowawayEnvironment(folder, plugins=[small])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> ThrowawayEnvironment:
    """Give one environment to all tests of this file."""
    return environment(tmp_path_factory.mktemp("counts") / "place")


def starts() -> Mapping[str, Mapping[str, Any]]:
    """Give what starts may import."""
    kept: Mapping[str, Mapping[str, Any]] = json.loads(GOLDEN.read_text("utf-8"))["starts"]
    return kept


@pytest.fixture(scope="module")
def now() -> Mapping[str, int]:
    """Count once for all tests of this file."""
    return counted()


def test_work_costs_no_more_calls_and_memory_than_counted_before(now: Mapping[str, int]) -> None:
    """A selection, a call and an event make at most as many calls, and hold as much memory, as the golden file says."""
    allowed = bounds()

    assert now.keys() == allowed.keys()
    assert dearer(now, allowed) == [], "if that is meant, run this file"


SPOILT = {
    "a call per selection": (
        (
            "import converge_provider.selection.deciding as d; o = d.settle\n"
            "def settle(*a, **k): return o(*a, **k)\n"
            "settle.__code__ = settle.__code__.replace(co_filename=d.__file__); d.settle = settle"
        ),
        "selection, strict, among 10: calls",
    ),
    "two blocks per decision": (
        (
            "import converge_provider.selection.deciding as d; o = d._decision; hoard = []\n"
            "def spoilt(record):\n    hoard.append([object()]); return o(record)\n"
            "d._decision = spoilt"
        ),
        "selection, loose, among 10: blocks kept",
    ),
    "bytes for a moment": (
        (
            "import converge_provider.selection.deciding as d; o = d._decision\n"
            "def spoilt(record):\n    much = bytearray(50_000); return o(record)\n"
            "d._decision = spoilt"
        ),
        "selection, loose, among 300: bytes at once",
    ),
    "a call per engine call": (
        (
            "import converge_provider.engine.engine as e; o = e.answer\n"
            "async def answer(*a): return await o(*a)\n"
            "answer.__code__ = answer.__code__.replace(co_filename=e.__file__); e.answer = answer"
        ),
        "engine, a call: calls",
    ),
    "a call per event": (
        (
            "import converge_provider.engine.streams as s; o = s.ReplyStream.__anext__\n"
            "async def spoilt(self): return await o(self)\n"
            "spoilt.__code__ = spoilt.__code__.replace(co_filename=s.__file__); s.ReplyStream.__anext__ = spoilt"
        ),
        "engine, 200 streamed events: calls",
    ),
    "a call per parsed event": (
        (
            "import converge_provider.http.sse as s; o = s.SseParser._event\n"
            "def spoilt(self, block, *, ended): return o(self, block, ended=ended)\n"
            "spoilt.__code__ = spoilt.__code__.replace(co_filename=s.__file__); s.SseParser._event = spoilt"
        ),
        "parser of server-sent events, 200 events: calls",
    ),
}


@pytest.mark.parametrize(("spoil", "what"), SPOILT.values(), ids=SPOILT)
def test_one_more_call_or_block_is_seen(spoil: str, what: str, now: Mapping[str, int]) -> None:
    """One call, one block or one large object more than before is told by the name of what it costs."""
    assert any(told.startswith(what) for told in dearer(counted(spoil), now))


@pytest.mark.parametrize("start", STARTS)
def test_start_imports_no_more_than_counted_before(start: str, place: ThrowawayEnvironment) -> None:
    """A start loads at most as many modules of ours, and asks for no module of others, beyond the golden file."""
    ours, others = imported(place, STARTS[start])
    allowed = starts()[start]

    assert others - set(allowed["asked of others"]) == set(), "if that is meant, run this file"
    assert ours <= allowed["modules of ours"], "if that is meant, run this file"


@pytest.mark.parametrize("start", STARTS)
def test_one_more_import_is_seen(start: str, place: ThrowawayEnvironment) -> None:
    """One module more, of ours or of others, is seen."""
    allowed = starts()[start]
    more, _ = imported(place, STARTS[start], spoil="import converge_provider.testing.canned")
    spoil = "exec('import wave', {'__name__': 'converge_provider.spoilt'})"
    _, others = imported(place, STARTS[start], spoil=spoil)

    assert more > allowed["modules of ours"]
    assert others - set(allowed["asked of others"]) == {"wave"}


def write() -> None:
    """Write the golden file for this Python; what was counted with others stays."""
    kept: dict[str, Any] = json.loads(GOLDEN.read_text("utf-8")) if GOLDEN.exists() else {"work": {}}
    with TemporaryDirectory() as folder:
        place = environment(Path(folder) / "place")
        found = {name: imported(place, act) for name, act in STARTS.items()}
    kept["starts"] = {
        name: {"modules of ours": ours, "asked of others": sorted(others)} for name, (ours, others) in found.items()
    }
    several = [counted() for _ in range(5)]
    kept["work"][VERSION] = {what: max(one[what] for one in several) for what in several[0]}
    GOLDEN.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
