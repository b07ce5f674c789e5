"""The server answers as the vendor does, and runners do the work they are told to."""

import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from contending import EVENTS, Contender, Running, Work, measure_import, upstream

from converge_provider.http import HttpRequest, open_transport, sse_events

PYTHON = Path(sys.executable)
OURS = Contender(
    name="converge", title="", runner="converge", environment="", distribution="", environ={"CONVERGE_HTTP": "httpx"}
)
BARE = Contender(name="httpx", title="", runner="httpx", environment="", distribution="")
CALLS = Work(name="calls", title="", kind="calls", count=6, concurrency=3)
STREAMS = Work(name="streams", title="", kind="streams", count=2, concurrency=2)


@pytest.fixture(name="url", scope="module")
def make_url() -> Iterator[str]:
    """Run the server."""
    with upstream(PYTHON) as url:
        yield url


@pytest.mark.parametrize("contender", [pytest.param(OURS, id="ours"), pytest.param(BARE, id="bare")])
def test_runner_does_what_it_is_told(url: str, tmp_path: Path, contender: Contender) -> None:
    """Calls and streams are made, each checked for its answer, and their times add up."""
    running = Running(contender, PYTHON, url, tmp_path)
    try:
        calls, streams = running.do(CALLS), running.do(STREAMS)
    finally:
        running.close()

    assert 0 < calls["p50_s"] <= calls["p99_s"] <= calls["wall_s"]
    assert calls["cpu_s"] > 0
    assert 0 < streams["first_p50_s"] <= streams["p99_s"]
    assert 0 < streams["longest_gap_s"] <= streams["wall_s"]
    assert STREAMS.pieces == 2 * EVENTS


def test_runner_that_fails_says_why(tmp_path: Path) -> None:
    """A contender that cannot be called ends, and what it said last is the reason."""
    nobody = Contender(name="nobody", title="", runner="converge_names", environment="", distribution="")
    running = Running(nobody, PYTHON, "http://127.0.0.1:9", tmp_path)
    try:
        with pytest.raises(RuntimeError, match="nobody ended in the work 'calls': NotImplementedError"):
            running.do(CALLS)
    finally:
        running.close()


def test_import_is_measured_in_a_new_process(tmp_path: Path) -> None:
    """The time and the memory of an import are those of the import."""
    found = measure_import(OURS, PYTHON, tmp_path)

    assert found["wall_s"] > 0
    assert found["resident_mib"] > found["before_mib"] > 0


async def streamed(url: str, body: bytes) -> list[str]:
    """Give the data of every event."""
    transport = open_transport(library="httpx")
    try:
        request = HttpRequest(method="POST", url=f"{url}/7/v1/chat/completions", body=body)
        return [event.data async for event in sse_events(transport.stream(request))]
    finally:
        await transport.aclose()


def test_upstream_streams_as_many_events_as_the_path_says(url: str) -> None:
    """The number stands in the path; usage comes with those streams alone that ask for it."""
    bodies = (b'{"stream":true}', b'{"stream":true,"stream_options":{"include_usage":true}}')
    seen = [anyio.run(streamed, url, body) for body in bodies]

    assert [len([data for data in one if "word" in data]) for one in seen] == [7, 7]
    assert [one[-1] for one in seen] == ["[DONE]", "[DONE]"]
    assert ["total_tokens" in one[-2] for one in seen] == [False, True]
