"""The shell of HTTP adapters around a small wire of its own, on a real socket, with both framings."""

import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from time import monotonic
from typing import Any, Literal

import anyio
import pytest
from attrs import define, evolve, frozen

from converge_provider import (
    AuthDenied,
    BackendDescriptor,
    ChatRequest,
    ChatResponse,
    ContentFiltered,
    Finished,
    InvalidRequest,
    LlmError,
    NetworkError,
    ProviderError,
    RateLimited,
    Secret,
    StreamEvent,
    TextDelta,
    Timeout,
)
from converge_provider.http import (
    ErrorRule,
    HttpChatBackend,
    HttpRequest,
    Timeouts,
    Verdict,
    json_bytes,
    json_post,
)
from converge_provider.testing.canned import HANG, RESET, CannedServer, answer, event_stream, json_answer

pytestmark = pytest.mark.anyio

KEY = "sk-planted-0123456789abcdef"
ASK = ChatRequest.of("Hello")
WHOLE = {"text": "Hi!", "end": True}
Framing = Literal["sse", "ndjson"]
Script = Sequence[bytes | float | str]


@define
class Parroted:
    """An answer of the small wire: texts, and an end."""

    hangs_up: bool
    is_complete: bool = False
    said: str = ""

    @property
    def is_over(self) -> bool:
        """Say whether reading stops at the end."""
        return self.hangs_up and self.is_complete

    def whole(self, document: Mapping[str, Any]) -> Sequence[StreamEvent]:
        """Take everything at once."""
        return [*self.take(document, event=None), *self.finish()]

    def take(self, document: Mapping[str, Any], *, event: str | None) -> Sequence[StreamEvent]:
        """Take a text, an end, or both; events of the kind ``noise`` say nothing."""
        text = "" if event == "noise" else document.get("text", "")
        self.said += text
        self.is_complete = self.is_complete or bool(document.get("end"))
        return [TextDelta(text)] if text else []

    def finish(self) -> Sequence[StreamEvent]:
        """Close; an answer without a word was filtered."""
        if not self.said:
            message = "not a word"
            raise ContentFiltered(message)
        return [Finished(ChatResponse(content=self.said, metadata={"x-own": "body"}))]

    def error(self, document: Mapping[str, Any], *, event: str | None) -> bool:
        """Know errors by their member, or by the event's name."""
        return "error" in document or event == "error"


@frozen(kw_only=True)
class Parrot:
    """The small wire."""

    template: HttpRequest
    framing: Framing = "sse"
    hangs_up: bool = False
    asleep: bool = False
    """Whether there is no place to ask for health."""
    rules: Sequence[ErrorRule] = (ErrorRule(verdict=Verdict.CONTENT_FILTERED, codes={"naughty"}),)

    def request(self, request: ChatRequest, *, stream: bool) -> HttpRequest:
        """Post the text."""
        document = {"say": request.messages[0].content, "stream": stream, **request.extra}
        return json_post(self.template, document, url=f"{self.template.url}/say", stream=stream)

    def health(self) -> HttpRequest:
        """Look whether it is awake."""
        method = "HEAD" if self.asleep else "GET"
        return evolve(self.template, method=method, url=f"{self.template.url}/awake")

    def answer(self) -> Parroted:
        """Start to listen."""
        return Parroted(self.hangs_up)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run every test of this file on both event loops."""
    return str(request.param)


@pytest.fixture(params=["sse", "ndjson"])
def framing(request: pytest.FixtureRequest) -> Framing:
    """Run with both framings what has to do with streams."""
    return "sse" if request.param == "sse" else "ndjson"


def event(framing: Framing, document: object) -> bytes:
    """Frame one event."""
    text = document if isinstance(document, str) else json.dumps(document)
    return (f"data: {text}\n\n" if framing == "sse" else f"{text}\n").encode()


def streamed(framing: Framing, *steps: object, ended: bool = True) -> Script:
    """Give a streamed answer of documents, and of bytes, pauses and words of the server's as they are."""
    framed = [_framed(framing, step) for step in steps]
    kind = "text/event-stream" if framing == "sse" else "application/x-ndjson"
    return event_stream(*framed, headers={"content-type": kind, "x-request-id": "r1"}, ended=ended)


