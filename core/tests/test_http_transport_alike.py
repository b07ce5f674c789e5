"""What one library could do otherwise than the other, and neither does."""

import base64
import gzip
import time
from contextlib import aclosing

import anyio
import pytest

from converge_provider import LlmError, NetworkError, ProviderError, Secret, Timeout
from converge_provider.http import HttpRequest, HttpStream, Limits, Timeouts, Transport
from converge_provider.testing.canned import HANG, RESET, CannedRequest, CannedServer, answer, event_stream
from converge_provider.testing.transports import TRANSPORTS, opened, use_transport

pytestmark = pytest.mark.anyio

KEY = "sk-planted-0123456789abcdef"


@pytest.fixture(params=TRANSPORTS)
def anyio_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run every test of this file over every library, on both event loops."""
    return use_transport(request.param, monkeypatch)


def to(
    server: CannedServer,
    path: str = "/v1",
    *,
    method: str = "GET",
    body: bytes | None = None,
    timeouts: Timeouts = Timeouts(total_s=5.0),  # noqa: B008 - frozen
) -> HttpRequest:
    """Make a request with credentials."""
    headers = {"authorization": Secret(f"Bearer {KEY}")}
    return HttpRequest(method=method, url=f"{server.url}{path}", headers=headers, body=body, timeouts=timeouts)


async def refusal_of(transport: Transport, request: HttpRequest) -> LlmError:
    """Give the error of a call that fails."""
    with pytest.raises(LlmError) as caught:
        await transport.send(request)
    return caught.value


async def read_slowly(pieces: HttpStream) -> None:
    """Read a stream to its end, and do something else between any two pieces."""
    async for _ in pieces:
        await anyio.sleep(0.01)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD"])
async def test_wire_has_the_same_headers_and_nothing_else(method: str) -> None:
    """Nothing is sent that was not asked for, but what HTTP needs and the name of this library."""
    with CannedServer([answer()]) as server:
        async with opened() as transport:
            await transport.send(to(server, method=method, body=b"{}" if method in {"POST", "PUT"} else None))

    (seen,) = server.requests
    own = {"accept-encoding": "gzip", "user-agent": "converge-provider"}
    length = {"content-length": "2"} if method in {"POST", "PUT"} else {}
    expected = {"host": server.url.removeprefix("http://"), "authorization": f"Bearer {KEY}", **own, **length}
    left = {name: value for name, value in seen.headers.items() if (name, value) != ("connection", "keep-alive")}
    assert left.pop("content-length", "0") == length.get("content-length", "0")
    assert left == {name: value for name, value in expected.items() if name != "content-length"}


async def test_wire_has_the_url_as_it_was_written() -> None:
    """What is encoded in a path or a query stays as it is, since its author knows the server."""
    path = "/v1/models/a%2Fb%20c:generate?x=%7E&y=a+b&z=1%2C2"
    with CannedServer([answer()]) as server:
        async with opened() as transport:
            await transport.send(to(server, f"{path}#part"))

    assert server.requests[0].path == path


async def test_bytes_are_relayed_as_they_are_where_that_is_asked_for() -> None:
    """A request may ask for a body that is not compressed, and gets its bytes undecoded, whatever they are."""
    pieces = [b"data: \xff\xfe\r\n", b"\r\n: \xe2\x82", b"\xac\n\n"]
    with CannedServer([event_stream(*pieces)]) as server:
        asked = HttpRequest(url=server.url, headers={"accept-encoding": "identity"})
        async with opened() as transport, aclosing(transport.stream(asked)) as stream:
            assert b"".join([piece async for piece in stream]) == b"".join(pieces)

    assert server.requests[0].headers["accept-encoding"] == "identity"


async def test_large_request_arrives_whole() -> None:
    """Megabytes go up as they are."""
    body = bytes(range(256)) * 16 * 1024
    with CannedServer([answer(b"ok")]) as server:
        async with opened() as transport:
            assert (await transport.send(to(server, method="POST", body=body))).body == b"ok"

    assert server.requests[0].body == body


@pytest.mark.parametrize(
    ("method", "head", "body"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", b"ok"),
    ],
    ids=["head", "no-content", "early-hints"],
)
async def test_answer_without_a_body_ends_at_once(method: str, head: bytes, body: bytes) -> None:
    """What HTTP defines to have no body is not waited for, nor is a hint taken for the answer."""
    with CannedServer([[head]]) as server:
        async with opened() as transport:
            for _ in range(2):
                assert (await transport.send(to(server, method=method))).body == body

    assert [request.connection for request in server.requests] == [0, 0]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_nothing_is_sent_twice(method: str) -> None:
    """A connection that breaks when it is used again is an error, whatever the method: the engine decides."""
    with CannedServer([answer(b"ok"), [RESET]]) as server:
        async with opened() as transport:
            await transport.send(to(server, method=method))
            error = await refusal_of(transport, to(server, method=method))

    assert isinstance(error, NetworkError)
    assert len(server.requests) == 2


async def test_server_that_hangs_up_without_a_word_is_told() -> None:
    """A connection that is closed in good order before any answer is no answer."""

    def hang_up(_: CannedRequest) -> list[bytes]:
        raise ConnectionError

    with CannedServer(hang_up) as server:
        async with opened() as transport:
            error = await refusal_of(transport, to(server))

    assert isinstance(error, NetworkError)
    assert f"the connection to {server.url}/v1 broke off: " in str(error)


async def test_what_came_before_a_break_is_given() -> None:
    """The last bytes before a connection breaks off are read, since they may hold the end of the answer."""
    with CannedServer([event_stream(b"data: 1\n\ndata: [DONE]\n\n", ended=False)]) as server:
        async with opened() as transport, aclosing(transport.stream(to(server))) as pieces:
            await pieces.start()
            await anyio.sleep(0.05)  # the break is known before the bytes are read
            assert await anext(pieces) == b"data: 1\n\ndata: [DONE]\n\n"
            with pytest.raises(NetworkError, match="broke off"):
                await anext(pieces)


async def test_finished_stream_stays_finished() -> None:
    """A stream that was read to its end has no further piece, however often it is asked."""
    with CannedServer([event_stream(b"data: 1\n\n")]) as server:
        async with opened() as transport, aclosing(transport.stream(to(server))) as pieces:
            assert [piece async for piece in pieces] == [b"data: 1\n\n"]
            assert [piece async for piece in pieces] == []
            await pieces.drain()


async def test_flood_is_stopped_when_its_time_is_up() -> None:
    """The limit for everything holds also while there is always a further piece."""
    flood = [b"%x\r\n" % 4096 + b"x" * 4096 + b"\r\n"] * 100_000
    with CannedServer([[b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", *flood]]) as server:
        async with opened(Limits(max_body_bytes=2**32, max_decompressed_bytes=2**32)) as transport:
            began = time.monotonic()
            async with aclosing(transport.stream(to(server, timeouts=Timeouts(total_s=0.1)))) as pieces:
                with pytest.raises(Timeout) as caught:
                    assert [1 async for _ in pieces] == []

    assert caught.value.deadline_s == 0.1
    assert time.monotonic() - began < 2.0


async def test_slow_reader_is_stopped_when_its_time_is_up() -> None:
    """The limit for everything holds also for a reader for whom there is always something to read."""
    flood = [b"%x\r\n" % 4096 + b"x" * 4096 + b"\r\n"] * 2_000
    with CannedServer([[b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", *flood, b"0\r\n\r\n"]]) as server:
        request = to(server, timeouts=Timeouts(total_s=0.1))
        async with opened() as transport, aclosing(transport.stream(request)) as pieces:
            with pytest.raises(Timeout):
                await read_slowly(pieces)


async def test_bomb_in_what_explains_a_failure_is_not_inflated() -> None:
    """Of a failure's body no more is inflated than is kept."""
    bomb = gzip.compress(bytes(10 * 2**20), compresslevel=1)
    with CannedServer([answer(bomb, status=500, headers={"content-encoding": "gzip"})]) as server:
        async with opened(Limits(max_error_bytes=1000, max_decompressed_bytes=2**20)) as transport:
            response = await transport.send(to(server))

    assert response.body == bytes(1000)


