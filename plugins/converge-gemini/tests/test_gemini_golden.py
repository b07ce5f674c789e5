"""
Whole bodies of the wire, both ways, compared with the files under ``golden/``.

Each file of ``requests/`` is what a request becomes; each file of ``answers/`` holds the documents that the service
sends and the events that they become.  ``tox -e golden`` writes the former, and the events of the latter; the
difference is then seen in review.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from converge_gemini.describing import dialect_of
from converge_gemini.facts import ModelFacts, known_models
from converge_gemini.wire.answers import Assembler
from converge_gemini.wire.dialect import Dialect
from converge_gemini.wire.requests import to_wire
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
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string", "minLength": 1}, "day": {"type": ["string", "null"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
TIME = ToolDefinition(name="time", description="Tell the time.", parameters={"type": "object"})
CITY = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A city",
    "type": "object",
    "properties": {
        "city": {"$ref": "#/definitions/Name"},
        "kind": {"const": "city"},
        "people": {"type": "integer", "exclusiveMinimum": 0, "default": 1},
        "near": {"type": "array", "items": {"anyOf": [{"type": "string", "pattern": "^[A-Z]"}, {"type": "null"}]}},
        "mayor": {"allOf": [{"$ref": "#/definitions/Name"}], "description": "Whoever that is."},
    },
    "required": ["city", "kind"],
    "additionalProperties": False,
    "definitions": {"Name": {"type": "string", "maxLength": 80}},
}


def ask(text: str = "Hello", **fields: Any) -> ChatRequest:
    """Make a request."""
    return evolve(ChatRequest.of(text), **fields)


def dialect(model: str = "m1") -> Dialect:
    """Give the dialect of a model of the table, or of a model of which nothing is known."""
    return dialect_of(model, known_models().get(model, ModelFacts()))


CALLS = (
    ToolCall(id="a", name="weather", arguments='{"city":"Oslo"}'),
    ToolCall(id="b", name="weather", arguments='{"city":"Bergen"}'),
)
SIGNED = (
    ReasoningPart(text="They want both.", signature="gemini::dGhvdWdodA=="),
    TextPart(text="Let me see."),
    ReasoningPart(signature="gemini::dGV4dA==", redacted=True),
    ReasoningPart(signature="gemini:a:Y2FsbA==", redacted=True),
)


def conversation(parts: tuple[Any, ...]) -> ChatRequest:
    """Make a conversation in which functions were called."""
    return ask(
        messages=(
            ChatMessage.system("Be polite."),
            ChatMessage.user("What is the weather in Oslo and Bergen?"),
            ChatMessage(role=ChatRole.ASSISTANT, parts=parts, tool_calls=CALLS),
            ChatMessage.tool("a", "sun"),
            ChatMessage.tool("b", '{"sky": "rain"}'),
            ChatMessage.assistant("Sun and rain."),
            ChatMessage.system("Be brief from now on."),
            ChatMessage.assistant(""),
            ChatMessage.user("Grüße 🙂"),
        ),
        system="You are kind.",
        tools=(WEATHER, TIME),
    )


FOREIGN = (ReasoningPart(text="hm", signature="ErUB"), ReasoningPart(signature="EmwK", redacted=True))
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
        ChatMessage.assistant("", tool_calls=CALLS[:1]),
        ChatMessage(
            role=ChatRole.TOOL,
            tool_call_id="a",
            parts=(TextPart(text="a map"), ImagePart(media_type="image/png", data=b"\x89PNG")),
        ),
    )
)
EXTRA: dict[str, Any] = {
    "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
    "generationConfig": {"topK": 40, "thinkingConfig": {"thinkingBudget": 5}},
    "tools": [{"googleSearch": {}}],
    "cachedContent": "cachedContents/1",
}

REQUESTS: dict[str, tuple[ChatRequest, Dialect]] = {
    "plain": (ask(), dialect()),
    "everything": (
        ask(
            system="Be brief.",
            tools=(WEATHER,),
            tool_choice=ToolChoice.named("weather"),
            max_tokens=100,
            temperature=0.0,
            top_p=0.9,
            seed=7,
            stop_sequences=("END", "\n\n"),
            metadata={"stays": "here"},
            extra=EXTRA,
        ),
        dialect(),
    ),
    "conversation_signed": (conversation(SIGNED), dialect("gemini-3.8-flash")),
    "conversation_foreign": (conversation(FOREIGN), dialect("gemini-3.8-flash")),
    "conversation_by_budget": (conversation(FOREIGN), dialect("gemini-2.5-flash")),
    "senses": (SENSES, dialect("gemini-3.8-flash")),
    "json": (ask(response_format=ResponseFormat.JSON, system="Be brief."), dialect()),
    "yaml": (ask(response_format=ResponseFormat.YAML), dialect()),
    "schema": (ask(response_schema=CITY), dialect()),
    "required": (ask(tools=(TIME,), tool_choice=ToolChoice.REQUIRED), dialect()),
    "no_tool": (ask(tools=(TIME,), tool_choice=ToolChoice.NONE), dialect()),
    "auto": (ask(tools=(TIME,), tool_choice=ToolChoice.AUTO), dialect()),
    "level": (ask(reasoning_effort=ReasoningEffort.HIGH), dialect("gemini-4-argon")),
    "budget": (ask(reasoning_effort=ReasoningEffort.MEDIUM), dialect("gemini-2.5-pro")),
    "budget_none": (ask(reasoning_effort=ReasoningEffort.NONE), dialect("gemini-2.5-flash")),
}


def body_of(name: str) -> object:
    """Make the body of a request."""
    return json.loads(json_bytes(to_wire(*REQUESTS[name])))


def events_of(chunks: Sequence[Any]) -> list[StreamEvent]:
    """Make the events of chunks."""
    assembler = Assembler()
    return [*(event for chunk in chunks for event in assembler.take(chunk, event=None)), *assembler.finish()]


GOLDEN = GoldenWire(
    folder=Path(__file__).parent / "golden", names=REQUESTS, body=body_of, events=events_of, documents="chunks"
)


@pytest.mark.parametrize("name", REQUESTS)
def test_gemini_request_becomes_the_golden_body(name: str) -> None:
    """What goes over the wire does not change unnoticed."""
    GOLDEN.check_request(name)


@pytest.mark.parametrize("name", GOLDEN.answers)
def test_gemini_answer_becomes_the_golden_events(name: str) -> None:
    """What is read from the wire does not change unnoticed."""
    GOLDEN.check_answer(name)


@pytest.mark.parametrize("name", GOLDEN.answers)
def test_gemini_golden_answer_is_well_formed(name: str) -> None:
    """A recorded answer ends well, and its usage adds up to the vendor's own total."""
    usage = GOLDEN.check_form(name).response.usage

    if usage is not None:
        stated = [chunk["usageMetadata"] for chunk in GOLDEN.recorded(name) if "usageMetadata" in chunk][-1]
        assert usage.total_tokens == stated["totalTokenCount"]
    chunks = GOLDEN.recorded(name)
    if len(chunks) == 1:
        assert Assembler().whole(chunks[0]) == events_of(chunks)