def _framed(framing: Framing, step: object) -> bytes | float | str:
    if isinstance(step, bytes | float):
        return step
    return HANG if step == HANG else event(framing, step)


@asynccontextmanager
async def backend_at(
    url: str,
    *,
    timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
    kept: Sequence[str] = ("x-",),
    **fields: Any,
) -> AsyncGenerator[HttpChatBackend, None]:
    """Make a backend and close it."""
    template = HttpRequest(url=url, headers={"authorization": Secret(f"Bearer {KEY}")}, timeouts=timeouts)
    wire = Parrot(template=template, **fields)
    descriptor = BackendDescriptor.unstated("mine", "m1")
    backend = HttpChatBackend(descriptor=descriptor, wire=wire, kept_headers=kept, clock=lambda: 0.0)
    try:
        yield backend
    finally:
        await backend.aclose()


async def chat(script: Script, request: ChatRequest = ASK, **options: Any) -> tuple[ChatResponse, CannedServer]:
    """Ask once, without streaming."""
    with CannedServer([script]) as server:
        async with backend_at(server.url, **options) as backend:
            return await backend.chat(request), server


async def stream(script: Script, **options: Any) -> tuple[list[StreamEvent], CannedServer]:
    """Ask once, streaming."""
    with CannedServer([script]) as server:
        async with backend_at(server.url, **options) as backend:
            return [made async for made in backend.stream(ASK)], server


async def gather(events: AsyncIterator[StreamEvent], seen: list[StreamEvent]) -> None:
    """Keep what comes before an error, too."""
    async for made in events:
        seen += [made]


async def both(script: Script, **options: Any) -> list[LlmError]:
    """Give the errors of asking with and without streaming."""
    errors: list[LlmError] = []
    for ask in (chat, stream):
        with pytest.raises(LlmError) as caught:
            await ask(script, **options)
        errors.append(caught.value)
    return errors


async def test_adapter_asks_and_answers() -> None:
    """A call goes where the wire says, as JSON, with the key in its header alone."""
    response, server = await chat(json_answer(WHOLE))

    (seen,) = server.requests
    assert response.content == "Hi!"
    assert (seen.method, seen.path, seen.document) == ("POST", "/say", {"say": "Hello", "stream": False})
    assert seen.headers["content-type"] == seen.headers["accept"] == "application/json"
    assert seen.headers["authorization"] == f"Bearer {KEY}"


async def test_adapter_streams_the_same_answer_in_pieces(framing: Framing) -> None:
    """A stream ends with the one ``Finished``, which holds what the call without streaming would have given."""
    events, server = await stream(streamed(framing, {"text": "Hi"}, {"text": "!"}, {"end": 1}), framing=framing)
    whole, _ = await chat(json_answer(WHOLE, headers={"x-request-id": "r1"}), framing=framing)

    assert events == [TextDelta("Hi"), TextDelta("!"), Finished(whole)]
    assert server.requests[0].document["stream"] is True
    assert server.requests[0].headers["accept"] == "text/event-stream"


async def test_adapter_keeps_headers_beside_what_the_body_says() -> None:
    """Headers of the chosen names stand in the metadata, and never replace what the body said."""
    headers = {"x-request-id": "r1", "x-own": "header", "server": "canned"}
    kept, _ = await chat(json_answer(WHOLE, headers=headers))
    none, _ = await chat(json_answer(WHOLE, headers=headers), kept=())

    assert kept.metadata == {"x-request-id": "r1", "x-own": "body"}
    assert none.metadata == {"x-own": "body"}


async def test_adapter_hands_on_events_as_they_come(framing: Framing) -> None:
    """The first text is there while the server still thinks."""
    with CannedServer([streamed(framing, {"text": "Hi"}, 0.3, {"end": 1})]) as server:
        async with backend_at(server.url, framing=framing) as backend, aclosing(backend.stream(ASK)) as events:
            with anyio.fail_after(0.25):
                assert await anext(events) == TextDelta("Hi")


