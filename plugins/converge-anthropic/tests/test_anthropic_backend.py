"""The backend against a real socket: what it sends, what it makes of every answer and refusal, and how it lists."""

import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from converge_anthropic.facts import ModelFacts, known_models
from converge_anthropic.provider import Anthropic
from converge_anthropic.settings import Settings
from converge_provider import (
    AuthDenied,
    BackendDescriptor,
    ChatRequest,
    ConfigurationError,
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
)
from converge_provider.http import HttpChatBackend
from converge_provider.testing.canned import RESET, CannedServer, answer, event_stream, json_answer

pytestmark = pytest.mark.anyio

KEY = "sk-ant-planted-0123456789abcdef"
TYPE = Anthropic()
ASK = ChatRequest.of("Hello")
USAGE = {"input_tokens": 3, "output_tokens": 2}
WHOLE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m1",
    "content": [{"type": "text", "text": "Grüße 🙂"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": USAGE,
}


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run every test of this file on both event loops."""
    return str(request.param)


def event(kind: str, **members: Any) -> bytes:
    """Frame an event."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members}, ensure_ascii=False)}\n\n".encode()


def text(piece: str) -> bytes:
    """Give an event with some text."""
    return event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})


BEGUN = (
    event(
        "message_start", message={**WHOLE, "content": [], "stop_reason": None, "usage": {**USAGE, "output_tokens": 1}}
    ),
    event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
)
ENDED = (
    event("content_block_stop", index=0),
    event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 2}),
)
OVER = event("message_stop")
GOOD = (*BEGUN, event("ping"), text("Grüße "), text("🙂"), *ENDED, OVER)


@asynccontextmanager
async def backend_at(url: str, **options: Any) -> AsyncGenerator[HttpChatBackend, None]:
    """Open a backend and close it."""
    own: dict[str, Any] = {"base_url": url, "api_key": Secret(KEY), "models": {"m1": ModelFacts()}}
    configured = Settings(**own | options)
    (descriptor,) = TYPE.descriptors(configured)
    backend = TYPE.open(descriptor, configured)
    try:
        yield backend
    finally:
        await backend.aclose()


async def stream(*script: Sequence[bytes | float | str], **options: Any) -> tuple[list[StreamEvent], CannedServer]:
    """Ask once, streaming."""
    with CannedServer(list(script)) as server:
        async with backend_at(server.url, **options) as backend:
            return [made async for made in backend.stream(ASK)], server


async def gather(events: AsyncIterator[StreamEvent], seen: list[StreamEvent]) -> None:
    """Keep what comes before an error, too."""
    async for made in events:
        seen += [made]


async def errors_of(*script: Sequence[bytes | float | str]) -> list[LlmError]:
    """Give the errors of asking with and without streaming."""
    with CannedServer([*script, *script]) as server:
        async with backend_at(server.url) as backend:
            with pytest.raises(LlmError) as whole:
                await backend.chat(ASK)
            with pytest.raises(LlmError) as streamed:
                await gather(backend.stream(ASK), [])
    return [whole.value, streamed.value]


async def test_chat_asks_and_answers() -> None:
    """A call goes to the right place, with the key and the version in headers, and the answer is read."""
    with CannedServer([json_answer(WHOLE, headers={"request-id": "req_1"})]) as server:
        async with backend_at(server.url, betas=["a-2026", "b-2026"], headers={"x-team": "t1"}) as backend:
            response = await backend.chat(ASK)

    assert (response.content, response.metadata["request-id"]) == ("Grüße 🙂", "req_1")
    (seen,) = server.requests
    assert (seen.method, seen.path) == ("POST", "/v1/messages")
    assert seen.headers["x-api-key"] == KEY
    assert "authorization" not in seen.headers
    assert seen.headers["anthropic-version"] == "2023-06-01"
    assert seen.headers["anthropic-beta"] == "a-2026,b-2026"
    assert seen.headers["x-team"] == "t1"
    assert KEY.encode() not in seen.body
    assert seen.document == {
        "model": "m1",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": "Hello"}],
    }


async def test_token_is_sent_as_a_bearer() -> None:
    """A token takes the place of a key, in its own header."""
    options = {"api_key": Secret(), "auth_token": Secret(f" {KEY}\n"), "api_version": "2026-10-21"}
    _events, server = await stream(event_stream(*GOOD), **options)

    (seen,) = server.requests
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert "x-api-key" not in seen.headers
    assert seen.headers["anthropic-version"] == "2026-10-21"