async def test_cookies_of_a_named_host_are_not_kept() -> None:
    """Hosts with a name, for which cookie jars keep cookies, get none back either."""
    with CannedServer([answer(headers={"set-cookie": "a=b"})]) as server:
        async with opened() as transport:
            for _ in range(2):
                await transport.send(HttpRequest(url=server.url.replace("127.0.0.1", "localhost")))

    assert [request.headers.get("cookie") for request in server.requests] == [None, None]


async def test_gzip_is_offered_and_nothing_else_is_inflated() -> None:
    """A body that is compressed where nothing was offered is inflated here, once, within the limits."""
    body = gzip.compress(b"x" * 100_000)
    with CannedServer([answer(body, headers={"content-encoding": "gzip"})]) as server:
        async with opened(Limits(max_decompressed_bytes=50_000)) as transport:
            error = await refusal_of(transport, to(server))

    assert isinstance(error, ProviderError)
    assert "longer than 50000 bytes after decompression" in str(error)


@pytest.mark.parametrize(
    "pieces",
    [[b"x-long: " + b"y" * 65_536] * 200, [b"x-many: y\r\n" * 5_000] * 200],
    ids=["one-without-end", "many-without-end"],
)
async def test_headers_without_end_are_stopped(pieces: list[bytes]) -> None:
    """A server that sends headers for ever is stopped, long before they fill the memory."""
    with CannedServer([[b"HTTP/1.1 200 OK\r\n", *pieces, HANG]]) as server:
        async with opened() as transport:
            error = await refusal_of(transport, to(server))

    assert isinstance(error, NetworkError)
    assert "broke off" in str(error)
    assert len(str(error)) < 300


