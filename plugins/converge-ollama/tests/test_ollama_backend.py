"""The backend against a real socket: what it sends, what it makes of every answer, and what it leaves behind."""

import json
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import anyio
import pytest
from attrs import evolve
from hypothesis import given, strategies as st

from converge_ollama.facts import ModelFacts
from converge_ollama.provider import Ollama, Settings
from converge_ollama.wire.answers import Assembler
from converge_provider import (
    AuthDenied,
    BackendDescriptor,
    ChatRequest,
    ContextLengthExceeded,
    CostClass,
    DataSovereignty,
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
from converge_provider.http import HttpChatBackend, ndjson_events
from converge_provider.testing.canned import (
    RESET,
    CannedRequest,
    CannedServer,
    Step,
    answer,
    event_stream,
    json_answer,
)

KEY = "planted-0123456789abcdef"
ASK = ChatRequest.of("Hello")
MODEL = "qwen3:8b"
COUNTS = {"prompt_eval_count": 3, "eval_count": 2}
LINES = {"content-type": "application/x-ndjson"}


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run every asynchronous test of this file on both event loops."""
    return str(request.param)


def document(text: str, *, done: bool = False, **further: Any) -> dict[str, Any]:
    """Make a document of the wire."""
    made = {"model": MODEL, "created_at": "2026-08-21T18:48:22Z", "message": {"role": "assistant", "content": text}}
    return made | {"done": done, **({"done_reason": "stop"} if done else {}), **further}


def line(made: object) -> bytes:
    """Frame a line."""
    return json.dumps(made).encode() + b"\n"


WHOLE = document("Good morning.", done=True, **COUNTS)
GOOD = (line(document("Good ")), line(document("morning.")), line(document("", done=True, **COUNTS)))


@asynccontextmanager
async def backend_at(url: str, **settings: Any) -> AsyncGenerator[HttpChatBackend, None]:
    """Open a backend and close it."""
    kind = Ollama()
    fields: dict[str, Any] = {"base_url": url, "api_key": Secret(KEY), "models": {MODEL: ModelFacts()}, **settings}
    chosen = Settings(**fields)
    backend = kind.open(evolve(kind.descriptors(chosen)[0], provider="mine"), chosen)
    try:
        yield backend
    finally:
        await backend.aclose()


def streamed(*steps: Step, ended: bool = True) -> Sequence[Step]:
    """Give a streamed answer."""
    return event_stream(*steps, headers=LINES, ended=ended)


async def stream(*script: Sequence[Step]) -> list[StreamEvent]:
    """Ask once, streaming."""
    with CannedServer(list(script)) as server:
        async with backend_at(server.url) as backend:
            return [made async for made in backend.stream(ASK)]


async def both(*script: Sequence[Step]) -> list[LlmError]:
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


@pytest.mark.parametrize("path", ["", "/", "/api", "/api/chat", "/v1/"], ids=repr)
@pytest.mark.anyio
async def test_ollama_chat_asks_and_answers(path: str) -> None:
    """A call goes to the right place, however the address is written, with a key only in its header."""
    with CannedServer([json_answer(WHOLE)]) as server:
        async with backend_at(f"{server.url}{path}") as backend:
            response = await backend.chat(ASK)

    assert (response.content, response.model) == ("Good morning.", MODEL)
    (seen,) = server.requests
    assert (seen.method, seen.path) == ("POST", "/api/chat")
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert KEY.encode() not in seen.body
    assert seen.document == {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": False,
        "truncate": False,
        "shift": False,
    }


@pytest.mark.anyio
async def test_ollama_stream_gives_the_same_answer_in_pieces() -> None:
    """A stream ends with the one ``Finished``, which holds what the call without streaming would have given."""
    with CannedServer([streamed(*GOOD), json_answer(WHOLE)]) as server:
        async with backend_at(server.url, api_key=Secret()) as backend:
            events = [made async for made in backend.stream(ASK)]
            whole = await backend.chat(ASK)

    assert [type(one) for one in events] == [TextDelta, TextDelta, UsageReported, Finished]
    assert isinstance(events[-1], Finished)
    assert events[-1].response == whole
    assert server.requests[0].document["stream"] is True
    assert server.requests[0].headers["accept"] == "application/x-ndjson"
    assert "authorization" not in server.requests[0].headers
    assert server.connections == 1


@pytest.mark.anyio
async def test_ollama_answer_that_is_not_streamed_although_asked_is_taken() -> None:
    """A proxy that ignores the wish to stream still answers."""
    assert [type(one) for one in await stream(json_answer(WHOLE))] == [TextDelta, UsageReported, Finished]


@pytest.mark.parametrize(
    ("steps", "ended"),
    [((GOOD[0],), True), ((GOOD[0],), False), ((GOOD[0], GOOD[2][:-40]), True), ((), True)],
    ids=["not-done", "reset", "inside-a-line", "nothing"],
)
@pytest.mark.anyio
async def test_ollama_stream_that_breaks_off_is_an_error(steps: tuple[bytes, ...], ended: bool) -> None:
    """A stream that ends before the server says that it is done is no answer."""
    with pytest.raises(NetworkError):
        await stream(streamed(*steps, ended=ended))


@pytest.mark.parametrize(
    ("steps", "ended"),
    [(GOOD, False), ((*GOOD[:2], GOOD[2].rstrip()), True), ((b"\n", b"\r\n".join(one.rstrip() for one in GOOD)), True)],
    ids=["reset-after-done", "no-last-line-feed", "crlf"],
)
@pytest.mark.anyio
async def test_ollama_stream_framed_anyhow_is_complete(steps: tuple[bytes, ...], ended: bool) -> None:
    """When the server has said that it is done, what the connection does is no matter."""
    events = await stream(streamed(*steps, ended=ended))

    assert isinstance(events[-1], Finished)
    assert events[-1].response.content == "Good morning."


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        ((GOOD[0], line({"error": "an error was encountered while running the model"})), ProviderError),
        ((line({"error": "slow down", "status": 429}),), RateLimited),
        ((GOOD[0], line({"error": "the input length exceeds the context length"})), ContextLengthExceeded),
        ((GOOD[0], b"{rubbish\n"), ProviderError),
        ((GOOD[0], b"[1]\n"), ProviderError),
        ((GOOD[0], b'{"message": {"content": "\xff"}}\n'), ProviderError),
    ],
    ids=["error", "rate", "overflow", "json", "list", "utf8"],
)
@pytest.mark.anyio
async def test_ollama_error_inside_a_stream_is_typed(steps: tuple[bytes, ...], error: type[LlmError]) -> None:
    """An error in place of a line and a broken one are errors of the family."""
    with pytest.raises(error) as caught:
        await stream(streamed(*steps))

    assert caught.value.backend == f"mine/{MODEL}"


_ERRORS: dict[str, tuple[int, object, type[LlmError], str]] = {
    "model": (404, {"error": "model 'qwen3:8b' not found"}, ModelNotFound, "Run: ollama pull qwen3:8b"),
    "pull": (404, {"error": 'model "x" not found, try pulling it first'}, ModelNotFound, "Run: ollama pull qwen3:8b"),
    "url": (404, {"nothing": "here"}, ProviderError, "check the base URL (OLLAMA_HOST"),
    "thinking": (400, {"error": '"x" does not support thinking'}, InvalidRequest, ""),
    "tools": (400, {"error": "registry.ollama.ai/library/x does not support tools"}, InvalidRequest, ""),
    "long": (
        400,
        {"error": "the prompt is longer than the context length currently available to the model; shorten the prompt"},
        ContextLengthExceeded,
        "num_ctx",
    ),
    "signin": (401, {"error": "unauthorized", "signin_url": "https://x.example"}, AuthDenied, "Run: ollama signin"),
    "cloud": (403, {"error": "ollama cloud is disabled"}, AuthDenied, "OLLAMA_API_KEY"),
    "rate": (429, {"error": "too many requests"}, RateLimited, ""),
    "busy": (
        503,
        {"error": "server busy, please try again.  maximum pending requests exceeded"},
        ProviderError,
        "",
    ),
    "memory": (
        500,
        {"error": "model requires more system memory (5.5 GiB) than is available (3.1 GiB)"},
        ProviderError,
        "smaller",
    ),
    "crash": (500, {"error": "llama runner process has terminated"}, ProviderError, ""),
    "bad": (400, {"error": "invalid character 'x'"}, InvalidRequest, ""),
}


@pytest.mark.parametrize("case", _ERRORS.values(), ids=_ERRORS.keys())
@pytest.mark.anyio
async def test_ollama_refusal_is_typed_streamed_or_not(
    case: tuple[int, object, type[LlmError], str], caplog: pytest.LogCaptureFixture
) -> None:
    """Every refusal is the same member of the family with and without streaming, and says what to do."""
    status, body, variant, remedy = case
    with caplog.at_level(logging.DEBUG):
        errors = await both(json_answer(body, status=status))

    for error in errors:
        assert type(error) is variant
        assert (error.provider, error.backend, error.status) == ("mine", f"mine/{MODEL}", status)
        assert remedy in (error.remedy or "")
        assert KEY not in f"{error} {error!r} {vars(error)} {error.__cause__!r} {error.__context__!r}"
    assert errors[0] == errors[1]
    assert KEY not in caplog.text


@pytest.mark.anyio
async def test_ollama_health_is_whether_the_model_is_there() -> None:
    """Health looks at the model without loading it."""
    with CannedServer([json_answer({"model_info": {}}), json_answer(_ERRORS["model"][1], status=404)]) as server:
        async with backend_at(server.url) as backend:
            well, ill = await backend.health(), await backend.health()

    assert (well.reachable, well.healthy, ill.reachable, ill.healthy) == (True, True, True, False)
    assert (server.requests[0].path, server.requests[0].document) == ("/api/show", {"model": MODEL})


TAGS = {"models": [{"name": name, "model": name} for name in ("qwen3:8b", "llama3:8b", "big:cloud", "nomic", "gone")]}
SHOWN: dict[str, Any] = {
    "qwen3:8b": {
        "capabilities": ["completion", "tools", "thinking"],
        "model_info": {"general.architecture": "qwen3", "qwen3.context_length": 40_960},
    },
    "llama3:8b": {
        "capabilities": ["completion", "vision"],
        "parameters": "num_ctx 2048",
        "model_info": {"llama.context_length": 8192},
    },
    "big:cloud": {
        "capabilities": ["completion", "tools"],
        "remote_host": "https://ollama.com:443",
        "model_info": {"big.context_length": 262_144},
    },
    "nomic": {"capabilities": ["embedding"]},
}


def server_with(loaded: object) -> Callable[[CannedRequest], Sequence[Step]]:
    """Be a server with models, some of which are loaded."""

    def respond(request: CannedRequest) -> Sequence[Step]:
        if request.path == "/api/tags":
            return json_answer(TAGS)
        if request.path == "/api/ps":
            return json_answer(loaded) if loaded else answer(b"404 page not found", status=404)
        name = request.document["model"]
        return json_answer(SHOWN[name]) if name in SHOWN else json_answer({"error": "broken"}, status=500)

    return respond


async def discovered(loaded: object = None, **settings: Any) -> dict[str, BackendDescriptor]:
    """Ask a server for its models."""
    with CannedServer(server_with(loaded)) as server:
        found = await Ollama().discover(Settings(base_url=server.url, **settings))
    return {str(one.model): one for one in found if isinstance(one, BackendDescriptor)}


@pytest.mark.anyio
async def test_ollama_discovery_tells_what_models_can_do() -> None:
    """Models that chat are found with their abilities; one that cannot be shown stays, and is unknown."""
    found = await discovered()

    assert list(found) == ["qwen3:8b", "llama3:8b", "big:cloud", "gone"]
    local, seeing, cloud, gone = found.values()
    assert (local.capabilities.tool_use, local.capabilities.reasoning, local.capabilities.vision) == (True, True, False)
    assert "vision" not in local.unknown
    assert seeing.claims.input_modalities == frozenset({"text", "image"})
    assert "reasoning_effort" not in (seeing.claims.honours or ())
    assert {"tool_use", "vision", "reasoning"} <= gone.unknown
    assert (local.cost_class, local.claims.requires_network) == (CostClass.FREE, False)
    assert local.claims.data_sovereignty == frozenset({DataSovereignty.ON_PREMISES})
    assert (cloud.claims.requires_network, cloud.claims.data_sovereignty, cloud.claims.prices) == (True, None, None)
    assert "response_schema" not in (cloud.claims.honours or ())
    assert "cost_class" in cloud.unknown


@pytest.mark.parametrize(
    ("loaded", "settings", "expected"),
    [
        (None, {}, {"qwen3:8b": None, "llama3:8b": 2048, "big:cloud": 262_144}),
        ({"models": [{"model": "qwen3:8b", "context_length": 4096}]}, {}, {"qwen3:8b": 4096, "llama3:8b": 2048}),
        (None, {"num_ctx": 16_384}, {"qwen3:8b": 16_384, "llama3:8b": 8192}),
        (None, {"models": {"qwen3:8b": ModelFacts(num_ctx=65_536)}}, {"qwen3:8b": 40_960, "llama3:8b": 2048}),
        (None, {"models": {"qwen3:8b": ModelFacts(context_tokens=9)}}, {"qwen3:8b": 9, "llama3:8b": 2048}),
    ],
    ids=["unknown", "loaded", "asked", "asked-for-one", "stated"],
)
@pytest.mark.anyio
async def test_ollama_claims_the_context_that_is_served(
    loaded: object, settings: dict[str, Any], expected: dict[str, int | None]
) -> None:
    """What a model was made for is claimed only where it is served; what nobody states stays unknown."""
    found = await discovered(loaded, **settings)

    assert {name: found[name].capabilities.context_tokens for name in expected} == expected


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (json_answer({"error": "no"}, status=401), AuthDenied),
        (answer(b"<html></html>", headers={"content-type": "text/html"}), ProviderError),
        (json_answer({"data": []}), ProviderError),
        ([RESET], NetworkError),
    ],
    ids=["denied", "page", "another-wire", "reset"],
)
@pytest.mark.anyio
async def test_ollama_discovery_that_fails_is_typed(script: Sequence[Step], error: type[LlmError]) -> None:
    """A list that is no list is an error, not an empty one."""
    with CannedServer([script]) as server, pytest.raises(error):
        await Ollama().discover(Settings(base_url=server.url))


_BYTES = b"".join(
    json.dumps(one, ensure_ascii=False).encode() + b"\n"
    for one in (document("Grüße "), document("日本 🙂"), document("", done=True, **COUNTS))
)


@given(st.lists(st.integers(0, len(_BYTES)), max_size=12))
def test_ollama_stream_may_be_cut_anywhere(cuts: list[int]) -> None:
    """However the bytes arrive, inside a character too, the answer is the same."""
    borders = [0, *sorted(cuts), len(_BYTES)]

    async def pieces() -> AsyncGenerator[bytes, None]:
        for start, end in pairwise(borders):
            yield _BYTES[start:end]

    async def run() -> Sequence[StreamEvent]:
        assembler = Assembler()
        async for found in ndjson_events(pieces()):
            assembler.take(json.loads(found.data), event=found.event)
        return assembler.finish()

    last = anyio.run(run)[-1]
    assert isinstance(last, Finished)
    assert last.response.content == "Grüße 日本 🙂"