async def test_stream_gives_the_same_answer_in_pieces() -> None:
    """A stream ends with the one ``Finished``, which holds what the call without streaming gives."""
    events, server = await stream(event_stream(*GOOD))
    with CannedServer([json_answer(WHOLE)]) as at_once:
        async with backend_at(at_once.url) as backend:
            whole = await backend.chat(ASK)

    last = events[-1]
    assert isinstance(last, Finished)
    assert last.response == whole
    assert server.requests[0].document["stream"] is True
    assert server.requests[0].headers["accept"] == "text/event-stream"


@pytest.mark.parametrize(
    "script",
    [
        event_stream(*GOOD[:-1]),
        event_stream(*GOOD, event("content_block_delta", index=9)),
        event_stream(*GOOD[:-1], ended=False),
        event_stream(b"".join(GOOD).replace(b"\n", b"\r\n")),
        event_stream(b"".join(GOOD).replace(b"data: ", b"data:")),
        json_answer(WHOLE),
    ],
    ids=["no last event", "more after the end", "reset after the reason", "windows lines", "no spaces", "whole"],
)
async def test_stream_framed_anyhow_is_complete(script: Sequence[bytes | float | str]) -> None:
    """However a server frames or ends its stream, an answer that said why it ended is whole."""
    events, _server = await stream(script)

    last = events[-1]
    assert isinstance(last, Finished)
    assert last.response.content == "Grüße 🙂"


@pytest.mark.parametrize(
    "script",
    [event_stream(*GOOD[:5]), event_stream(*GOOD[:4], ended=False), event_stream(*GOOD[:3], text("x")[:-9])],
    ids=["ended before the reason", "reset", "cut within an event"],
)
async def test_stream_that_ends_before_the_answer_is_a_network_error(script: Sequence[bytes | float | str]) -> None:
    """A stream that does not say why the answer ended broke off, and never counts as an answer."""
    with pytest.raises(NetworkError):
        await stream(script)


def failed(kind: str, words: str = "the server says no", **members: Any) -> dict[str, Any]:
    """Make an error as this wire has it."""
    return {"type": "error", "error": {"type": kind, "message": words, **members}, "request_id": "req_7"}


def said(value: Any) -> str | None:
    """Name a case by what the server says."""
    return f"{value['error']['type']}: {value['error']['message']}" if isinstance(value, dict) else None


@pytest.mark.parametrize(
    ("status", "document", "error", "code"),
    [
        (400, failed("invalid_request_error", "messages: Input should be a valid list"), InvalidRequest, None),
        (
            400,
            failed("invalid_request_error", "Your credit balance is too low"),
            ProviderError,
            "402",
        ),
        (
            400,
            failed("invalid_request_error", "You reached your specified API usage limits."),
            ProviderError,
            "402",
        ),
        (401, failed("authentication_error", "invalid x-api-key"), AuthDenied, None),
        (402, failed("billing_error"), ProviderError, "402"),
        (403, failed("permission_error"), AuthDenied, None),
        (404, failed("not_found_error", "model: claude-0"), ModelNotFound, None),
        (404, failed("not_found_error", "Not Found"), ProviderError, "404"),
        (413, failed("request_too_large", "Request exceeds the maximum size"), ProviderError, "413"),
        (429, failed("rate_limit_error"), RateLimited, None),
        (500, failed("api_error", "Internal server error"), ProviderError, "500"),
        (504, failed("timeout_error"), ProviderError, "504"),
        (529, failed("overloaded_error", "Overloaded"), ProviderError, "529"),
    ],
    ids=said,
)
async def test_refusal_is_typed_streamed_or_not(
    status: int, document: dict[str, Any], error: type[LlmError], code: str | None
) -> None:
    """Each type of error becomes one of the family, with status, vendor's code and request id."""
    for caught in await errors_of(json_answer(document, status=status)):
        assert type(caught) is error
        assert (caught.status, caught.request_id) == (status, "req_7")
        assert caught.vendor_code == document["error"]["type"]
        assert caught.backend == "anthropic/m1"
        assert getattr(caught, "code", None) == code
        assert isinstance(error(*caught.args), error)


@pytest.mark.parametrize(
    ("status", "document", "advice"),
    [
        (400, failed("invalid_request_error", "Your credit balance is too low"), "credits and billing"),
        (400, failed("invalid_request_error", "You reached your specified API usage limits."), "Raise the limit"),
        (402, failed("billing_error"), "credits and billing"),
        (400, failed("invalid_request_error", "x exceed context limit: 9 + 9 > 10"), "smaller max_tokens"),
        (401, failed("authentication_error"), "Check the API key"),
    ],
    ids=["credits", "own limit", "billing", "max_tokens", "key"],
)
async def test_refusal_says_what_to_do(status: int, document: dict[str, Any], advice: str) -> None:
    """Where only the user can help, the error says how."""
    for caught in await errors_of(json_answer(document, status=status)):
        assert advice in str(caught.remedy)


