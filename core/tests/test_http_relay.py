"""Relaying through the shell of HTTP adapters: byte for byte, on a real socket, with usage read from the side."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest
from attrs import define, field
from hypothesis import given, strategies as st

from converge_provider import (
    AuthDenied,
    BackendDescriptor,
    InvalidRequest,
    Job,
    JobResult,
    JsonObject,
    ModelNotFound,
    NetworkError,
    ProviderError,
    RateLimited,
    Secret,
    Timeout,
    UsageDetail,
    WireFormat,
)
from converge_provider.http import HttpChatBackend, HttpRequest, NativeRoute
from converge_provider.http.metering import Meter, stated_usage
from converge_provider.testing.canned import HANG, RESET, CannedServer, answer, event_stream, json_answer

if TYPE_CHECKING:
    from converge_provider.http import Wire

pytestmark = pytest.mark.anyio

KEY = "sk-planted-0123456789abcdef"
ASKED: JsonObject = {"messages": [{"role": "user", "content": "Hi"}], "top_k": 3}
CHUNKS = (
    b'data: {"choices":[{"delta":{"content":"Gr\xc3',
    b'\xbc\xc3\x9fe"}}]}\n\n: kept\r\n\r\n',
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: {"choices":[],"usage":{"prompt_tok',
    b'ens":10,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":8}}}\n\ndata: [DONE]',
)
MESSAGES = (
    b'data: {"type":"message_start","message":{"usage":{"input_tokens":7,"output_tokens":1}}}\n\n',
    b'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":5}}\n\n',
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
)
Script = Sequence[bytes | float | str]


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run every test of this file on both event loops."""
    return str(request.param)


@define
class Taken:
    """A sink that keeps what it is given."""

    chunks: list[bytes] = field(factory=list[bytes])

    async def send_chunk(self, chunk: bytes) -> None:
        """Keep a piece."""
        self.chunks.append(chunk)


def job(request: JsonObject | None = None, *, spoken: str = "openai", deadline_ms: int = 5_000) -> Job:
    """Make a job for the model ``one``."""
    asked = ASKED if request is None else request
    return Job(id="j1", model="one", request=asked, format=WireFormat(spoken), deadline_ms=deadline_ms)


@asynccontextmanager
async def relaying(server: CannedServer) -> AsyncGenerator[HttpChatBackend, None]:
    """Open a backend that relays both formats; nothing but its routes is used."""
    template = HttpRequest(url=server.url, headers={"authorization": Secret(f"Bearer {KEY}")})
    routes = [
        NativeRoute(format=WireFormat.OPENAI, template=template, url=f"{server.url}/v1/chat/completions"),
        NativeRoute(format=WireFormat.ANTHROPIC, template=template, url=f"{server.url}/v1/messages"),
    ]
    backend = HttpChatBackend(
        descriptor=BackendDescriptor.unstated("acme", "one"), wire=cast("Wire", NoWire()), routes=routes
    )
    try:
        yield backend
    finally:
        await backend.aclose()


class NoWire:
    """A wire that is never spoken, for its table of errors."""

    rules = ()


async def relayed(script: Script, asked: Job | None = None) -> tuple[JobResult, bytes, Any]:
    """Relay one job; give the result, what the sink got, and what the server was asked."""
    sink = Taken()
    with CannedServer([script]) as server:
        async with relaying(server) as backend:
            result = await backend.execute(asked or job(), sink)
    (request,) = server.requests
    return result, b"".join(sink.chunks), request


async def test_relay_passes_every_byte_and_reads_usage_from_the_side() -> None:
    """The sink gets the server's bytes, as they come; the counts are split over chunks, and no line feed ends them."""
    result, got, request = await relayed(event_stream(*CHUNKS))

    assert got == b"".join(CHUNKS)
    assert result.usage_detail == UsageDetail(input_uncached=2, cache_read=8, output=4)
    assert result.usage == UsageDetail(input_uncached=2, cache_read=8, output=4).totals()
    assert result.sent_bytes == len(got)
    assert request.headers["authorization"] == f"Bearer {KEY}"


async def test_relay_adds_only_what_is_absent() -> None:
    """The body goes along whole; ``stream`` is forced, the model and the wish for usage are added."""
    _, _, request = await relayed(
        event_stream(*CHUNKS), job({**ASKED, "model": None, "stream": False, "x": {"y": [1, None]}})
    )

    assert request.path == "/v1/chat/completions"
    assert request.document == {
        **ASKED,
        "x": {"y": [1, None]},
        "model": "one",
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        pytest.param({"include_usage": False}, {"include_usage": False}, id="the-callers-no-stays"),
        pytest.param({"other": 1}, {"include_usage": True, "other": 1}, id="other-options-stay"),
        pytest.param("nonsense", "nonsense", id="nonsense-is-the-servers-to-refuse"),
    ],
)
async def test_relay_leaves_what_the_caller_says_of_usage(options: Any, sent: Any) -> None:
    """What the caller says of the stream's options stays as it is."""
    _, _, request = await relayed(event_stream(*CHUNKS), job({**ASKED, "stream_options": options}))

    assert request.document["stream_options"] == sent