async def test_call_that_finds_no_free_connection_waits_its_time() -> None:
    """More calls than connections wait, and the wait counts as waiting for the first byte."""
    with CannedServer([[HANG]]) as server:
        async with opened(Limits(max_connections=1)) as transport, anyio.create_task_group() as tasks:
            tasks.start_soon(refusal_of, transport, to(server, timeouts=Timeouts(total_s=0.6)))
            await anyio.sleep(0.1)
            error = await refusal_of(transport, to(server, timeouts=Timeouts(first_byte_s=0.1, connect_s=0.05)))
            assert error.__notes__ == [f"while waiting for the first byte of {server.url}/v1"]

    assert len(server.requests) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_proxy_is_given_its_credentials_and_nobody_else(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says of the proxy's user goes to the proxy, on the wire alone."""
    with CannedServer([answer(status=407)]) as proxy:
        there = proxy.url.removeprefix("http://")
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://me:pw%40planted@{there}")
        async with opened() as transport:
            try:
                told = repr(await transport.send(HttpRequest(url=f"{scheme}://api.invalid/v1")))
            except NetworkError as exc:
                told = "".join(f"{error!r} {error}" for error in chain_of(exc))

    (seen,) = proxy.requests
    assert seen.headers["proxy-authorization"] == f"Basic {base64.b64encode(b'me:pw@planted').decode()}"
    assert "407" in told
    assert "planted" not in told
    assert seen.headers["proxy-authorization"].removeprefix("Basic ") not in told


def chain_of(exc: BaseException | None) -> list[BaseException]:
    """Give an error with all that it came from."""
    return [] if exc is None else [exc, *chain_of(exc.__cause__ or exc.__context__)]


@pytest.mark.parametrize(
    "script",
    [[RESET], [b"rubbish\r\n\r\n"], [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx", RESET], [HANG]],
    ids=["reset", "rubbish", "cut", "hang"],
)
async def test_no_error_carries_the_key_anywhere(script: list[bytes | float | str]) -> None:
    """Neither an error nor what it came from holds the key, in whatever attribute."""
    with CannedServer([script]) as server:
        async with opened() as transport:
            error = await refusal_of(transport, to(server, timeouts=Timeouts(total_s=0.2)))

    assert KEY not in "".join(f"{one!r} {one} {vars(one)}" for one in chain_of(error))


async def test_slow_look_up_of_a_name_is_connecting(monkeypatch: pytest.MonkeyPatch, anyio_backend: str) -> None:
    """The time for connecting covers finding the address."""
    if anyio_backend == "trio":
        pytest.skip("trio looks names up in a thread of its own making")

    async def for_ever(*_: object, **__: object) -> list[object]:
        await anyio.sleep_forever()
        return []

    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", for_ever)
    async with opened() as transport:
        error = await refusal_of(transport, HttpRequest(url="http://api.invalid/", timeouts=Timeouts(connect_s=0.1)))

    assert isinstance(error, Timeout)
    assert error.deadline_s == 0.1
    assert error.__notes__ == ["while connecting to http://api.invalid/"]
