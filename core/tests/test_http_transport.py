"""The transports, on aiohttp and on httpx, against real sockets, on asyncio and on trio."""

import asyncio
import gzip
import logging
import ssl
import time
import tracemalloc
from collections.abc import Mapping
from contextlib import aclosing, suppress
from pathlib import Path

import anyio
import pytest
from attrs import evolve

from converge_provider import LlmError, NetworkError, ProviderError, Secret, Timeout
from converge_provider.http import HttpRequest, HttpStatusError, Limits, Timeouts, Transport, open_transport
from converge_provider.testing.canned import HANG, RESET, CannedServer, answer, event_stream, json_answer
from converge_provider.testing.transports import TRANSPORTS, opened, use_transport

pytestmark = pytest.mark.anyio

KEY = "sk-planted-0123456789abcdef"
PEM = Path(__file__).parent / "tls" / "localhost.pem"


@pytest.fixture(params=TRANSPORTS)
def anyio_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run every test of this file over every library, on both event loops."""
    return use_transport(request.param, monkeypatch)


def post(server: CannedServer, timeouts: Mapping[str, float] | None = None) -> HttpRequest:
    """Make a request with credentials."""
    return HttpRequest(
        method="POST",
        url=f"{server.url}/v1/chat?secret=1",
        headers={"Authorization": Secret(f"Bearer {KEY}"), "x-title": "t"},
        body=b'{"a": 1}',
        timeouts=Timeouts(**{"total_s": 5.0, **(timeouts or {})}),
    )


async def read(transport: Transport, request: HttpRequest) -> bytes:
    """Read a stream to its end."""
    async with aclosing(transport.stream(request)) as pieces:
        return b"".join([piece async for piece in pieces])


async def test_send_puts_the_request_on_the_wire() -> None:
    """Method, path, query, headers, credentials and body arrive as they were given, and the answer comes back whole."""
    with CannedServer([json_answer({"ok": True}, status=201, headers={"X-One": "1", "x-one": "2"})]) as server:
        async with opened() as transport:
            response = await transport.send(post(server))

    assert (response.status, response.body) == (201, b'{"ok": true}')
    assert response.headers["x-one"] in {"2", "1, 2"}
    assert response.url == f"{server.url}/v1/chat"
    assert response.secrets == (Secret(f"Bearer {KEY}"),)
    (seen,) = server.requests
    assert (seen.method, seen.path, seen.body) == ("POST", "/v1/chat?secret=1", b'{"a": 1}')
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert seen.headers["x-title"] == "t"
    assert seen.headers["accept-encoding"] == "gzip"
    assert "cookie" not in seen.headers


async def test_send_uses_a_connection_again_and_keeps_no_cookies() -> None:
    """Calls that follow each other share a connection, and nothing of one answer leaks into the next call."""
    with CannedServer([json_answer({}, headers={"set-cookie": "a=b"})]) as server:
        async with opened() as transport:
            for _ in range(3):
                await transport.send(post(server))

    assert [request.connection for request in server.requests] == [0, 0, 0]
    assert all("cookie" not in request.headers for request in server.requests)


async def test_send_gives_a_failure_with_its_body_cut() -> None:
    """A failure is an answer; what explains it is read up to a limit."""
    with CannedServer([answer(b"x" * 5000, status=500)]) as server:
        async with opened(Limits(max_error_bytes=1000)) as transport:
            response = await transport.send(post(server))

    assert (response.status, len(response.body)) == (500, 1000)


async def test_failure_that_does_not_end_is_not_read_to_its_end() -> None:
    """A body that explains a failure and never ends holds nobody up."""
    endless: list[bytes | float | str] = [b"HTTP/1.1 500 X\r\ncontent-length: 999999\r\n\r\n" + b"x" * 5000, HANG]
    with CannedServer([endless]) as server:
        async with opened(Limits(max_error_bytes=1000)) as transport:
            response = await transport.send(post(server))
            with pytest.raises(HttpStatusError):
                await read(transport, post(server))

    assert (response.status, len(response.body)) == (500, 1000)


async def test_stream_gives_pieces_as_they_come() -> None:
    """The first piece arrives while the server still thinks about the second."""
    with CannedServer([event_stream(b"data: 1\n\n", 0.3, b"data: 2\n\n")]) as server:
        async with opened() as transport, aclosing(transport.stream(post(server))) as pieces:
            began = time.monotonic()
            first = await anext(pieces)
            took = time.monotonic() - began
            rest = [piece async for piece in pieces]

    assert (first, b"".join(rest)) == (b"data: 1\n\n", b"data: 2\n\n")
    assert took < 0.25
    assert pieces.status == 200
    assert pieces.headers["content-type"] == "text/event-stream"


async def test_stream_sends_nothing_before_it_is_started() -> None:
    """A stream that nobody reads costs nothing."""
    with CannedServer([answer(b"x")]) as server:
        async with opened() as transport:
            stream = transport.stream(post(server))
            await stream.aclose()

    assert server.requests == []


async def test_stream_read_to_its_end_frees_its_connection() -> None:
    """The connection of a finished or drained stream serves the next call."""
    with CannedServer([event_stream(b"data: 1\n\n", b"data: 2\n\n")]) as server:
        async with opened() as transport:
            await read(transport, post(server))
            async with aclosing(transport.stream(post(server))) as pieces:
                await anext(pieces)
                await pieces.drain()
            await read(transport, post(server))

    assert [request.connection for request in server.requests] == [0, 0, 0]


async def test_stream_that_goes_on_is_not_drained_for_long() -> None:
    """Draining gives up quickly, and closes."""
    with CannedServer([event_stream(b"data: 1\n\n", HANG)]) as server:
        async with opened() as transport, aclosing(transport.stream(post(server))) as pieces:
            await anext(pieces)
            began = time.monotonic()
            await pieces.drain(within_s=0.05)

    assert time.monotonic() - began < 0.5


async def test_stream_that_is_refused_carries_the_answer() -> None:
    """A status other than 2xx is an error that carries a bounded answer and says the place alone."""
    with CannedServer([json_answer({"error": "x" * 500}, status=429, headers={"retry-after": "3"})]) as server:
        async with opened(Limits(max_error_bytes=100)) as transport:
            with pytest.raises(HttpStatusError) as caught:
                await read(transport, post(server))

    assert caught.value.response.status == 429
    assert caught.value.response.headers["retry-after"] == "3"
    assert len(caught.value.response.body) == 100
    assert str(caught.value) == f"HTTP 429 from {server.url}/v1/chat"


async def test_cancelling_closes_the_connection_at_once() -> None:
    """A cancelled call, waiting for headers or in the middle of a stream, hangs up within 50 ms."""
    for script in ([HANG], event_stream(b"data: 1\n\n", HANG)):
        with CannedServer([script]) as server:
            async with opened() as transport:
                with anyio.move_on_after(0.2):
                    await read(transport, post(server))
                cancelled = time.monotonic()
                left = await anyio.to_thread.run_sync(server.wait_until_left)

        assert left - cancelled < 0.05


async def test_closing_a_stream_early_closes_its_connection() -> None:
    """Whoever stops reading and closes the stream hangs up."""
    with CannedServer([event_stream(b"data: 1\n\n", HANG)]) as server:
        async with opened() as transport:
            async with aclosing(transport.stream(post(server))) as pieces:
                await anext(pieces)
            closed = time.monotonic()
            left = await anyio.to_thread.run_sync(server.wait_until_left)

    assert left - closed < 0.05


_DRIP: list[bytes | float | str] = [b"data: 1\n\n", 0.04] * 20


@pytest.mark.parametrize(
    ("script", "timeouts", "doing"),
    [
        ([HANG], {"first_byte_s": 0.1}, "waiting for the first byte of"),
        (event_stream(HANG), {"first_byte_s": 0.1}, "waiting for the first byte of"),
        (event_stream(b"data: 1\n\n", HANG), {"between_bytes_s": 0.1}, "waiting for the next piece of"),
        (event_stream(*_DRIP), {"total_s": 0.1}, "waiting for the whole answer of"),
        ([HANG], {"total_s": 0.1}, "waiting for the whole answer of"),
    ],
    ids=["no-headers", "no-body", "stall", "drip", "total-before-first"],
)
@pytest.mark.parametrize("whole", [True, False], ids=["send", "stream"])
async def test_timeout_says_what_was_waited_for(
    script: list[bytes | float | str], timeouts: dict[str, float], doing: str, *, whole: bool
) -> None:
    """Each limit of time is kept, and its error gives the limit, the time and, in a note, what was waited for."""
    with CannedServer([script]) as server:
        async with opened() as transport:
            request = post(server, timeouts)
            with pytest.raises(Timeout) as caught:
                await (transport.send(request) if whole else read(transport, request))

    assert caught.value.deadline_s == 0.1
    assert 0.09 < caught.value.elapsed_s < 0.4
    assert caught.value.__notes__ == [f"while {doing} {server.url}/v1/chat"]


async def test_timeout_of_connecting_covers_tls() -> None:
    """A server that accepts and never speaks TLS is given up after the limit for connecting."""
    with CannedServer([answer()]) as server:
        request = HttpRequest(url=server.url.replace("http:", "https:"), timeouts=Timeouts(connect_s=0.1))
        async with opened() as transport:
            with pytest.raises(Timeout) as caught:
                await transport.send(request)

    assert caught.value.deadline_s == 0.1
    assert caught.value.__notes__ == [f"while connecting to {request.url}"]


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ([RESET], "broke off"),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", RESET], "broke off"),
        ([b"rubbish\r\n\r\n", RESET], "broke off"),
        (event_stream(b"data: 1\n\n", ended=False), "broke off"),
    ],
    ids=["before-headers", "in-the-body", "no-http", "in-the-stream"],
)
async def test_connection_that_breaks_off_is_a_network_error(script: list[bytes | float | str], text: str) -> None:
    """A connection that ends too early is an error, never a short answer, and its text has neither query nor key."""
    with CannedServer([script]) as server:
        async with opened() as transport:
            for call in (transport.send(post(server)), read(transport, post(server))):
                with pytest.raises(NetworkError) as caught:
                    await call

                assert text in caught.value.message
                assert f"{server.url}/v1/chat" in caught.value.message
                assert "secret" not in caught.value.message


async def test_refused_connection_is_named_with_the_systems_words() -> None:
    """Nobody listening is said in the system's own words, with the place."""
    with CannedServer([answer()]) as server:
        url = server.url
    async with opened() as transport:
        with pytest.raises(NetworkError) as caught:
            await transport.send(HttpRequest(url=f"{url}/v1?key={KEY}"))

    assert caught.value.message == f"could not connect to {url}/v1: Connection refused"