async def test_relay_speaks_messages_at_their_own_route() -> None:
    """Anthropic's format goes to its own route, without OpenAI's options; of each count the last value holds."""
    result, got, request = await relayed(event_stream(*MESSAGES), job(spoken="anthropic"))

    assert request.path == "/v1/messages"
    assert "stream_options" not in request.document
    assert got == b"".join(MESSAGES)
    assert result.usage_detail == UsageDetail(input_uncached=7, output=5)


@pytest.mark.parametrize("named", ["two", 3, ""], ids=repr)
async def test_relay_refuses_another_model_than_the_jobs(named: Any) -> None:
    """A request that names another model is refused before anything is sent."""
    with CannedServer([event_stream(*CHUNKS)]) as server:
        async with relaying(server) as backend:
            with pytest.raises(InvalidRequest, match="names the model"):
                await backend.execute(job({**ASKED, "model": named}), Taken())

    assert server.requests == []


async def test_relay_refuses_a_format_that_has_no_route() -> None:
    """Nothing is translated: a backend without a route for the format refuses before anything is sent."""
    with CannedServer([event_stream(*CHUNKS)]) as server:
        async with relaying(server) as backend:
            backend.routes = backend.routes[:1]
            with pytest.raises(InvalidRequest, match="acme/one does not speak the wire format 'anthropic' natively"):
                await backend.execute(job(spoken="anthropic"), Taken())

    assert server.requests == []


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (json_answer({"error": {"message": "no model one", "code": "model_not_found"}}, status=404), ModelNotFound),
        (json_answer({"error": {"message": f"bad key {KEY}"}}, status=401), AuthDenied),
        (json_answer({"error": {"message": "slow down"}}, status=429), RateLimited),
        (json_answer({"error": {"message": "out of order"}}, status=503), ProviderError),
        (answer(b"<html>", headers={"content-type": "text/html"}), ProviderError),
        ([RESET], NetworkError),
        (event_stream(*CHUNKS[:2], ended=False), NetworkError),
        (event_stream(*CHUNKS[:2]), NetworkError),
        (event_stream(CHUNKS[0] + CHUNKS[1], b'data: {"error":{"message":"it broke","code":500}}\n\n'), ProviderError),
    ],
    ids=["no-model", "denied", "limited", "down", "web-page", "reset", "breaks-off", "no-end", "error-inside"],
)
async def test_relay_raises_what_went_wrong(script: Script, error: type[Exception]) -> None:
    """Each failure is an error of the contract's family, also one inside the answer, and shows no credential."""
    with CannedServer([script]) as server:
        async with relaying(server) as backend:
            with pytest.raises(error) as caught:
                await backend.execute(job(), Taken())

    assert KEY not in str(caught.value) + "".join(getattr(caught.value, "__notes__", ()))


async def test_relay_of_a_page_says_what_to_check() -> None:
    """A wrong base URL, with or without ``/v1``, is one line that says so; no byte of the page goes on."""
    sink = Taken()
    with CannedServer([answer(b"<html>", headers={"content-type": "text/html"})]) as server:
        async with relaying(server) as backend:
            with pytest.raises(ProviderError) as caught:
                await backend.execute(job(), sink)

    assert caught.value.remedy is not None
    assert "with or without /v1" in caught.value.remedy
    assert sink.chunks == []


async def test_relay_keeps_the_jobs_deadline() -> None:
    """A server that hangs is left when the job's time is up."""
    with CannedServer([event_stream(CHUNKS[0], HANG)]) as server:
        async with relaying(server) as backend:
            with pytest.raises(Timeout), anyio.fail_after(5):
                await backend.execute(job(deadline_ms=100), Taken())

        server.wait_until_left()