@pytest.mark.parametrize(
    ("words", "most", "asked"),
    [
        ("prompt is too long: 210123 tokens > 200000 maximum", 200_000, 210_123),
        (
            "input length and `max_tokens` exceed context limit: 199000 + 8000 > 200000, decrease input",
            200_000,
            199_000,
        ),
    ],
)
async def test_overflow_has_its_numbers(words: str, most: int, asked: int) -> None:
    """A prompt that is too long is told from other faults, with the model's limit and its own length."""
    for caught in await errors_of(json_answer(failed("invalid_request_error", words), status=400)):
        assert isinstance(caught, ContextLengthExceeded)
        assert (caught.max_tokens, caught.request_tokens) == (most, asked)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"anthropic-ratelimit-input-tokens-remaining": "0", "anthropic-ratelimit-input-tokens-reset": "12s"}, 12.0),
        ({}, None),
    ],
    ids=["retry-after", "a window that is used up", "nothing"],
)
async def test_rate_limit_says_when_to_come_back(headers: dict[str, str], wait_s: float | None) -> None:
    """How long to wait is taken from the header for it, else from the windows of the limit."""
    for caught in await errors_of(json_answer(failed("rate_limit_error"), status=429, headers=headers)):
        assert isinstance(caught, RateLimited)
        assert caught.retry_after_known is (wait_s is not None)
        assert caught.retry_after_s == (wait_s or 0.0)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("overloaded_error", ProviderError),
        ("api_error", ProviderError),
        ("timeout_error", ProviderError),
        ("rate_limit_error", RateLimited),
        ("invalid_request_error", InvalidRequest),
        ("authentication_error", AuthDenied),
        ("permission_error", AuthDenied),
        ("billing_error", ProviderError),
    ],
)
async def test_error_inside_a_stream_is_typed(kind: str, error: type[LlmError]) -> None:
    """An error that stands in the stream, after some text, is of the same class as one with a status."""
    seen: list[StreamEvent] = []
    with CannedServer([event_stream(*GOOD[:4], event("error", **failed(kind)), RESET)]) as server:
        async with backend_at(server.url) as backend:
            with pytest.raises(LlmError) as caught:
                await gather(backend.stream(ASK), seen)

    assert type(caught.value) is error
    assert caught.value.vendor_code == kind
    assert len(seen) == 2


async def test_no_credential_is_repeated(caplog: pytest.LogCaptureFixture) -> None:
    """A server that quotes the key finds it masked in errors, their notes and the logs."""
    caplog.set_level(logging.DEBUG)
    refusal = {**WHOLE, "content": [], "stop_reason": "refusal", "stop_details": {"explanation": f"{KEY} is no key"}}
    caught = [
        *(await errors_of(json_answer(failed("authentication_error", f"{KEY} is no key"), status=401))),
        *(await errors_of(json_answer(refusal))),
    ]

    assert len(caught) == 4
    for error in caught:
        assert "*** is no key" in str(error)
        assert KEY not in repr((error, error.args, error.__dict__, getattr(error, "__notes__", ())))
    assert KEY not in caplog.text


async def test_web_page_in_place_of_the_api_says_what_to_do() -> None:
    """An address where something else answers is told in one line that says what to check."""
    page = answer(b"<html>hello</html>", headers={"content-type": "text/html"})
    for caught in await errors_of(page):
        assert isinstance(caught, ProviderError)
        assert "base URL" in str(caught.remedy)


async def test_request_that_cannot_be_honoured_costs_no_connection() -> None:
    """What is refused is refused before anything is sent."""
    with CannedServer([]) as server:
        async with backend_at(server.url) as backend:
            with pytest.raises(InvalidRequest, match="does not honour seed"):
                await backend.chat(ChatRequest(messages=ASK.messages, seed=1))

    assert server.requests == []


async def test_health_asks_for_the_shortest_list() -> None:
    """The list of models says that the service is well, and that the key holds."""
    script = [json_answer({"data": [], "has_more": False}), json_answer(failed("authentication_error"), status=401)]
    with CannedServer(script) as server:
        async with backend_at(server.url) as backend:
            well, ill = await backend.health(), await backend.health()

    assert (well.healthy, ill.healthy, ill.reachable) == (True, False, True)
    assert [seen.path for seen in server.requests] == ["/v1/models?limit=1"] * 2