async def test_unknown_host_is_named() -> None:
    """A host that does not exist is said to be so."""
    async with opened() as transport:
        with pytest.raises(NetworkError, match=r"could not connect to http://nowhere\.invalid/v1: "):
            await transport.send(HttpRequest(url="http://nowhere.invalid/v1"))


async def test_redirect_is_an_answer_and_credentials_go_nowhere() -> None:
    """A redirect is not followed, to the same place or another, so no other server ever sees the credentials."""
    with CannedServer([answer()]) as other:
        with CannedServer([answer(status=307, headers={"location": f"{other.url}/steal"})]) as server:
            async with opened() as transport:
                response = await transport.send(post(server))

        assert response.status == 307
        assert len(server.requests) == 1
        assert other.requests == []


async def test_gzip_is_inflated_whole_and_in_members() -> None:
    """A compressed body comes out as it was, also when it was compressed in several members."""
    body = gzip.compress(b"one " * 1000) + gzip.compress(b"two")
    with CannedServer([answer(body, headers={"content-encoding": "gzip"})]) as server:
        async with opened() as transport:
            response = await transport.send(post(server))

    assert response.body == b"one " * 1000 + b"two"


async def test_gzip_bomb_is_stopped_before_it_is_in_memory() -> None:
    """A small body that inflates to very much is stopped at the limit; memory does not follow the bomb."""
    bomb = gzip.compress(bytes(200 * 2**20), compresslevel=1)
    with CannedServer([answer(bomb, headers={"content-encoding": "gzip"})]) as server:
        async with opened(Limits(max_decompressed_bytes=2**20)) as transport:
            tracemalloc.start()
            with pytest.raises(ProviderError, match="is longer than 1048576 bytes after decompression"):
                await transport.send(post(server))
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()

    assert peak < 16 * 2**20


