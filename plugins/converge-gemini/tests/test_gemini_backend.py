"""The backend against a real socket: what it sends, what it makes of every answer, and what it leaves behind."""

import json
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, strategies as st

from converge_gemini.provider import Gemini, Settings
from converge_gemini.wire.answers import Assembler
from converge_provider import (
    AuthDenied,
    BackendDescriptor,
    ChatRequest,
    ContentFiltered,
    ContextLengthExceeded,
    Finished,
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
from converge_provider.http import HttpChatBackend, SseParser
from converge_provider.testing.canned import RESET, CannedServer, answer, event_stream, json_answer

KEY = "AIza-planted-0123456789abcdef"
ASK = ChatRequest.of("Hello")
MODEL = "gemini-3.8-flash"
USAGE = {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run every asynchronous test of this file on both event loops."""
    return str(request.param)


def document(text: str, reason: str | None = None, **further: Any) -> dict[str, Any]:
    """Make a document of the wire."""
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    if reason:
        candidate["finishReason"] = reason
    return {"candidates": [candidate], "modelVersion": MODEL, "responseId": "r1", **further}


def event(document: object) -> bytes:
    """Frame an event as the service does."""
    return f"data: {json.dumps(document)}\r\n\r\n".encode()


WHOLE = document("Good morning.", "STOP", usageMetadata=USAGE)
GOOD = (event(document("Good ")), event(document("morning.", "STOP", usageMetadata=USAGE)))


@asynccontextmanager
async def backend_at(url: str, **settings: Any) -> AsyncGenerator[HttpChatBackend, None]:
    """Open a backend and close it."""
    kind = Gemini()
    fields: dict[str, Any] = {"base_url": url, "api_key": Secret(KEY), **settings}
    chosen = Settings(**fields)
    descriptor = next(one for one in kind.descriptors(chosen) if one.model == MODEL)
    backend = kind.open(evolve(descriptor, provider="mine"), chosen)
    try:
        yield backend
    finally:
        await backend.aclose()


async def stream(*script: Sequence[bytes | float | str]) -> list[StreamEvent]:
    """Ask once, streaming."""
    with CannedServer(list(script)) as server:
        async with backend_at(server.url) as backend:
            return [made async for made in backend.stream(ASK)]


async def both(*script: Sequence[bytes | float | str]) -> list[LlmError]:
    """Give the errors of asking with and without streaming."""
    errors: list[LlmError] = []
    with CannedServer(list(script)) as server:
        async with backend_at(server.url) as backend:
            with pytest.raises(LlmError) as caught:
                await backend.chat(ASK)
            errors.append(caught.value)
            with pytest.raises(LlmError) as caught:
                async for _ in backend.stream(ASK):
                    pass
            errors.append(caught.value)
    return errors


@pytest.mark.parametrize("path", ["", "/", "/v1beta", "/v1beta/", "/v1beta/models"], ids=repr)
@pytest.mark.anyio
async def test_gemini_chat_asks_and_answers(path: str) -> None:
    """A call goes to the right place, however the address is written, with the key in its header alone."""
    with CannedServer([json_answer(WHOLE)]) as server:
        async with backend_at(f"{server.url}{path}") as backend:
            response = await backend.chat(ASK)

    assert (response.content, response.model) == ("Good morning.", MODEL)
    (seen,) = server.requests
    assert (seen.method, seen.path) == ("POST", f"/v1beta/models/{MODEL}:generateContent")
    assert seen.headers["x-goog-api-key"] == KEY
    assert "authorization" not in seen.headers
    assert KEY not in seen.path
    assert KEY.encode() not in seen.body
    assert seen.document == {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}


@pytest.mark.anyio
async def test_gemini_stream_gives_the_same_answer_in_pieces() -> None:
    """The same body goes to another method; a stream ends with the one ``Finished``, which holds the whole answer."""
    with CannedServer([event_stream(*GOOD), json_answer(WHOLE)]) as server:
        async with backend_at(server.url) as backend:
            events = [made async for made in backend.stream(ASK)]
            whole = await backend.chat(ASK)

    assert [type(one) for one in events] == [TextDelta, TextDelta, UsageReported, Finished]
    assert isinstance(events[-1], Finished)
    assert events[-1].response == whole
    assert server.requests[0].path == f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"
    assert server.requests[0].body == server.requests[1].body
    assert server.connections == 1


@pytest.mark.anyio
async def test_gemini_answer_that_is_not_streamed_although_asked_is_taken() -> None:
    """A proxy that ignores the wish to stream still answers."""
    assert [type(one) for one in await stream(json_answer(WHOLE))] == [TextDelta, UsageReported, Finished]


@pytest.mark.parametrize(
    ("steps", "ended"),
    [((GOOD[0],), True), ((GOOD[0],), False), ((GOOD[0], GOOD[1][:-40]), True), ((), True)],
    ids=["no-reason", "reset", "inside-an-event", "nothing"],
)
@pytest.mark.anyio
async def test_gemini_stream_that_breaks_off_is_an_error(steps: tuple[bytes, ...], ended: bool) -> None:
    """A stream that ends before the service says why the answer ended is no answer."""
    with pytest.raises(NetworkError):
        await stream(event_stream(*steps, ended=ended))


@pytest.mark.anyio
async def test_gemini_reset_after_the_reason_costs_nothing() -> None:
    """A connection that breaks off when everything was said does not cost the answer."""
    events = await stream(event_stream(*GOOD, ended=False))

    assert isinstance(events[-1], Finished)
    assert events[-1].response.content == "Good morning."


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        ((GOOD[0], event({"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}})), ProviderError),
        ((event({"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}),), RateLimited),
        ((GOOD[0], b"data: {rubbish\r\n\r\n"), ProviderError),
        ((GOOD[0], b"data: [1]\r\n\r\n"), ProviderError),
        ((event({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}),), ContentFiltered),
        ((GOOD[0], event({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]})), ProviderError),
    ],
    ids=["overloaded", "rate", "json", "list", "blocked", "malformed"],
)
@pytest.mark.anyio
async def test_gemini_error_inside_a_stream_is_typed(steps: tuple[bytes, ...], error: type[LlmError]) -> None:
    """An error in place of a document, a broken one and a blocked prompt are errors of the family."""
    with pytest.raises(error) as caught:
        await stream(event_stream(*steps))

    assert caught.value.backend == f"mine/{MODEL}"


def google(code: int, message: str, status: str, *details: Mapping[str, Any]) -> dict[str, Any]:
    """Write an error as the service does."""
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


_INFO = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "domain": "googleapis.com"}
_RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}
_ERRORS: dict[str, tuple[object, type[LlmError]]] = {
    "key": (
        google(
            400,
            "API key not valid. Please pass a valid API key.",
            "INVALID_ARGUMENT",
            {**_INFO, "reason": "API_KEY_INVALID"},
        ),
        AuthDenied,
    ),
    "expired": (google(400, "API key expired. Please renew the API key.", "INVALID_ARGUMENT"), AuthDenied),
    "place": (google(400, "User location is not supported for the API use.", "FAILED_PRECONDITION"), AuthDenied),
    "billing": (google(400, "Please enable billing on project x.", "FAILED_PRECONDITION"), AuthDenied),
    "unauthenticated": (google(401, "Request had invalid credentials.", "UNAUTHENTICATED"), AuthDenied),
    "forbidden": (google(403, "Permission denied.", "PERMISSION_DENIED"), AuthDenied),
    "model": (
        google(
            404,
            "models/m is not found for API version v1beta, or is not supported for generateContent.",
            "NOT_FOUND",
        ),
        ModelNotFound,
    ),
    "retired": (google(404, "This model models/m is no longer available.", "NOT_FOUND"), ModelNotFound),
    "url": ({"nothing": "here"}, ProviderError),
    "rate": (google(429, "You exceeded your current quota.", "RESOURCE_EXHAUSTED", _RETRY), RateLimited),
    "long": (
        google(
            400,
            "The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).",
            "INVALID_ARGUMENT",
        ),
        ContextLengthExceeded,
    ),
    "bad": (google(400, "Invalid value at 'generation_config.temperature'", "INVALID_ARGUMENT"), InvalidRequest),
    "unsigned": (
        google(400, "Function call is missing a thought_signature in functionCall parts.", "INVALID_ARGUMENT"),
        InvalidRequest,
    ),
    "internal": (google(500, "An internal error has occurred.", "INTERNAL"), ProviderError),
    "overloaded": (google(503, "The model is overloaded.", "UNAVAILABLE"), ProviderError),
    "overloaded-with-hint": (google(503, "The model is overloaded.", "UNAVAILABLE", _RETRY), RateLimited),
    "deadline": (google(504, "Deadline expired.", "DEADLINE_EXCEEDED"), ProviderError),
}


@pytest.mark.parametrize("in_list", [False, True], ids=["object", "list"])
@pytest.mark.parametrize("case", _ERRORS.values(), ids=_ERRORS.keys())
@pytest.mark.anyio
async def test_gemini_refusal_is_typed_streamed_or_not(
    case: tuple[Any, type[LlmError]], in_list: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Every refusal is the same member of the family with and without streaming, and the key appears nowhere."""
    body, variant = case
    status = body.get("error", {"code": 404})["code"]
    with caplog.at_level(logging.DEBUG):
        errors = await both(json_answer([body] if in_list else body, status=status))

    for error in errors:
        assert type(error) is variant
        assert (error.provider, error.backend, error.status) == ("mine", f"mine/{MODEL}", status)
        assert KEY not in f"{error} {error!r} {vars(error)} {error.__cause__!r} {error.__context__!r}"
    assert errors[0] == errors[1]
    assert KEY not in caplog.text


@pytest.mark.anyio
async def test_gemini_refused_key_says_which_variable_to_look_at() -> None:
    """A key that Google does not know is told with the names under which one is set."""
    for error in await both(json_answer(_ERRORS["key"][0], status=400)):
        assert "GEMINI_API_KEY or GOOGLE_API_KEY" in (error.remedy or "")


@pytest.mark.anyio
async def test_gemini_hint_when_to_come_back_is_believed() -> None:
    """The delay stands in the details of the error, not in a header."""
    for error in await both(json_answer(_ERRORS["rate"][0], status=429)):
        assert isinstance(error, RateLimited)
        assert error.retry_after_s == 34.5


@pytest.mark.anyio
async def test_gemini_overflow_tells_both_numbers() -> None:
    """How much was sent and how much is taken stand in the service's words."""
    for error in await both(json_answer(_ERRORS["long"][0], status=400)):
        assert isinstance(error, ContextLengthExceeded)
        assert (error.max_tokens, error.request_tokens) == (1_048_576, 1_200_293)


@pytest.mark.anyio
async def test_gemini_health_asks_for_the_model() -> None:
    """Health is whether the key is good and the model is there."""
    with CannedServer([json_answer({"name": f"models/{MODEL}"}), json_answer(_ERRORS["key"][0], status=400)]) as server:
        async with backend_at(server.url) as backend:
            well, ill = await backend.health(), await backend.health()

    assert (well.reachable, well.healthy, ill.reachable, ill.healthy) == (True, True, True, False)
    assert "API key not valid" in str(ill.detail)
    assert (server.requests[0].method, server.requests[0].path) == ("GET", f"/v1beta/models/{MODEL}")


PAGES: tuple[dict[str, Any], ...] = (
    {
        "models": [
            {
                "name": "models/gemini-3.8-flash",
                "inputTokenLimit": 5,
                "supportedGenerationMethods": ["generateContent"],
            },
            {
                "name": "models/gemini-9-neon",
                "inputTokenLimit": 2_097_152,
                "outputTokenLimit": 131_072,
                "supportedGenerationMethods": ["generateContent", "countTokens"],
                "thinking": True,
            },
            {"name": "models/embedding-1", "supportedGenerationMethods": ["embedContent"]},
            {"name": "models/", "supportedGenerationMethods": ["generateContent"]},
            "nonsense",
        ],
        "nextPageToken": "p&2",
    },
    {"models": [{"name": "models/gemma-9", "supportedGenerationMethods": ["generateContent"], "thinking": False}]},
)


@pytest.mark.anyio
async def test_gemini_discovery_reads_every_page() -> None:
    """Models that chat are found on every page, with what the service states; what is known stays."""
    with CannedServer([json_answer(page) for page in PAGES]) as server:
        chosen = Settings(base_url=server.url, api_key=Secret(KEY))
        found = {str(one.model): one for one in await Gemini().discover(chosen)}

    assert list(found) == ["gemini-3.8-flash", "gemini-9-neon", "gemma-9"]
    assert [request.path for request in server.requests] == [
        "/v1beta/models?pageSize=1000",
        "/v1beta/models?pageSize=1000&pageToken=p%262",
    ]
    assert all(request.headers["x-goog-api-key"] == KEY for request in server.requests)
    new, small = found["gemini-9-neon"], found["gemma-9"]
    assert isinstance(new, BackendDescriptor)
    assert isinstance(small, BackendDescriptor)
    assert new.capabilities.context_tokens == 2_097_152
    assert new.capabilities.reasoning
    assert new.claims.max_output_tokens == 131_072
    assert new.claims.source == f"{server.url}/v1beta"
    assert "tool_use" in new.unknown
    assert "reasoning" not in small.unknown
    assert found["gemini-3.8-flash"].capabilities.context_tokens == 1_048_576


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (json_answer(_ERRORS["key"][0], status=400), AuthDenied),
        (answer(b"<html></html>", headers={"content-type": "text/html"}), ProviderError),
        (json_answer({"models": "none"}), ProviderError),
        (json_answer({"models": [], "nextPageToken": "again"}), ProviderError),
        ([RESET], NetworkError),
    ],
    ids=["denied", "page", "no-list", "endless", "reset"],
)
@pytest.mark.anyio
async def test_gemini_discovery_that_fails_is_typed(
    script: Sequence[bytes | float | str], error: type[LlmError]
) -> None:
    """A list that is no list, or has no end, is an error, not an empty list."""
    with CannedServer([script]) as server, pytest.raises(error) as caught:
        await Gemini().discover(Settings(base_url=server.url, api_key=Secret(KEY)))

    assert KEY not in f"{caught.value} {caught.value!r}"


_BYTES = b"".join(event(one) for one in (document("Grüße "), document("日本 🙂", "STOP", usageMetadata=USAGE)))


@given(st.lists(st.integers(0, len(_BYTES)), max_size=12))
def test_gemini_stream_may_be_cut_anywhere(cuts: list[int]) -> None:
    """However the bytes arrive, inside a character too, the answer is the same."""
    borders = [0, *sorted(cuts), len(_BYTES)]
    parser, assembler = SseParser(), Assembler()
    for start, end in pairwise(borders):
        for found in parser.feed(_BYTES[start:end]):
            assembler.take(json.loads(found.data), event=found.event)
    last = assembler.finish()[-1]

    assert isinstance(last, Finished)
    assert last.response.content == "Grüße 日本 🙂"