LISTED = {
    "id": "claude-later",
    "type": "model",
    "lifecycle": "active",
    "max_input_tokens": 500_000,
    "max_tokens": 32_000,
    "capabilities": {
        "image_input": {"supported": True},
        "pdf_input": {"supported": False},
        "structured_outputs": {"supported": True},
        "effort": {"supported": True, "low": {"supported": True}, "max": {"supported": True}},
        "thinking": {
            "supported": True,
            "types": {"adaptive": {"supported": True}, "between_tools": {"supported": True}},
        },
    },
}


async def test_discovery_reads_every_page_and_what_it_states() -> None:
    """Models of all pages are found, with the facts of the list and those of the table."""
    script = [
        json_answer({"data": [LISTED, {"id": "gone", "lifecycle": "retired"}], "has_more": True, "last_id": "a/b"}),
        json_answer({"data": [{"id": "claude-opus-4-6"}, {"id": " "}, 7], "has_more": False, "last_id": "z"}),
    ]
    with CannedServer(script) as server:
        found = await TYPE.discover(Settings(base_url=server.url, api_key=Secret(KEY)))

    assert [seen.path for seen in server.requests] == ["/v1/models?limit=1000", "/v1/models?limit=1000&after_id=a%2Fb"]
    later, known = found
    assert isinstance(later, BackendDescriptor)
    assert later.model == "claude-later"
    assert (later.capabilities.context_tokens, later.claims.max_output_tokens) == (500_000, 32_000)
    assert (later.capabilities.reasoning, later.capabilities.vision) == (True, True)
    assert later.claims.input_modalities == frozenset({"text", "image"})
    assert later.claims.honours is not None
    assert {"response_schema", "reasoning_effort"} <= later.claims.honours
    assert known.capabilities.context_tokens == known_models()["claude-opus-4-6"].context_tokens


async def test_discovery_gives_models_of_budgets_their_efforts() -> None:
    """A model that thinks by budgets takes the efforts which budgets make, and none where thinking can be declined."""
    kinds = {"enabled": {"supported": True}, "disabled": {"supported": True}, "adaptive": {"supported": False}}
    entry = {"id": "claude-old", "capabilities": {"thinking": {"supported": True, "types": kinds}}}
    with CannedServer([json_answer({"data": [entry], "has_more": False})]) as server:
        configured = Settings(base_url=server.url, api_key=Secret(KEY))
        (found,) = await TYPE.discover(configured)

    assert isinstance(found, BackendDescriptor)
    assert found.claims.honours is not None
    assert "reasoning_effort" in found.claims.honours
    assert "response_schema" not in found.claims.honours


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (json_answer(failed("authentication_error"), status=401), AuthDenied),
        (answer(b"<html>", headers={"content-type": "text/html"}), ProviderError),
        ([RESET], NetworkError),
    ],
    ids=["refused", "a page", "reset"],
)
async def test_discovery_that_fails_is_typed(script: Sequence[bytes | float | str], error: type[LlmError]) -> None:
    """A list that cannot be had is an error of the family that names the provider."""
    with CannedServer([script]) as server, pytest.raises(error):
        await TYPE.discover(Settings(base_url=server.url, api_key=Secret(KEY)))


async def test_discovery_of_endless_pages_ends() -> None:
    """A server whose list never ends is asked twenty times and no more."""
    page = json_answer({"data": [{"id": "m"}], "has_more": True, "last_id": "m"})
    with CannedServer([page] * 25) as server:
        found = await TYPE.discover(Settings(base_url=server.url, api_key=Secret(KEY)))

    assert (len(found), len(server.requests)) == (1, 20)


@settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.sets(st.integers(1, len(b"".join(GOOD)) - 1), max_size=8))
def test_bytes_cut_anywhere_give_the_same_answer(cuts: set[int]) -> None:
    """Wherever the network cuts the bytes, within events, lines and characters, the answer is the same."""
    body, places = b"".join(GOOD), sorted(cuts)
    pieces = [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]

    events, _server = anyio.run(lambda: stream(event_stream(*pieces)))

    last = events[-1]
    assert isinstance(last, Finished)
    assert last.response.content == "Grüße 🙂"


async def test_key_and_token_together_are_refused() -> None:
    """Who pays must not be a guess: with a key and a token, opening is refused in one line that says what to do."""
    with pytest.raises(ConfigurationError, match="unset ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN") as caught:
        async with backend_at("http://127.0.0.1:9", auth_token=Secret("planted-token")):
            pass

    assert "planted" not in str(caught.value)
