"""Relaying through this adapter: which routes there are, and both formats at llama.cpp's own server."""

import json
import time
import urllib.request
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager

import anyio
import pytest
from attrs import define, field

from converge_openai.describing import describe
from converge_openai.facts import ModelFacts
from converge_openai.provider import OpenAiCompatible
from converge_openai.routes import routes_of
from converge_openai.services import services
from converge_provider import (
    BackendDescriptor,
    Catalogue,
    ContextLengthExceeded,
    Engine,
    Job,
    JobError,
    JobErrorCode,
    JsonObject,
    RegisteredChatBackend,
    Secret,
    UsageDetail,
    WireFormat,
)
from converge_provider.http import HttpRequest
from converge_provider.testing.canned import CannedServer, event_stream
from converge_provider.testing.llamacpp import llamacpp_server

pytestmark = pytest.mark.anyio

KEY = "sk-planted-relay-0123456789"
LLAMA = OpenAiCompatible(services()["llamacpp"])
ASKED: JsonObject = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 8, "seed": 7, "temperature": 0}
ENDLESS: JsonObject = {**ASKED, "max_tokens": 900, "ignore_eos": True}
TWICE = {"vllm", "llamacpp", "lmstudio", "ollama"}
"""The services that document a route for Messages."""


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


@define
class Taken:
    """A sink that keeps what it is given."""

    chunks: list[bytes] = field(factory=list[bytes])
    seen: anyio.Event = field(factory=anyio.Event)

    async def send_chunk(self, chunk: bytes) -> None:
        """Keep a piece."""
        self.chunks.append(chunk)
        self.seen.set()

    def documents(self) -> list[dict[str, object]]:
        """Read the events that carry JSON."""
        lines = b"".join(self.chunks).decode().splitlines()
        return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


@asynccontextmanager
async def engine_at(url: str) -> AsyncGenerator[Engine, None]:
    """Make an engine of the one model that a server is said to have."""
    settings = LLAMA.settings(base_url=url, api_key=Secret(KEY))
    (descriptor, *_) = await LLAMA.discover(settings)
    backend = LLAMA.open(descriptor, settings)
    async with Engine(Catalogue.of(RegisteredChatBackend(descriptor, backend))) as engine:
        yield engine


def job(request: JsonObject, *, spoken: WireFormat, model: str = "smollm2", ms: int = 20_000) -> Job:
    """Make a job."""
    return Job(id="j1", model=model, request=request, format=spoken, deadline_ms=ms)


@pytest.mark.parametrize("name", sorted(services()))
def test_service_claims_the_formats_that_it_has_routes_for(name: str) -> None:
    """What a model claims to relay and where it would be relayed to are the same, and named as the contract does."""
    service = services()[name]
    routes = routes_of(service, HttpRequest(url="http://localhost:1/v1"), "http://localhost:1/v1/chat/completions")
    claims = describe(service, "one", ModelFacts(), None).claims

    assert {route.format for route in routes} == ({*WireFormat} if name in TWICE else {WireFormat.OPENAI})
    assert {wire for wire in WireFormat if claims.capabilities.get(wire.capability)} == {each.format for each in routes}


async def test_messages_carry_their_version_and_the_key() -> None:
    """The route for Messages lies beside that for chats, with the header that its format wants."""
    stop = b'data: {"type":"message_stop"}\n\n'
    with CannedServer([event_stream(stop)]) as server:
        settings = LLAMA.settings(base_url=server.url, api_key=Secret(KEY))
        backend = LLAMA.open(BackendDescriptor.unstated("llamacpp", "smollm2"), settings)
        await backend.execute(job(ASKED, spoken=WireFormat.ANTHROPIC), Taken())
        await backend.aclose()

    (request,) = server.requests
    assert request.path == "/v1/messages"
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert request.headers["authorization"] == f"Bearer {KEY}"


