"""Servers that mean harm, on real sockets: what has no end, bombs, lies about length, and documents that are traps."""

import gzip
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from contextlib import aclosing

import pytest

from converge_provider import (
    ChatRequest,
    ConfigurationError,
    Finished,
    LlmError,
    NetworkError,
    ProviderError,
    Secret,
    StreamEvent,
    TextDelta,
    Timeout,
)
from converge_provider.http import (
    HttpChatBackend,
    HttpRequest,
    HttpStatusError,
    Limits,
    Timeouts,
    Transport,
    ndjson_documents,
    sse_events,
)
from converge_provider.http.places import place_of
from converge_provider.testing.canned import CannedRequest, CannedServer, Step, answer, event_stream, json_answer
from converge_provider.testing.conformance.reference import REFERENCE, ReferenceWire
from converge_provider.testing.conformance.subjects import Endpoint
from converge_provider.testing.transports import TRANSPORTS, opened, use_transport

pytestmark = pytest.mark.anyio

KEY = "sk-planted-0123456789abcdef"
MIB = 2**20


@pytest.fixture(params=TRANSPORTS)
def anyio_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run every test of this file over every library, on both event loops."""
    return use_transport(request.param, monkeypatch)


def post(server: CannedServer, path: str = "/v1/chat", **timeouts: float) -> HttpRequest:
    """Make a request with credentials."""
    headers = {"authorization": Secret(f"Bearer {KEY}")}
    return HttpRequest(
        method="POST",
        url=server.url + path,
        headers=headers,
        body=b"{}",
        timeouts=Timeouts(**{"total_s": 5.0, **timeouts}),
    )


async def read(transport: Transport, request: HttpRequest) -> bytes:
    """Read a stream to its end."""
    async with aclosing(transport.stream(request)) as pieces:
        return b"".join([piece async for piece in pieces])


def endless(piece: bytes, *, headers: str = "content-type: text/event-stream") -> Iterator[Step]:
    """Answer with the same bytes again and again, until the client leaves."""
    yield f"HTTP/1.1 200 OK\r\n{headers}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    while True:
        yield f"{len(piece):x}\r\n".encode() + piece + b"\r\n"


@pytest.mark.parametrize(
    ("piece", "what"),
    [
        (b"data: " + b"x" * 30_000, "an event of the stream is longer than 100000 bytes"),
        (b"x" * 30_000, "an event of the stream is longer than 100000 bytes"),
        (b"data: x\n" * 4_000, "an event of the stream is longer than 100000 bytes"),
        (b": still here\n\n" * 2_000, "is longer than 300000 bytes; the rest was not read"),
        (b"data: x\n\n" * 3_000, "is longer than 300000 bytes; the rest was not read"),
        (b"\n" * 30_000, "is longer than 300000 bytes; the rest was not read"),
    ],
    ids=["data", "no-field", "lines", "comments", "events", "blank"],
)
async def test_stream_without_end_is_stopped_at_its_limit(piece: bytes, what: str) -> None:
    """Neither an event without end nor events without end are read on."""
    limits = Limits(max_event_bytes=100_000, max_line_bytes=50_000, max_body_bytes=300_000)
    with CannedServer(lambda _: endless(piece)) as server:
        async with opened(limits) as transport, aclosing(transport.stream(post(server))) as pieces:
            with pytest.raises(ProviderError, match=what):
                [event async for event in sse_events(pieces, limits=limits)]


async def test_line_without_end_is_stopped_at_its_limit() -> None:
    """Newline-delimited JSON whose newline never comes is not read on."""
    limits = Limits(max_line_bytes=100_000)
    with CannedServer(lambda _: endless(b'{"a": "' + b"x" * 10_000)) as server:
        async with opened(limits) as transport, aclosing(transport.stream(post(server))) as pieces:
            with pytest.raises(ProviderError, match="a line of the stream is longer than 100000 bytes"):
                [document async for document in ndjson_documents(pieces, limits=limits)]


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "compress", "nonsense"])
async def test_encoding_that_was_not_offered_is_refused_unread(encoding: str) -> None:
    """Bombs of other encodings are never inflated: only gzip is offered, once, and nothing else is taken."""
    with CannedServer(lambda _: endless(b"\0" * 10_000, headers=f"content-encoding: {encoding}")) as server:
        async with opened() as transport:
            with pytest.raises(ProviderError, match="but only gzip was offered"):
                await transport.send(post(server))

    assert server.requests[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("status", [200, 500])
async def test_bomb_in_a_stream_is_stopped_before_it_is_in_memory(status: int) -> None:
    """A gzip bomb of 64 MiB in 64 kB is stopped at the limit, as a stream and as the explanation of a failure."""
    bomb = gzip.compress(bytes(64 * MIB), compresslevel=9)
    script = answer(bomb, status=status, headers={"content-encoding": "gzip"})
    with CannedServer([script]) as server:
        async with opened(Limits(max_decompressed_bytes=MIB)) as transport:
            tracemalloc.start()
            with pytest.raises((ProviderError, HttpStatusError)) as caught:
                await read(transport, post(server))
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()

    assert peak < 8 * MIB
    assert isinstance(caught.value, ProviderError if status == 200 else HttpStatusError)


async def test_bomb_of_empty_members_takes_no_memory() -> None:
    """Members without content in endless number are counted as what travels."""
    members = gzip.compress(b"") * 1_000
    with CannedServer(lambda _: endless(members, headers="content-encoding: gzip")) as server:
        async with opened(Limits(max_body_bytes=MIB)) as transport:
            with pytest.raises(ProviderError, match="is longer than 1048576 bytes; the rest was not read"):
                await transport.send(post(server))


@pytest.mark.parametrize(
    "head",
    [
        "".join(f"x-{number}: y\r\n" for number in range(200)),
        "x-long: " + "y" * 66_000 + "\r\n",
        "".join(f"x-{number}: {'y' * 1_000}\r\n" for number in range(100)),
    ],
    ids=["many", "long", "much"],
)
async def test_headers_past_their_limits_are_refused(head: str) -> None:
    """More headers, or longer ones, than any service sends are refused on one line."""
    with CannedServer([[f"HTTP/1.1 200 OK\r\n{head}content-length: 0\r\n\r\n".encode()]]) as server:
        async with opened() as transport:
            with pytest.raises((NetworkError, ProviderError), match=r"headers|broke off") as caught:
                await transport.send(post(server))

    assert len(str(caught.value)) < 300


async def test_headers_have_limits_of_their_own() -> None:
    """The limits can be lower than what the libraries bear, and then say themselves what was too much."""
    for limits in (Limits(max_headers=3), Limits(max_header_bytes=20)):
        with CannedServer([answer(b"x", headers={"a": "1", "b": "2", "c": "3"})]) as server:
            async with opened(limits) as transport:
                with pytest.raises(ProviderError, match=r"has more than \d+ headers or \d+ bytes"):
                    await transport.send(post(server))
    with pytest.raises(ConfigurationError, match="max_headers must be at least 1"):
        Limits(max_headers=0)


async def test_headers_without_end_are_not_read_to_their_end() -> None:
    """A head that goes on for ever is given up at once, without its megabytes in memory."""

    def script(_: CannedRequest) -> Iterable[Step]:
        yield b"HTTP/1.1 200 OK\r\n"
        while True:
            yield b"x-more: " + b"y" * 1_000 + b"\r\n"

    with CannedServer(script) as server:
        async with opened() as transport:
            began = time.monotonic()
            with pytest.raises(NetworkError):
                await transport.send(post(server))

    assert time.monotonic() - began < 2


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nx: "], ids=["status", "header"])
async def test_dripping_headers_end_at_the_limit_of_the_first_byte(head: bytes) -> None:
    """A server that sends its head a byte at a time, each in good time, is given up nevertheless."""

    def script(_: CannedRequest) -> Iterable[Step]:
        yield head
        while True:
            yield b"y"
            yield 0.02

    with CannedServer(script) as server:
        async with opened() as transport:
            with pytest.raises((Timeout, NetworkError)) as caught:
                await transport.send(post(server, first_byte_s=0.15))

    if isinstance(caught.value, Timeout):
        assert caught.value.elapsed_s < 0.5


@pytest.mark.parametrize("whole", [True, False], ids=["send", "stream"])
async def test_dripping_body_ends_at_the_limit_of_the_whole(*, whole: bool) -> None:
    """A body that comes a byte at a time, each in good time, ends with the time for the whole answer."""

    def script(_: CannedRequest) -> Iterable[Step]:
        for step in endless(b"x"):
            yield step
            yield 0.02

    with CannedServer(script) as server:
        request = post(server, between_bytes_s=1.0, total_s=0.2)
        async with opened() as transport:
            with pytest.raises(Timeout) as caught:
                await (transport.send(request) if whole else read(transport, request))

    assert 0.15 < caught.value.elapsed_s < 0.5


@pytest.mark.parametrize("size", [b"ffffffffffffffffffff", b"-5", b"5" * 70_000, b"0x5", b""], ids=len)
async def test_chunk_sizes_that_lie_are_a_network_error(size: bytes) -> None:
    """A chunk of an absurd size, or of none, never makes room for itself."""
    script: list[Step] = [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + size + b"\r\nhello\r\n0\r\n\r\n",
        "close",
    ]
    with CannedServer([script]) as server:
        async with opened() as transport:
            with pytest.raises(NetworkError):
                await transport.send(post(server))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["other", "same", "relative", "odd"])
async def test_redirects_are_never_followed(status: int, target: str) -> None:
    """No redirect is followed, to another origin or the same, and it says where to; credentials reach nobody else."""
    with CannedServer([json_answer({"stolen": True})]) as other, CannedServer(list[list[Step]]()) as server:
        places = {
            "other": f"{other.url}/steal?a=b",
            "same": f"{server.url}/else",
            "relative": "/else",
            "odd": "http://[::1",
        }
        server.answers = [answer(status=status, headers={"location": places[target]}), json_answer({})]
        async with opened() as transport:
            assert (await transport.send(post(server))).status == status
            assert len(server.requests) == 1
            server.requests.clear()
            with pytest.raises(HttpStatusError):
                await read(transport, post(server))
            server.requests.clear()
        backend = reference(server)
        with pytest.raises(ProviderError) as caught:
            await backend.chat(ChatRequest.of("Hi"))
        await backend.aclose()

    assert other.requests == []
    assert "sk-planted" not in str(caught.value)
    assert "Redirects are not followed" in (caught.value.remedy or "")


@pytest.mark.parametrize("url", ["http://[::1", "https://[nonsense]/v1"])
def test_address_in_brackets_that_is_none_is_one_clear_line(url: str) -> None:
    """A base URL whose brackets hold no address is a mistake in the configuration, and shown nowhere."""
    with pytest.raises(ConfigurationError, match="what stands in brackets is no address"):
        HttpRequest(url=url)

    assert place_of(url) == "a URL that makes no sense"


def reference(server: CannedServer) -> HttpChatBackend:
    """Make the adapter of the kit's own wire."""
    wire = ReferenceWire(Endpoint(url=server.url, key=Secret(KEY)))
    return HttpChatBackend(descriptor=REFERENCE, wire=wire)