async def test_adapter_streams_share_a_connection() -> None:
    """After ``[DONE]`` nothing more is read into the answer, and the connection serves the next call."""
    with CannedServer([streamed("sse", {"text": "Hi"}, "[DONE]", "rubbish")]) as server:
        async with backend_at(server.url) as backend:
            for _ in range(3):
                assert [one async for one in backend.stream(ASK)][-1] == Finished(
                    ChatResponse(content="Hi", metadata={"x-request-id": "r1", "x-own": "body"})
                )

    assert server.connections == 1


async def test_adapter_stops_reading_where_the_wire_says_so(framing: Framing) -> None:
    """A server that keeps the connection open after the end costs no time."""
    with CannedServer([streamed(framing, {"text": "Hi"}, {"end": 1}, HANG)]) as server:
        async with backend_at(server.url, framing=framing, hangs_up=True) as backend:
            with anyio.fail_after(1):
                events = [one async for one in backend.stream(ASK)]

    assert isinstance(events[-1], Finished)


@pytest.mark.parametrize("cut", [True, False], ids=["cut", "reset"])
async def test_adapter_takes_an_answer_that_breaks_off_after_its_end(framing: Framing, *, cut: bool) -> None:
    """When everything was said, neither a missing line end nor a reset makes it an error."""
    last = event(framing, {"end": 1})
    events, _ = await stream(
        streamed(framing, {"text": "Hi"}, last.rstrip() if cut else last, ended=cut), framing=framing
    )

    assert isinstance(events[-1], Finished)


@pytest.mark.parametrize(
    ("steps", "ended"),
    [(({"text": "Hi"},), True), (({"text": "Hi"},), False), (({"text": "Hi"}, b'data: {"te'), True), ((), True)],
    ids=["clean-end", "reset", "in-an-event", "nothing"],
)
async def test_adapter_never_takes_half_an_answer_for_a_whole(
    steps: tuple[object, ...], framing: Framing, *, ended: bool
) -> None:
    """An answer that breaks off is a network error which names the backend."""
    if framing == "ndjson":
        steps = tuple(b'{"te\xc3' if isinstance(step, bytes) else step for step in steps)
    with pytest.raises(NetworkError) as caught:
        await stream(streamed(framing, *steps, ended=ended), framing=framing)

    assert (caught.value.provider, caught.value.backend) == ("mine", "mine/m1")


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        (({"text": "Hi"}, {"error": {"message": "boom", "code": 502}}), ProviderError),
        (({"error": {"message": "slow down", "code": "rate_limit_exceeded"}},), RateLimited),
        (({"error": {"message": "bad bird", "code": "naughty"}},), ContentFiltered),
        (({"text": "Hi"}, "{rubbish"), ProviderError),
        (({"text": "Hi"}, '"a text"'), ProviderError),
        (("{}",), ProviderError),
        (({"end": 1},), ContentFiltered),
    ],
    ids=["error", "rate", "own-rule", "json", "text", "empty", "at-the-end"],
)
async def test_adapter_types_errors_inside_a_stream(
    steps: tuple[object, ...], error: type[LlmError], framing: Framing
) -> None:
    """An error in place of an event, a broken event, and an end without an answer are errors of the family."""
    with CannedServer([streamed(framing, *steps)]) as server:
        async with backend_at(server.url, framing=framing) as backend:
            seen: list[StreamEvent] = []
            with pytest.raises(error) as caught:
                await gather(backend.stream(ASK), seen)

    assert not any(isinstance(made, Finished) for made in seen)
    assert caught.value.backend == "mine/m1"


async def test_adapter_refuses_a_line_that_is_not_utf8() -> None:
    """A whole line of something else is an error, not a replacement character."""
    with pytest.raises(ProviderError, match="a line of the stream is not UTF-8: byte 0xff at position 9"):
        await stream(streamed("ndjson", b'{"text":"\xff"}\n', {"end": 1}), framing="ndjson")