@pytest.mark.parametrize(
    ("body", "headers", "error", "text"),
    [
        (gzip.compress(b"x" * 500)[:-8], {"content-encoding": "gzip"}, NetworkError, "middle of its compression"),
        (b"not gzip at all", {"content-encoding": "gzip"}, ProviderError, "is not compressed with gzip, as it says"),
        (b"xx", {"content-encoding": "br"}, ProviderError, "is encoded as 'br', but only gzip was offered"),
    ],
    ids=["cut", "rubbish", "not-offered"],
)
async def test_body_that_is_not_encoded_as_it_says_is_an_error(
    body: bytes, headers: dict[str, str], error: type[LlmError], text: str
) -> None:
    """A body that cannot be decoded is never given half."""
    with CannedServer([answer(body, headers=headers)]) as server:
        async with opened() as transport:
            with pytest.raises(error, match=text):
                await transport.send(post(server))


@pytest.mark.parametrize("whole", [True, False], ids=["send", "stream"])
async def test_endless_body_is_stopped_at_the_limit(*, whole: bool) -> None:
    """A body without end is read up to the limit and no further, streamed or not."""
    with CannedServer([event_stream(*[b"x" * 60_000] * 1000)]) as server:
        async with opened(Limits(max_body_bytes=200_000)) as transport:
            with pytest.raises(ProviderError, match="is longer than 200000 bytes; the rest was not read"):
                await (transport.send(post(server)) if whole else read(transport, post(server)))