async def streamed(*lines: bytes) -> list[StreamEvent]:
    """Ask for an answer whose lines these are."""
    server = CannedServer([event_stream(*lines, headers={"content-type": "application/x-ndjson"})])
    with server:
        async with aclosing(reference(server)) as backend, aclosing(backend.stream(ChatRequest.of("Hi"))) as events:
            return [event async for event in events]


SAID, END = b'{"text": "a"}\n', b'{"end": {"finish": "stop"}}\n'


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"[" * 100_000 + b"]" * 100_000 + b"\n", "nested more than 200 levels deep"),
        (b'{"text": ' + b"[" * 201 + b"]" * 201 + b"}\n", "nested more than 200 levels deep"),
        (b'{"text": ' + b"9" * 5_000 + b"}\n", "is not JSON: Exceeds the limit"),
        (b'{"text": "\xff"}\n', "is not UTF-8: byte 0xff"),
        (b'{"text": "\xed\xa0\x80"}\n', "is not UTF-8: byte 0xed"),
        (b'{"text": "a"\n', "is not JSON"),
        (b"null\n", "holds no JSON object with members"),
        (b"{}\n", "holds no JSON object with members"),
        (b'{"text": "a"}{"text": "b"}\n', "is not JSON: Extra data"),
        (b"\x1f\x8b\x08\n", "is not UTF-8"),
    ],
    ids=["deep", "deep-inside", "huge", "byte", "surrogate", "cut", "null", "empty", "two", "gzip"],
)
async def test_document_that_is_a_trap_is_refused_on_one_line(line: bytes, problem: str) -> None:
    """What is no document, or too deep to write again, ends the call with one bounded line."""
    with pytest.raises(ProviderError, match=problem) as caught:
        await streamed(SAID, line, END)

    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"\xef\xbb\xbf" + b'{"text": "b"}\n', "b"),
        (b'\r\n{"text": "b"}\r\n\r\n', "b"),
        (b'{"text": "c", "text": "b"}\n', "b"),
        (b'{"text": "b", "p": [NaN, -Infinity, 1e999, 1e-999]}\n', "b"),
        (rb'{"text": "\ud83d\ude42"}' + b"\n", "\N{SLIGHTLY SMILING FACE}"),
        (rb'{"text": "b\ud83d"}' + b"\n", "b\N{REPLACEMENT CHARACTER}"),
        (rb'{"text": "\u0000"}' + b"\n", "\x00"),
    ],
    ids=["mark", "line-ends", "twice", "numbers", "pair", "half", "nul"],
)
async def test_document_that_is_odd_is_read(line: bytes, text: str) -> None:
    """Marks, line ends, repeated keys, numbers that are none and halves of characters cost nobody the answer."""
    events = await streamed(line, SAID, END)

    assert events[0] == TextDelta(text)
    assert isinstance(events[-1], Finished)
    assert events[-1].response.content.encode("utf-8").decode("utf-8") == f"{text}a"