async def test_adapter_knows_events_by_their_names() -> None:
    """The wire sees what the server calls an event, and an event may be an error by its name alone."""
    noise = b'event: noise\ndata: {"text": "x"}\n\n'
    events, _ = await stream(streamed("sse", noise, {"text": "Hi"}, {"end": 1}))
    with pytest.raises(ProviderError, match="gone bad"):
        await stream(streamed("sse", b'event: error\ndata: {"message": "gone bad"}\n\n'))

    assert events[0] == TextDelta("Hi")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"error": {"message": f"Incorrect API key provided: {KEY}"}}, AuthDenied),
        (429, {"error": {"message": "slow down"}}, RateLimited),
        (200, {"error": {"message": "slow down", "code": 429}}, RateLimited),
        (400, {"error": {"message": "no", "code": "naughty"}}, ContentFiltered),
        (500, {"error": {"message": "boom"}}, ProviderError),
    ],
    ids=["auth", "rate", "rate-inside", "own-rule", "server"],
)
async def test_adapter_types_refusals_streamed_or_not(
    status: int, body: object, error: type[LlmError], caplog: pytest.LogCaptureFixture
) -> None:
    """Every refusal is the same member of the family with and without streaming, and the key appears nowhere."""
    with caplog.at_level(logging.DEBUG):
        errors = await both(json_answer(body, status=status, headers={"x-request-id": "r1"}))

    for found in errors:
        assert type(found) is error
        assert (found.provider, found.backend, found.status, found.request_id) == ("mine", "mine/m1", status, "r1")
        assert KEY not in f"{found} {found!r} {vars(found)} {found.__cause__!r} {found.__context__!r}"
    assert errors[0] == errors[1]
    assert KEY not in caplog.text


async def test_adapter_takes_an_answer_that_is_not_streamed_although_asked() -> None:
    """A service that ignores the wish to stream still answers."""
    events, _ = await stream(json_answer(WHOLE))

    assert [type(one) for one in events] == [TextDelta, Finished]


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
async def test_adapter_names_the_address_of_what_is_no_json(kind: str) -> None:
    """A web page in place of an answer says what to check, and is not quoted."""
    for error in await both(answer(b"<html>It works</html>", headers={"content-type": kind})):
        assert isinstance(error, ProviderError)
        assert f"did not answer with a JSON object (content type {kind})" in error.message
        assert error.remedy is not None
        assert "It works" not in str(error)


@pytest.mark.parametrize("script", [[RESET], [HANG]], ids=["reset", "hang"])
async def test_adapter_types_network_trouble(script: Script) -> None:
    """A reset is a network error and silence a timeout, both retryable, with the backend named."""
    for error in await both(script, timeouts=Timeouts(total_s=0.1)):
        assert isinstance(error, NetworkError if script == [RESET] else Timeout)
        assert error.retryable
        assert error.backend == "mine/m1"


async def test_adapter_gives_a_whole_answer_longer_than_the_first_byte_of_a_stream() -> None:
    """Without streaming nothing comes before everything is there, so only the limit for everything holds."""
    slow = [0.3, *json_answer(WHOLE)]
    response, _ = await chat(slow, timeouts=Timeouts(first_byte_s=0.1, total_s=5))
    with pytest.raises(Timeout):
        await stream(slow, timeouts=Timeouts(first_byte_s=0.1, total_s=5))

    assert response.content == "Hi!"


async def test_adapter_spends_no_connection_on_what_cannot_be_written() -> None:
    """What JSON has no form for is refused before anything is sent, with the backend named."""
    request = evolve(ASK, extra={"temperature": float("inf")})
    with CannedServer([json_answer(WHOLE)]) as server:
        async with backend_at(server.url) as backend:
            for call in (backend.chat(request), anext(backend.stream(request))):
                with pytest.raises(InvalidRequest, match="the request cannot be written as JSON") as caught:
                    await call
                assert caught.value.backend == "mine/m1"

    assert server.connections == 0