def tls_server() -> ssl.SSLContext:
    """Make the context of a server whose certificate nobody has signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    return context


@pytest.mark.parametrize("variable", [None, "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"], ids=str)
async def test_tls_certificate_is_verified(variable: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate is believed only when an authority vouches for it; the usual variables name further ones."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, str(PEM))
    with CannedServer([answer(b"ok")], tls=tls_server()) as server:
        async with opened() as transport:
            if variable:
                assert (await transport.send(post(server))).body == b"ok"
                return
            with pytest.raises(NetworkError, match="its certificate is not trusted: self-signed certificate"):
                await transport.send(post(server))

    assert server.requests == []


async def test_tls_bundle_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that names no bundle of certificates is said to, instead of falling back to others."""
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/bundle.pem")
    async with opened() as transport:
        with pytest.raises(
            NetworkError, match=r"SSL_CERT_FILE names '/nowhere/bundle\.pem', from which no certificates"
        ):
            await transport.send(HttpRequest(url="https://api.invalid/"))


async def test_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request to elsewhere goes through the proxy, unless the host is exempt."""
    with CannedServer([json_answer({"via": "proxy"})]) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.removeprefix("http://"))
        async with opened() as transport:
            response = await transport.send(HttpRequest(url="http://api.invalid/v1/models"))
            assert response.body == b'{"via": "proxy"}'
            assert proxy.requests[0].path == "http://api.invalid/v1/models"

            monkeypatch.setenv("NO_PROXY", ".invalid")
        async with opened() as transport:
            with pytest.raises(NetworkError, match="could not connect"):
                await transport.send(HttpRequest(url="http://api.invalid/v1/models"))

    assert len(proxy.requests) == 1


async def test_proxy_never_sees_what_goes_to_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked of this machine does not leave it, whatever the environment says of proxies."""
    with CannedServer([answer(b"proxy")]) as proxy, CannedServer([answer(b"here")]) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        async with opened() as transport:
            assert (await transport.send(post(server))).body == b"here"

    assert proxy.requests == []