async def test_usage_is_sorted_as_the_service_counts() -> None:
    """Counts that only some vendors state, beside the others, are read as in any answer of theirs."""
    said = b'data: {"usage":{"prompt_tokens":10,"completion_tokens":2,"prompt_cache_hit_tokens":8}}\n\ndata: [DONE]\n\n'
    with CannedServer([event_stream(said)]) as server:
        kind = OpenAiCompatible(services()["deepseek"])
        backend = kind.open(
            BackendDescriptor.unstated("deepseek", "one"), kind.settings(base_url=server.url, api_key=Secret(KEY))
        )
        result = await backend.execute(job(ASKED, spoken=WireFormat.OPENAI, model="one"), Taken())
        await backend.aclose()

    assert result.usage_detail == UsageDetail(input_uncached=2, cache_read=8, output=2)


@pytest.fixture(scope="module")
def url() -> Generator[str, None, None]:
    """Start the server once for this file, on a free port of loopback, with a key."""
    with llamacpp_server(key=KEY) as address:
        yield address


@pytest.mark.real
@pytest.mark.parametrize("spoken", WireFormat, ids=str)
async def test_real_server_is_relayed_in_both_formats(url: str, spoken: WireFormat) -> None:
    """The sink gets a whole stream of the caller's format, and the usage is what the stream says."""
    sink = Taken()
    async with engine_at(url) as engine:
        reply = await engine.relay().execute(job(ASKED, spoken=spoken), sink)

    documents = sink.documents()
    if spoken is WireFormat.OPENAI:
        assert documents[0]["object"] == "chat.completion.chunk"
        assert sink.chunks[-1].endswith(b"data: [DONE]\n\n")
    else:
        assert [documents[0]["type"], documents[-1]["type"]] == ["message_start", "message_stop"]
    assert reply.usage is not None
    assert 0 < reply.usage.completion_tokens <= 8
    assert reply.usage.prompt_tokens > 20
    assert reply.backend == "llamacpp/smollm2"
    assert reply.sent_bytes == len(b"".join(sink.chunks))


@pytest.mark.real
@pytest.mark.parametrize("spoken", WireFormat, ids=str)
async def test_real_generation_stops_when_its_job_is_cancelled(url: str, spoken: WireFormat) -> None:
    """Cancelling closes the connection, and the server stops to generate."""
    async with engine_at(url) as engine:
        relay, sink = engine.relay(), Taken()

        async def run() -> None:
            with pytest.raises(JobError) as caught:
                await relay.execute(job(ENDLESS, spoken=spoken), sink)
            assert caught.value.code is JobErrorCode.CANCELLED

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            await sink.seen.wait()
            assert await anyio.to_thread.run_sync(busy_slots, url) == 1
            assert relay.cancel("j1")
        assert relay.in_flight == 0
        await idle(url)


@pytest.mark.real
async def test_real_generation_stops_at_the_deadline(url: str) -> None:
    """A job's time holds for the whole answer."""
    async with engine_at(url) as engine:
        sink = Taken()
        with pytest.raises(JobError) as caught:
            await engine.relay().execute(job(ENDLESS, spoken=WireFormat.OPENAI, ms=400), sink)
        await idle(url)

    assert caught.value.code is JobErrorCode.BACKEND_TIMEOUT
    assert caught.value.sent_bytes == len(b"".join(sink.chunks)) > 0


@pytest.mark.real
async def test_real_server_refuses_what_is_too_long(url: str) -> None:
    """A window that nobody knew to be too small is told as an overflow, with no byte of an answer."""
    long: JsonObject = {"messages": [{"role": "user", "content": "word " * 3_000}]}
    settings = LLAMA.settings(base_url=url, api_key=Secret(KEY))
    backend = LLAMA.open(BackendDescriptor.unstated("llamacpp", "smollm2"), settings)
    sink = Taken()
    try:
        with pytest.raises(ContextLengthExceeded):
            await backend.execute(job(long, spoken=WireFormat.OPENAI), sink)
    finally:
        await backend.aclose()

    assert sink.chunks == []


def busy_slots(url: str) -> int:
    """Count the generations that are under way, as the server says itself."""
    request = urllib.request.Request(f"{url}/slots", headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return sum(bool(slot["is_processing"]) for slot in json.load(answer))


async def idle(url: str) -> None:
    """Wait until the server has noticed."""
    began = time.monotonic()
    while await anyio.to_thread.run_sync(busy_slots, url):
        assert time.monotonic() - began < 5
        await anyio.sleep(0.05)
