"""
Whole bodies of the wire, both ways, compared with the files under ``golden/``.

``tox -e golden`` writes the requests, and the events of the answers; the difference is then seen in review.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from converge_anthropic.describing import dialect_of
from converge_anthropic.facts import ModelFacts, known_models
from converge_anthropic.wire.answers import Assembler
from converge_anthropic.wire.dialect import Dialect
from converge_anthropic.wire.requests import to_wire
from converge_provider import (
    CacheHint,
    CacheLifetime,
    ChatMessage,
    ChatRequest,
    ChatRole,
    DocumentPart,
    ImagePart,
    ReasoningEffort,
    ReasoningPart,
    ResponseFormat,
    StreamEvent,
    TextPart,
    ToolCall,
    ToolChoice,
    ToolDefinition,
)
from converge_provider.http import json_bytes
from converge_provider.testing.golden import GoldenWire

WEATHER = ToolDefinition(
    name="weather",
    description="Tell the weather.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
TIME = ToolDefinition(name="time", description="", parameters={})
CITY = {
    "title": "A city, and no more",
    "type": "object",
    "properties": {"city": {"type": "string", "minLength": 2}, "size": {"type": "integer", "minimum": 0}},
    "required": ["city"],
}
OPEN_MAP = {"type": "object", "properties": {"ages": {"type": "object", "additionalProperties": {"type": "integer"}}}}


def ask(text: str = "Hello", **fields: Any) -> ChatRequest:
    """Make a request."""
    return evolve(ChatRequest.of(text), **fields)


def dialect(model: str = "claude-opus-4-6", **facts: Any) -> Dialect:
    """Give the dialect of a model of the table, with further facts, or of a model of which nothing is known."""
    known = known_models().get(model, ModelFacts())
    return dialect_of(model, evolve(known, **facts), api_version="2023-06-01")


CALLS = (
    ToolCall(id="toolu_a", name="weather", arguments='{"city":"Oslo"}'),
    ToolCall(id="toolu_b", name="weather", arguments='{"city": "Ber'),
)
CONVERSATION = ask(
    messages=(
        ChatMessage.system("Answer in one sentence."),
        ChatMessage.user("What is the weather in Oslo and Bergen?"),
        ChatMessage.user("Please."),
        ChatMessage(
            role=ChatRole.ASSISTANT,
            parts=(
                ReasoningPart(text="Two cities.", signature="sig+/=="),
                ReasoningPart(signature="enc+/==", redacted=True),
                ReasoningPart(text="of another vendor"),
                ReasoningPart(signature="other:id:c2ln", redacted=True),
                TextPart(text="Let me look."),
            ),
            tool_calls=CALLS,
        ),
        ChatMessage.tool("toolu_a", "sun"),
        ChatMessage(
            role=ChatRole.TOOL,
            tool_call_id="toolu_b",
            parts=(TextPart(text="the station is down"), ImagePart(media_type="image/png", data=b"\x89PNG")),
            is_error=True,
        ),
        ChatMessage.user("And now?"),
        ChatMessage.assistant(""),
        ChatMessage.user("  "),
        ChatMessage.assistant("Sun."),
        ChatMessage.system("Be brief from now on."),
        ChatMessage.tool("toolu_c", ""),
        ChatMessage.user("Grüße 🙂"),
    ),
    system="You are kind.",
    tools=(WEATHER, TIME),
)
SENSES = ask(
    messages=(
        ChatMessage(
            role=ChatRole.USER,
            parts=(
                TextPart(text="Compare."),
                ImagePart(media_type="image/PNG", data=b"\x89PNG"),
                ImagePart(media_type="image/jpeg", url="https://pictures.example/cat.jpg"),
                DocumentPart(media_type="application/pdf", data=b"%PDF", name="paper.pdf"),
                DocumentPart(media_type="application/pdf", url="https://papers.example/a.pdf"),
                DocumentPart(media_type="text/markdown; charset=utf-8", data="# Größe".encode(), name="notes"),
            ),
        ),
    ),
    extra={"citations": {"enabled": True}},
)
CACHED = ask(
    messages=(ChatMessage.user("A long text."), ChatMessage.assistant("Yes?"), ChatMessage.user("Go on.")),
    system="A long system text.",
    tools=(WEATHER,),
    cache_hints=(
        CacheHint(after_message=2),
        CacheHint(lifetime=CacheLifetime.ONE_HOUR),
        CacheHint(after_message=0, lifetime=CacheLifetime.ONE_HOUR),
    ),
)

REQUESTS: dict[str, tuple[ChatRequest, Dialect, bool]] = {
    "plain": (ask(), dialect(), False),
    "unknown_model_streamed": (ask(), dialect("smollm2"), True),
    "everything": (
        ask(
            system="Be brief.",
            tools=(WEATHER,),
            tool_choice=ToolChoice.named("weather"),
            parallel_tool_calls=False,
            max_tokens=100,
            temperature=0.5,
            stop_sequences=("END", "\n\n"),
            metadata={"stays": "here"},
            extra={
                "metadata": {"user_id": "u1"},
                "service_tier": "auto",
                "top_k": 5,
                "tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 2}],
            },
        ),
        dialect(),
        True,
    ),
    "conversation": (CONVERSATION, dialect(), False),
    "senses": (SENSES, dialect(), False),
    "cached": (CACHED, dialect(), False),
    "cached_tools": (ask(tools=(WEATHER, TIME), cache_hints=(CacheHint(),)), dialect(), False),
    "tools_one_at_a_time": (ask(tools=(WEATHER,), parallel_tool_calls=False), dialect(), False),
    "tools_required": (ask(tools=(WEATHER, TIME), tool_choice=ToolChoice.REQUIRED), dialect(), False),
    "tools_none": (ask(tools=(WEATHER,), tool_choice=ToolChoice.NONE, parallel_tool_calls=False), dialect(), False),
    "yaml": (ask(response_format=ResponseFormat.YAML), dialect(), False),
    "schema_native": (ask(response_schema=CITY), dialect(), False),
    "schema_by_a_forced_call": (ask(response_schema=OPEN_MAP, response_format=ResponseFormat.JSON), dialect(), False),
    "schema_of_a_model_without": (ask(response_schema=CITY), dialect("m1", structured_output=False), False),
    "effort_adaptive_with_schema": (
        ask(
            response_schema=CITY,
            reasoning_effort=ReasoningEffort.HIGH,
            extra={"thinking": {"display": "summarized"}, "output_config": {"task_budget": {"type": "tokens"}}},
        ),
        dialect("claude-opus-5-5"),
        True,
    ),
    "effort_as_a_budget": (
        ask(reasoning_effort=ReasoningEffort.MEDIUM, temperature=1.0, tools=(WEATHER,)),
        dialect("claude-haiku-4-5"),
        False,
    ),
    "effort_none": (ask(reasoning_effort=ReasoningEffort.NONE, top_p=0.9), dialect("claude-opus-4-6"), False),
    "effort_none_between_tools": (ask(reasoning_effort=ReasoningEffort.NONE), dialect("claude-sonnet-5-5"), False),
    "answer_begun": (ask(messages=(ChatMessage.user("Hi"), ChatMessage.assistant("Well,"))), dialect("m1"), False),
}


def body_of(name: str) -> object:
    """Make the body of a request."""
    request, spoken, stream = REQUESTS[name]
    return json.loads(json_bytes(to_wire(request, spoken, stream=stream)))


def events_of(documents: Sequence[Any]) -> list[StreamEvent]:
    """Make the events of a stream, or of a whole answer."""
    assembler = Assembler()
    if documents[0]["type"] == "message":
        return assembler.whole(documents[0])
    return [*(event for one in documents for event in assembler.take(one, event=one["type"])), *assembler.finish()]


GOLDEN = GoldenWire(folder=Path(__file__).parent / "golden", names=REQUESTS, body=body_of, events=events_of)


@pytest.mark.parametrize("name", REQUESTS)
def test_anthropic_request_becomes_the_golden_body(name: str) -> None:
    """What goes over the wire does not change unnoticed."""
    GOLDEN.check_request(name)


@pytest.mark.parametrize("name", GOLDEN.answers)
def test_anthropic_answer_becomes_the_golden_events(name: str) -> None:
    """What is read from the wire does not change unnoticed, and is well formed."""
    GOLDEN.check_answer(name)

    assert GOLDEN.check_form(name).response.model is not None


def test_anthropic_golden_files_are_all_used() -> None:
    """No file lies there that nothing compares with."""
    GOLDEN.check_used()


if __name__ == "__main__":
    GOLDEN.write()