@pytest.mark.parametrize(
    "proxy", ["socks5://me:pw-planted@proxy.invalid:1", "nonsense://proxy.invalid"], ids=["socks", "scheme"]
)
async def test_proxy_that_cannot_be_used_is_named_without_its_credentials(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that needs what is not installed, or makes no sense, is one clear line."""
    monkeypatch.setenv("ALL_PROXY", proxy)
    async with opened() as transport:
        with pytest.raises(NetworkError, match="the proxy named by HTTP_PROXY or ALL_PROXY cannot be used") as caught:
            await transport.send(HttpRequest(url="http://api.invalid/"))

    assert "pw-planted" not in str(caught.value)


async def test_proxy_that_refuses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that does not open the way is told apart from the server behind it."""
    with CannedServer([answer(status=407)]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with opened() as transport:
            with pytest.raises(NetworkError, match=r"the proxy in front of https://api\.invalid/ refused: 407"):
                await transport.send(HttpRequest(url="https://api.invalid/"))

    assert (proxy.requests[0].method, proxy.requests[0].path) == ("CONNECT", "api.invalid:443")


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (HttpRequest(url="http://127.0.0.1:9/" + "a" * 70_000), "cannot be asked: URL too long"),
        (HttpRequest(method="GE T", url="http://127.0.0.1/"), "the request cannot be put into HTTP"),
    ],
    ids=["url", "method"],
)
async def test_request_that_http_cannot_carry_is_refused(request_: HttpRequest, text: str) -> None:
    """What httpx or the protocol refuse is an error of the family, and quotes no header."""
    with CannedServer([answer()]) as server:
        if request_.method != "GET":
            request_ = evolve(request_, url=server.url, headers={"authorization": Secret(KEY)})
        async with opened() as transport:
            with pytest.raises(NetworkError, match=text) as caught:
                await transport.send(request_)

    assert caught.value.__cause__ is None or KEY not in repr(caught.value.__cause__)
    assert KEY not in str(caught.value)
    assert len(str(caught.value)) < 500


async def test_stream_may_be_started_before_it_is_read() -> None:
    """Starting twice asks once; the status is known before the first piece is read."""
    with CannedServer([event_stream(b"data: 1\n\n")]) as server:
        async with opened() as transport, aclosing(transport.stream(post(server))) as pieces:
            await pieces.start()
            await pieces.start()
            assert pieces.status == 200
            assert [piece async for piece in pieces] == [b"data: 1\n\n"]

    assert len(server.requests) == 1


async def test_closed_transport_refuses_calls() -> None:
    """Closing may be done twice; a call after that is refused."""
    with CannedServer([answer(b"x")]) as server:
        transport = open_transport()
        await transport.send(post(server))
        await transport.aclose()
        await transport.aclose()

        with pytest.raises(NetworkError, match="the transport is closed"):
            await transport.send(post(server))


async def test_key_appears_in_no_log_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """With every log switched on, neither a good call nor a failed one writes down the key or the query."""
    with (
        caplog.at_level(logging.DEBUG),
        CannedServer([json_answer({}), [RESET], [HANG], [b"rubbish\r\n\r\n"]]) as server,
    ):
        async with opened() as transport:
            errors: list[LlmError] = []
            for _ in range(4):
                try:
                    await transport.send(post(server, {"total_s": 0.2}))
                except LlmError as exc:
                    errors.append(exc)

    written = caplog.text + "".join(f"{error!r} {error} {vars(error)} {error.__cause__!r}" for error in errors)
    assert len(errors) == 3
    assert KEY not in written
    assert "secret=1" not in written


async def test_many_streams_closed_early_leave_nothing_behind() -> None:
    """A hundred streams, half of them abandoned, leave no connection open."""
    import gc

    with CannedServer([event_stream(*[b"data: 1\n\n"] * 5)]) as server:
        async with opened(Limits(max_connections=10)) as transport, anyio.create_task_group() as tasks:

            async def one(number: int) -> None:
                async with aclosing(transport.stream(post(server))) as pieces:
                    await anext(pieces)
                    if number % 2:
                        async for _ in pieces:
                            pass

            for number in range(100):
                tasks.start_soon(one, number)
        gc.collect()

    assert len(server.requests) == 100


def test_cancelling_a_task_of_asyncio_closes_the_connection_at_once() -> None:
    """The event loop's own way of cancelling hangs up within 50 ms as well, and leaves no task behind."""

    async def run(server: CannedServer) -> float:
        async with opened() as transport:
            task = asyncio.create_task(read(transport, post(server)))
            await asyncio.sleep(0.1)
            began = time.monotonic()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            left = await asyncio.to_thread(server.wait_until_left)
            assert len(asyncio.all_tasks()) == 1
            return left - began

    for script in ([HANG], event_stream(b"data: 1\n\n", HANG)):
        with CannedServer([script]) as server:
            assert asyncio.run(run(server)) < 0.05
