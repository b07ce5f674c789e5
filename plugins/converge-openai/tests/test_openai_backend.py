"""The backend against a real socket: what it sends, what it makes of every answer, and what it leaves behind."""

import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from attrs import evolve

from converge_openai.facts import ModelFacts
from converge_openai.provider import OpenAiCompatible
from converge_openai.services import services
from converge_provider import (
    AuthDenied,
    BackendDescriptor,
    ChatRequest,
    ChatResponse,
    ContentFiltered,
    ContextLengthExceeded,
    Finished,
    FinishReason,
    InvalidRequest,
    LlmError,
    ModelNotFound,
    NetworkError,
    ProviderError,
    RateLimited,
    Secret,
    StreamEvent,
    TextDelta,
    UsageReported,
)
from converge_provider.http import HttpChatBackend, Timeouts
from converge_provider.testing.canned import RESET, CannedServer, answer, event_stream, json_answer

pytestmark = pytest.mark.anyio

KEY = "sk-planted-0123456789abcdef"
ASK = ChatRequest.of("Hello")
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
WHOLE = {
    "id": "c1",
    "object": "chat.completion",
    "model": "m1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi!"}, "finish_reason": "stop"}],
    "usage": USAGE,
}


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run every test of this file on both event loops."""
    return str(request.param)


def event(document: object, *, kind: str = "") -> bytes:
    """Frame an event."""
    data = document if isinstance(document, str) else json.dumps(document)
    return (f"event: {kind}\n" if kind else "").encode() + f"data: {data}\n\n".encode()


def delta(text: str | None = None, reason: str | None = None) -> bytes:
    """Give an event with some text."""
    choice = {"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": reason}
    return event({"id": "c1", "object": "chat.completion.chunk", "model": "m1", "choices": [choice]})


GOOD = (delta("Hi"), delta("!"), delta(None, "stop"), event({"id": "c1", "choices": [], "usage": USAGE}))
DONE = event("[DONE]")


@asynccontextmanager
async def backend_at(
    url: str,
    *,
    service: str = "openai_compatible",
    timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
    key: str = KEY,
) -> AsyncGenerator[HttpChatBackend, None]:
    """Open a backend and close it."""
    kind = OpenAiCompatible(services()[service])
    settings = kind.settings(base_url=url, api_key=Secret(key), models={"m1": ModelFacts()}, timeouts=timeouts)
    descriptor = next(one for one in kind.descriptors(settings) if one.model == "m1")
    backend = kind.open(evolve(descriptor, provider="mine"), settings)
    try:
        yield backend
    finally:
        await backend.aclose()


async def chat(*script: Sequence[bytes | float | str], **options: Any) -> tuple[ChatResponse, CannedServer]:
    """Ask once, without streaming."""
    with CannedServer(list(script)) as server:
        async with backend_at(server.url, **options) as backend:
            return await backend.chat(ASK), server


async def stream(*script: Sequence[bytes | float | str], **options: Any) -> tuple[list[StreamEvent], CannedServer]:
    """Ask once, streaming."""
    with CannedServer(list(script)) as server:
        async with backend_at(server.url, **options) as backend:
            return [made async for made in backend.stream(ASK)], server


async def gather(events: AsyncIterator[StreamEvent], seen: list[StreamEvent]) -> None:
    """Keep what comes before an error, too."""
    async for made in events:
        seen += [made]


async def both(*script: Sequence[bytes | float | str], **options: Any) -> list[LlmError]:
    """Give the errors of asking with and without streaming."""
    errors: list[LlmError] = []
    for ask in (chat, stream):
        with pytest.raises(LlmError) as caught:
            await ask(*script, **options)
        errors.append(caught.value)
    return errors


async def test_chat_asks_and_answers() -> None:
    """A call goes to the right place, with the key in its header alone, and the answer is read."""
    response, server = await chat(json_answer(WHOLE))

    assert (response.content, response.model, response.finish_reason) == ("Hi!", "m1", FinishReason.STOP)
    assert response.usage is not None
    assert response.usage.total_tokens == 5
    (seen,) = server.requests
    assert (seen.method, seen.path) == ("POST", "/v1/chat/completions")
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert seen.headers["content-type"] == "application/json"
    assert KEY not in seen.path
    assert KEY.encode() not in seen.body
    assert seen.document == {"model": "m1", "messages": [{"role": "user", "content": "Hello"}]}


async def test_stream_gives_the_same_answer_in_pieces() -> None:
    """A stream ends with the one ``Finished``, which holds what the call without streaming would have given."""
    events, server = await stream(event_stream(*GOOD, DONE))
    whole, _ = await chat(json_answer(WHOLE))

    assert [type(one) for one in events] == [TextDelta, TextDelta, UsageReported, Finished]
    assert isinstance(events[-1], Finished)
    assert events[-1].response == whole
    assert server.requests[0].document["stream"] is True
    assert server.requests[0].headers["accept"] == "text/event-stream"


@pytest.mark.parametrize(
    "steps",
    [
        GOOD,
        (*GOOD[:-1], GOOD[-1].rstrip(b"\n")),
        (*GOOD, DONE.rstrip(b"\n")),
        (b": ping\n\n", *GOOD[:2], b": OPENROUTER PROCESSING\n\n", *GOOD[2:], DONE, b"data: rubbish\n\n"),
        (b"\xef\xbb\xbf" + b"".join((*GOOD, DONE)).replace(b"\n", b"\r\n"),),
        tuple(bytes([byte]) for byte in b"".join((*GOOD, DONE))),
    ],
    ids=["no-done", "no-done-no-end", "no-end", "comments", "crlf-bom", "bytes"],
)
async def test_stream_framed_anyhow_is_complete(steps: tuple[bytes, ...]) -> None:
    """With a reason to finish an answer is complete, with or without ``[DONE]``, however it is framed."""
    events, _ = await stream(event_stream(*steps))

    assert isinstance(events[-1], Finished)
    assert events[-1].response.content == "Hi!"
    assert events[-1].response.usage is not None


async def test_stream_reset_after_the_reason_is_complete() -> None:
    """A connection that breaks off when everything was said costs the usage, not the answer."""
    events, _ = await stream(event_stream(*GOOD[:3], ended=False))

    assert isinstance(events[-1], Finished)
    assert events[-1].response.content == "Hi!"
    assert events[-1].response.usage is None


@pytest.mark.parametrize(
    "script",
    [
        event_stream(*GOOD[:2]),
        event_stream(*GOOD[:2], ended=False),
        event_stream(delta("Hi"), delta("!")[:20]),
        event_stream(),
    ],
    ids=["clean-end", "reset", "in-an-event", "nothing"],
)
async def test_stream_that_ends_before_the_answer_is_a_network_error(script: Sequence[bytes | float | str]) -> None:
    """An answer that breaks off is never a success."""
    with pytest.raises(NetworkError) as caught:
        await stream(script)

    assert (caught.value.provider, caught.value.backend) == ("mine", "mine/m1")


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        ((delta("Hi"), event({"error": {"message": "boom", "code": 502}})), ProviderError),
        ((event({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}),), RateLimited),
        ((event({"message": "gone bad"}, kind="error"),), ProviderError),
        (
            (event({"object": "error", "message": "too long: maximum context length is 9 tokens", "code": 400}),),
            ContextLengthExceeded,
        ),
        ((delta("Hi"), delta(None, "error")), ProviderError),
        ((delta("Hi"), b"data: {rubbish\n\n"), ProviderError),
        ((delta("Hi"), b'data: "a text"\n\n'), ProviderError),
        ((b"data: {}\n\n",), ProviderError),
        ((delta("Hi"), b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n'), ProviderError),
        ((event({"choices": [{"delta": {"refusal": "No."}, "finish_reason": "stop"}]}), DONE), ContentFiltered),
        ((DONE,), ProviderError),
    ],
    ids=["error", "rate", "error-event", "vllm", "reason", "json", "text", "empty", "utf8", "refusal", "only-done"],
)
async def test_error_inside_a_stream_is_typed(steps: tuple[bytes, ...], error: type[LlmError]) -> None:
    """An error in place of a chunk, a broken chunk and a refusal are errors of the family, after the text so far."""
    with CannedServer([event_stream(*steps)]) as server:
        async with backend_at(server.url) as backend:
            seen: list[StreamEvent] = []
            with pytest.raises(error) as caught:
                await gather(backend.stream(ASK), seen)

    assert not any(isinstance(made, Finished) for made in seen)
    assert caught.value.backend == "mine/m1"


_ERRORS: dict[str, tuple[int, object, Mapping[str, str], type[LlmError]]] = {
    "auth": (401, {"error": {"message": f"Incorrect API key provided: {KEY}"}}, {}, AuthDenied),
    "rate": (429, {"error": {"message": "slow down"}}, {"retry-after": "2"}, RateLimited),
    "quota": (429, {"error": {"message": "no money", "code": "insufficient_quota"}}, {}, ProviderError),
    "model": (
        404,
        {"error": {"message": "The model `m1` does not exist", "code": "model_not_found"}},
        {},
        ModelNotFound,
    ),
    "url": (404, {"detail": "Not Found"}, {}, ProviderError),
    "long": (
        400,
        {"error": {"message": "maximum context length is 10 tokens", "code": "context_length_exceeded"}},
        {},
        ContextLengthExceeded,
    ),
    "filter": (400, {"error": {"message": "no", "code": "content_filter"}}, {}, ContentFiltered),
    "flagged": (403, {"error": {"message": "input flagged by moderation", "code": 403}}, {}, ContentFiltered),
    "bad": (400, {"error": {"message": "bad"}}, {}, InvalidRequest),
    "server": (500, {"error": {"message": "boom"}}, {}, ProviderError),
    "redirect": (308, {}, {"location": "https://elsewhere.example/v1"}, ProviderError),
}


@pytest.mark.parametrize("case", _ERRORS.values(), ids=_ERRORS.keys())
async def test_refusal_is_typed_streamed_or_not(
    case: tuple[int, object, Mapping[str, str], type[LlmError]], caplog: pytest.LogCaptureFixture
) -> None:
    """Every refusal is the same member of the family with and without streaming, and the key appears nowhere."""
    status, body, headers, variant = case
    with caplog.at_level(logging.DEBUG):
        errors = await both(json_answer(body, status=status, headers={"x-request-id": "r1", **headers}))

    for error in errors:
        assert type(error) is variant
        assert (error.provider, error.backend, error.status, error.request_id) == ("mine", "mine/m1", status, "r1")
        assert KEY not in f"{error} {error!r} {vars(error)} {error.__cause__!r} {error.__context__!r}"
    assert errors[0] == errors[1]
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"refusal": f"I cannot\n help, {KEY}. {'x' * 5_000}"}, "I cannot help, ***. xxx"),
        ({"content": [{"type": f"new {KEY} {'x' * 5_000}"}]}, "the unknown type 'new *** xxx"),
    ],
    ids=["refusal", "part"],
)
async def test_words_of_an_answer_are_masked_and_cut_in_errors(message: dict[str, Any], words: str) -> None:
    """What a model or a service says in place of an answer repeats no key, and is one line that ends."""
    choice = {"index": 0, "message": message, "finish_reason": "stop"}

    for error in await both(json_answer({"id": "c1", "choices": [choice]})):
        assert words in str(error)
        assert KEY not in f"{error!r} {vars(error)}"
        assert "\n" not in str(error)
        assert len(str(error)) < 2_200


async def test_error_inside_a_good_status_is_an_error() -> None:
    """A service that says 200 and means 429 is understood."""
    errors = await both(json_answer({"error": {"message": "slow down", "code": 429}}))

    assert all(isinstance(error, RateLimited) for error in errors)


async def test_answer_that_is_not_streamed_although_asked_is_taken() -> None:
    """A service that ignores the wish to stream still answers."""
    events, _ = await stream(json_answer(WHOLE))

    assert [type(one) for one in events] == [TextDelta, UsageReported, Finished]


async def test_request_that_cannot_be_honoured_costs_no_connection() -> None:
    """What the wire has no place for is refused before anything is sent."""
    with CannedServer([json_answer(WHOLE)]) as server:
        async with backend_at(server.url) as backend:
            request = evolve(ASK, extra={"model": "other"})
            with pytest.raises(InvalidRequest) as caught:
                await backend.chat(request)
            with pytest.raises(InvalidRequest):
                await anext(backend.stream(request))

    assert caught.value.backend == "mine/m1"
    assert server.connections == 0


@pytest.mark.parametrize(
    ("service", "path"), [("vllm", "/health"), ("lmstudio", "/v1/models"), ("openrouter", "/v1/key")], ids=str
)
async def test_health_is_asked_where_the_service_has_it(service: str, path: str) -> None:
    """Each service is asked at its own place."""
    with CannedServer([json_answer({})]) as server:
        async with backend_at(server.url, service=service) as backend:
            await backend.health()

    assert (server.requests[0].method, server.requests[0].path) == ("GET", path)


async def test_discovery_adds_what_the_service_states() -> None:
    """The service's list gives models, with what it states of them; what is configured stays."""
    listed = {"data": [{"id": "m1", "max_model_len": 2048}, {"id": "m2", "max_model_len": 4096}]}
    kind = OpenAiCompatible(services()["vllm"])
    with CannedServer([json_answer(listed)]) as server:
        settings = kind.settings(base_url=server.url, models={"m1": ModelFacts(context_tokens=1024, quality=0.5)})
        found = {str(one.model): one for one in await kind.discover(settings)}

    assert {name: one.capabilities.context_tokens for name, one in found.items()} == {"m1": 1024, "m2": 4096}
    assert isinstance(found["m2"], BackendDescriptor)
    assert found["m2"].claims.source == f"{server.url}/v1"
    assert found["m2"].claims.requires_network is False
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (json_answer({"error": {"message": "no"}}, status=401), AuthDenied),
        (answer(b"<html></html>", headers={"content-type": "text/html"}), ProviderError),
        ([RESET], NetworkError),
    ],
    ids=["denied", "page", "reset"],
)
async def test_discovery_that_fails_is_typed(script: Sequence[bytes | float | str], error: type[LlmError]) -> None:
    """A list that is no list is an error, not an empty one."""
    kind = OpenAiCompatible(services()["vllm"])
    with CannedServer([script]) as server, pytest.raises(error):
        await kind.discover(kind.settings(base_url=server.url))