@pytest.mark.parametrize("name", GOLDEN.answers)
def test_gemini_answer_is_sent_back_part_by_part(name: str) -> None:
    """Texts, thoughts and calls go back with the very signatures that they came with, and only those that have one."""
    response = GOLDEN.check_form(name).response
    spoken = ChatMessage(
        role=ChatRole.ASSISTANT,
        content="" if response.parts else response.content,
        tool_calls=response.tool_calls,
        parts=response.parts,
    )
    messages = (ChatMessage.user("?"), spoken, ChatMessage.user("Go on."))
    sent = to_wire(ChatRequest(messages=messages), dialect("gemini-2.5-flash"))["contents"]
    came = [
        part
        for chunk in GOLDEN.recorded(name)
        for candidate in chunk.get("candidates", ())[:1]
        for part in candidate.get("content", {}).get("parts", ())
    ]

    signed = [part for content in sent[1:-1] for part in content["parts"] if "thoughtSignature" in part]
    assert [_identity(part) for part in signed] == [_identity(part) for part in came if "thoughtSignature" in part]


def _identity(part: dict[str, Any]) -> tuple[Any, ...]:
    """Give what a signature verifies of a part."""
    call = part.get("functionCall", {})
    return part["thoughtSignature"], part.get("text"), part.get("thought", False), call.get("name"), call.get("args")


def test_gemini_golden_files_are_all_used() -> None:
    """No file lies there that nothing compares with."""
    GOLDEN.check_used()

    assert len(GOLDEN.answers) >= 10


if __name__ == "__main__":
    GOLDEN.write()