async def test_relay_takes_an_answer_that_came_whole() -> None:
    """A server that does not stream is relayed as well, and its usage is read."""
    whole = {"choices": [{"finish_reason": "stop"}], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    result, got, _ = await relayed(json_answer(whole))

    assert json.loads(got) == whole
    assert result.usage_detail == UsageDetail(input_uncached=3, output=2)


async def test_relay_goes_on_where_it_cannot_read_along() -> None:
    """An event that is longer than the meter reads is relayed all the same; usage is then unknown."""
    long = b"data: " + b"x" * (2**20 + 1)
    result, got, _ = await relayed(event_stream(long, b"\n\n", *CHUNKS))

    assert got == long + b"\n\n" + b"".join(CHUNKS)
    assert result.usage is None


@pytest.mark.parametrize("is_whole", [True, False], ids=["whole", "streamed"])
def test_meter_gives_up_on_what_is_too_long(is_whole: bool) -> None:
    """What is too long, or is no text, leaves the meter none the wiser; it holds no more than a mebibyte."""
    meter = Meter(is_whole=is_whole)
    for piece in (b"x" * 2**20, b"x", b"x", b"\n\n"):
        meter.take(piece)
    meter.end()

    assert (meter.is_lost, meter.is_complete, meter.usage(stated_usage)) == (True, False, None)


def test_meter_loses_itself_in_a_last_event_that_is_no_text() -> None:
    """The last event may be cut off within a letter."""
    meter = Meter()
    meter.take(b"data: \xc3")
    meter.end()

    assert meter.is_lost


def test_meter_reads_lines_that_no_blank_line_separates() -> None:
    """Some servers leave out the blank line between events."""
    meter = Meter()
    meter.take(b'data: {"usage": {"input": 3}}\ndata: {"usage": {"output": 2, "input": null}}\ndata: [DONE]\n')
    meter.end()

    assert meter.usage(stated_usage) == UsageDetail(input_uncached=3, output=2)
    assert meter.is_complete


@given(st.lists(st.integers(0, 400), max_size=6))
def test_meter_does_not_mind_where_pieces_are_cut(places: list[int]) -> None:
    """However the bytes are cut, the same is read."""
    body = b"".join(CHUNKS)
    cuts = [0, *sorted(min(place, len(body)) for place in places), len(body)]
    meter = Meter()
    for begin, end in pairwise(cuts):
        meter.take(body[begin:end])
    meter.end()

    assert meter.usage(stated_usage) == UsageDetail(input_uncached=2, cache_read=8, output=4)
    assert meter.is_complete


@given(st.binary(max_size=300), st.booleans())
def test_meter_never_stops_the_relay(body: bytes, is_whole: bool) -> None:
    """Whatever comes, reading along raises nothing."""
    meter = Meter(is_whole=is_whole)
    meter.take(b'data: {"error": ' + body)
    meter.take(b"\n\n")
    meter.end()

    assert meter.usage(stated_usage) is None


@pytest.mark.parametrize(
    ("counts", "detail"),
    [
        ({}, None),
        ({"total_tokens": 3}, None),
        ({"prompt_tokens": "3"}, None),
        ({"prompt_tokens": -1, "completion_tokens": 2}, None),
        ({"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 2}}, None),
        ({"output_tokens": 1, "completion_tokens_details": {"reasoning_tokens": 2}}, None),
        ({"output_tokens": True}, None),
        ({"input": 1, "output": 2}, UsageDetail(input_uncached=1, output=2)),
        (
            {"input_tokens": 1, "cache_read_input_tokens": 8, "cache_creation_input_tokens": 4, "output_tokens": 2},
            UsageDetail(input_uncached=1, cache_read=8, cache_write=4, output=2),
        ),
        (
            {"prompt_tokens": 5, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 6}},
            UsageDetail(input_uncached=5, output=3, reasoning=6),
        ),
    ],
    ids=repr,
)
def test_stated_usage_is_disjoint_or_nothing(counts: dict[str, Any], detail: UsageDetail | None) -> None:
    """Counts become disjoint buckets in either format; what makes no sense is nothing."""
    assert stated_usage(counts) == detail


@pytest.mark.parametrize("deadline_ms", [0, -5, 1])
def test_deadline_is_at_least_a_millisecond(deadline_ms: int) -> None:
    """A deadline of nothing is a millisecond, not for ever."""
    assert job(deadline_ms=deadline_ms).deadline_s == 0.001


def test_deadline_that_is_no_number_is_refused() -> None:
    """A deadline is a whole number of milliseconds."""
    with pytest.raises(TypeError, match="whole number of milliseconds"):
        job(deadline_ms=cast("int", 1.5))


async def test_relay_refuses_a_request_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body beyond the limit is refused before anything is sent."""
    monkeypatch.setattr("converge_provider.http.relay._MAX_REQUEST_BYTES", 10)
    with CannedServer([event_stream(*CHUNKS)]) as server:
        async with relaying(server) as backend:
            with pytest.raises(InvalidRequest, match="longer than 10 bytes"):
                await backend.execute(job(), Taken())

    assert server.requests == []
