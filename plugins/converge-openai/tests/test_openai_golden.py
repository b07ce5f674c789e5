"""
Whole bodies of the wire, both ways, compared with the files under ``golden/``.

Each file of ``requests/`` is what a request becomes; each file of ``answers/`` holds the chunks that a service sends
and the events that they become.  ``tox -e golden`` writes the former, and the events of the latter; the difference is
then seen in review.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from converge_openai.describing import dialect_of
from converge_openai.facts import ModelFacts
from converge_openai.services import services
from converge_openai.wire.answers import Assembler
from converge_openai.wire.dialect import Dialect
from converge_openai.wire.requests import to_wire
from converge_provider import (
    AudioPart,
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
TIME = ToolDefinition(name="time", description="Tell the time.", parameters={"type": "object"})
CITY = {
    "title": "A city, and no more",
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def ask(text: str = "Hello", **fields: Any) -> ChatRequest:
    """Make a request."""
    return evolve(ChatRequest.of(text), **fields)


def dialect(service: str, model: str = "m1") -> Dialect:
    """Give the dialect of a model of a service's table, or of a model of which nothing is known."""
    row = services()[service]
    return dialect_of(row, model, row.models.get(model, ModelFacts()))


CONVERSATION = ask(
    messages=(
        ChatMessage.user("What is the weather in Oslo and Bergen?"),
        ChatMessage.assistant(
            "",
            tool_calls=(
                ToolCall(id="a", name="weather", arguments='{"city":"Oslo"}'),
                ToolCall(id="b", name="weather", arguments='{"city":"Bergen"}'),
            ),
        ),
        ChatMessage.tool("a", "sun"),
        ChatMessage.tool("b", "rain"),
        ChatMessage(
            role=ChatRole.ASSISTANT, parts=(ReasoningPart(text="easy", signature="s"), TextPart(text="Sun and rain."))
        ),
        ChatMessage.system("Be brief from now on."),
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
                ImagePart(media_type="image/png", data=b"\x89PNG"),
                ImagePart(media_type="image/jpeg", url="https://pictures.example/cat.jpg"),
                DocumentPart(media_type="application/pdf", data=b"%PDF", name="paper.pdf"),
                AudioPart(media_type="audio/wav", data=b"RIFF"),
            ),
        ),
    )
)

REQUESTS: dict[str, tuple[ChatRequest, Dialect, bool]] = {
    "openai_plain": (ask(), dialect("openai"), False),
    "openai_streamed": (ask(max_tokens=50), dialect("openai"), True),
    "openai_everything": (
        ask(
            system="Be brief.",
            tools=(WEATHER,),
            tool_choice=ToolChoice.named("weather"),
            parallel_tool_calls=False,
            max_tokens=100,
            temperature=0.5,
            top_p=0.9,
            seed=7,
            stop_sequences=("END", "\n\n"),
            metadata={"stays": "here"},
            extra={"service_tier": "flex", "logprobs": True},
        ),
        dialect("openai"),
        True,
    ),
    "openai_conversation": (CONVERSATION, dialect("openai"), False),
    "openai_senses": (SENSES, dialect("openai"), False),
    "openai_json": (ask(response_format=ResponseFormat.JSON, system="Be brief."), dialect("openai"), False),
    "openai_yaml": (ask(response_format=ResponseFormat.YAML), dialect("openai"), False),
    "openai_schema_strict": (ask(response_schema=CITY), dialect("openai"), False),
    "openai_schema_loose": (
        ask(response_schema={"type": "object", "properties": {"a": {}}}, response_format=ResponseFormat.JSON),
        dialect("openai"),
        False,
    ),
    "openai_effort": (ask(reasoning_effort=ReasoningEffort.LOW), dialect("openai", "gpt-5.4-mini"), False),
    "openai_tools_without_reasoning": (ask(tools=(WEATHER,)), dialect("openai", "gpt-6-sol"), False),
    "openrouter_effort": (ask(reasoning_effort=ReasoningEffort.HIGH, max_tokens=9), dialect("openrouter"), True),
    "venice_plain": (
        ask(max_tokens=9, extra={"venice_parameters": {"include_venice_system_prompt": False}}),
        dialect("venice"),
        False,
    ),
    "vllm_required": (
        ask(tools=(WEATHER, TIME), tool_choice=ToolChoice.REQUIRED, max_tokens=9),
        dialect("vllm"),
        False,
    ),
    "llamacpp_schema": (ask(response_schema=CITY, seed=1), dialect("llamacpp"), True),
    "lmstudio_json": (ask(response_format=ResponseFormat.JSON), dialect("lmstudio"), False),
    "ollama_tools": (ask(tools=(WEATHER,), max_tokens=9), dialect("ollama"), True),
    "openai_compatible_plain": (ask(max_tokens=9), dialect("openai_compatible"), True),
}


def body_of(name: str) -> object:
    """Make the body of a request."""
    request, spoken, stream = REQUESTS[name]
    return json.loads(json_bytes(to_wire(request, spoken, stream=stream)))


def events_of(chunks: Sequence[Any]) -> list[StreamEvent]:
    """Make the events of chunks."""
    assembler = Assembler()
    return [*(event for chunk in chunks for event in assembler.take(chunk)), *assembler.finish()]


GOLDEN = GoldenWire(
    folder=Path(__file__).parent / "golden", names=REQUESTS, body=body_of, events=events_of, documents="chunks"
)


@pytest.mark.parametrize("name", REQUESTS)
def test_request_becomes_the_golden_body(name: str) -> None:
    """What goes over the wire does not change unnoticed."""
    GOLDEN.check_request(name)


@pytest.mark.parametrize("name", GOLDEN.answers)
def test_answer_becomes_the_golden_events(name: str) -> None:
    """What is read from the wire does not change unnoticed."""
    GOLDEN.check_answer(name)


@pytest.mark.parametrize("name", GOLDEN.answers)
def test_golden_answer_is_well_formed(name: str) -> None:
    """A recorded answer ends well; one that is a single chunk is a whole answer, too."""
    GOLDEN.check_form(name)

    chunks = GOLDEN.recorded(name)
    if len(chunks) == 1:
        assert Assembler().whole(chunks[0]) == events_of(chunks)


def test_golden_files_are_all_used() -> None:
    """No file lies there that nothing compares with."""
    GOLDEN.check_used()


if __name__ == "__main__":
    GOLDEN.write()