@pytest.mark.parametrize("lines", [(), (SAID,), (SAID, b'{"end"'), (b"\n" * 50,)], ids=["none", "open", "cut", "blank"])
async def test_stream_without_its_end_is_never_an_answer(lines: tuple[bytes, ...]) -> None:
    """However well the connection is closed, an answer whose own end did not come broke off."""
    with pytest.raises(NetworkError, match="ended before the answer did"):
        await streamed(*lines)


async def test_stream_that_goes_on_after_its_end_holds_nobody_up() -> None:
    """What follows the end is neither waited for nor read for long."""

    def script(_: CannedRequest) -> Iterable[Step]:
        yield from endless(SAID + END + SAID, headers="content-type: application/x-ndjson")

    with CannedServer(script) as server:
        async with aclosing(reference(server)) as backend:
            began = time.monotonic()
            events = [event async for event in backend.stream(ChatRequest.of("Hi"))]

    assert time.monotonic() - began < 1
    assert [type(event) for event in events] == [TextDelta, Finished]


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"message": "' + b"x" * 100_000 + b'"}}',
        b'{"error": {"message": "a\\n\\u001b[31mb\\ud800", "code": "4\xc2\xb2\xc2\xb2"}}',
        b'{"error": ' * 5_000 + b"1" + b"}" * 5_000,
        b'{"error": {"message": "your key is sk-planted-0123456789abcdef"}}',
        b"\xff\xfe" * 1_000,
        b"",
    ],
    ids=["long", "control", "deep", "key", "bytes", "nothing"],
)
@pytest.mark.parametrize("status", [400, 401, 429, 500])
async def test_failure_is_told_on_one_harmless_line(status: int, body: bytes) -> None:
    """Whatever explains a failure, its error is one bounded line of Unicode without control characters or the key."""
    with CannedServer([answer(body, status=status, headers={"retry-after": "9" * 400})]) as server:
        async with aclosing(reference(server)) as backend:
            with pytest.raises(LlmError) as caught:
                await backend.chat(ChatRequest.of("Hi"))

    text = str(caught.value)
    assert len(text.encode("utf-8")) < 2_500
    assert text.isprintable()
    assert KEY not in text