@pytest.mark.parametrize(("text", "reason"), [("\ud83d", "a text holds half a surrogate pair"), ({1}, "set")], ids=repr)
def test_json_bytes_say_what_cannot_be_written(text: object, reason: str) -> None:
    """The refusal says which kind of value JSON has no form for."""
    with pytest.raises(InvalidRequest, match=reason):
        json_bytes({"a": text})


async def test_adapter_hangs_up_when_cancelled() -> None:
    """A caller that is cancelled, or closes the stream, stops the generation within 50 ms."""
    with CannedServer([streamed("sse", {"text": "Hi"}, HANG)]) as server:
        async with backend_at(server.url) as backend:
            with anyio.move_on_after(0.2):
                async for _ in backend.stream(ASK):
                    pass
            began = monotonic()
            assert await anyio.to_thread.run_sync(server.wait_until_left) - began < 0.05

            async with aclosing(backend.stream(ASK)) as events:
                await anext(events)
            began = monotonic()
            assert await anyio.to_thread.run_sync(server.wait_until_left) - began < 0.05


async def test_adapter_does_not_mix_concurrent_calls() -> None:
    """Twenty calls at once each get an answer of their own."""
    with CannedServer([streamed("sse", {"text": "Hi!"}, {"end": 1})]) as server:
        async with backend_at(server.url) as backend:
            answers: list[str] = []

            async def one() -> None:
                last = [made async for made in backend.stream(ASK)][-1]
                assert isinstance(last, Finished)
                answers.append(last.response.content)

            async with anyio.create_task_group() as tasks:
                for _ in range(20):
                    tasks.start_soon(one)

    assert answers == ["Hi!"] * 20


async def test_adapter_can_be_used_again_after_closing() -> None:
    """Closing may be done twice; the next call opens a connection again."""
    with CannedServer([json_answer(WHOLE)]) as server:
        async with backend_at(server.url) as backend:
            await backend.chat(ASK)
            await backend.aclose()
            await backend.aclose()
            await backend.chat(ASK)

    assert server.connections == 2


@pytest.mark.parametrize(
    ("script", "healthy", "detail"),
    [
        (json_answer({}), True, None),
        (answer(), True, None),
        (json_answer({"error": {"message": "no"}}, status=401), False, "authentication denied: no"),
        (
            answer(b"<html>", headers={"content-type": "text/html"}),
            False,
            "answers with a web page. Check the base URL",
        ),
    ],
    ids=["well", "silent", "denied", "page"],
)
async def test_adapter_asks_for_health_and_takes_any_answer(
    script: Script, detail: str | None, *, healthy: bool
) -> None:
    """A service says how it is; a refusal is an answer too, and a web page is not the service."""
    with CannedServer([script]) as server:
        async with backend_at(server.url) as backend:
            health = await backend.health()

    assert (health.reachable, health.healthy) == (True, healthy)
    assert (detail or "") in (health.detail or "")
    assert health.latency_s is not None
    assert (server.requests[0].method, server.requests[0].path) == ("GET", "/awake")


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (404, True), (405, True), (401, True), (503, False)])
async def test_adapter_takes_any_answer_where_there_is_no_place_to_ask(status: int, *, healthy: bool) -> None:
    """A service without a place to ask for health is well when anybody answers, unless that is a server's fault."""
    with CannedServer([answer(status=status)]) as server:
        async with backend_at(server.url, asleep=True) as backend:
            health = await backend.health()

    assert (health.reachable, health.healthy) == (True, healthy)
    assert server.requests[0].method == "HEAD"


async def test_adapter_says_that_nobody_is_there() -> None:
    """Where nobody listens, the health says so."""
    with CannedServer([answer()]) as server:
        url = server.url
    async with backend_at(url) as backend:
        health = await backend.health()

    assert (health.reachable, health.healthy) == (False, False)
    assert "Connection refused" in (health.detail or "")
