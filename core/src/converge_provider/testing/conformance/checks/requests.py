"""What checks ask, and how they look at what arrived of it."""

from typing import Final

from attrs import evolve

from converge_provider.testing.conformance.checks.check import expect
from converge_provider.testing.conformance.trials import Desk, holds
from converge_provider.values.messages import ChatMessage, ChatRole, JsonObject, ToolDefinition
from converge_provider.values.parts import AudioPart, DocumentPart, ImagePart, Part, TextPart
from converge_provider.values.replies import ChatResponse
from converge_provider.values.requests import (
    CacheHint,
    ChatRequest,
    ReasoningEffort,
    ResponseFormat,
    ToolChoice,
)

__all__ = (
    "AUDIO",
    "DOCUMENT",
    "HELLO",
    "IMAGE",
    "OPTIONAL",
    "SCHEMA",
    "TOOL",
    "expect_same",
    "expect_sent",
    "expect_told_apart",
    "sent",
    "with_part",
)

HELLO: Final = ChatRequest.of("marker-question")
"""The plainest request that there is."""

SCHEMA: Final[JsonObject] = {
    "type": "object",
    "properties": {"marker_city": {"type": "string", "description": "The city."}},
    "required": ["marker_city"],
    "additionalProperties": False,
}
"""A schema of a tool's arguments, or of an answer."""

TOOL: Final = ToolDefinition(name="weather", description="marker-description", parameters=SCHEMA)
"""The tool that most checks offer."""

IMAGE: Final = ImagePart(media_type="image/png", data=b"\x89PNG\r\n\x1a\n marker of an image")
DOCUMENT: Final = DocumentPart(
    media_type="application/pdf", data=b"%PDF-1.4 marker of a document", name="marker-report"
)
AUDIO: Final = AudioPart(media_type="audio/wav", data=b"RIFF marker of a recording WAVEfmt ")


def with_part(part: Part) -> ChatRequest:
    """Ask about an image, a document or a recording."""
    return ChatRequest(messages=[ChatMessage(role=ChatRole.USER, parts=[TextPart(text="marker-question"), part])])


OPTIONAL: Final = {
    "temperature": (HELLO, evolve(HELLO, temperature=0.5)),
    "stop_sequences": (HELLO, evolve(HELLO, stop_sequences=["marker-stop"])),
    "top_p": (HELLO, evolve(HELLO, top_p=0.5)),
    "seed": (HELLO, evolve(HELLO, seed=1)),
    "reasoning_effort": (HELLO, evolve(HELLO, reasoning_effort=ReasoningEffort.LOW)),
    "cache_hints": (HELLO, evolve(HELLO, cache_hints=[CacheHint()])),
    "response_schema": (
        evolve(HELLO, response_format=ResponseFormat.JSON),
        evolve(HELLO, response_format=ResponseFormat.JSON, response_schema=SCHEMA),
    ),
    "tools": (HELLO, evolve(HELLO, tools=[TOOL])),
    "tool_choice": (evolve(HELLO, tools=[TOOL]), evolve(HELLO, tools=[TOOL], tool_choice=ToolChoice.REQUIRED)),
    "parallel_tool_calls": (evolve(HELLO, tools=[TOOL]), evolve(HELLO, tools=[TOOL], parallel_tool_calls=False)),
    "images": (HELLO, with_part(IMAGE)),
    "documents": (HELLO, with_part(DOCUMENT)),
    "audio": (HELLO, with_part(AUDIO)),
}
"""For each feature that a request may ask for: a request without it, and the same one with it."""


async def sent(desk: Desk, request: ChatRequest) -> object:
    """Ask, and give the body that arrived."""
    before = len(desk.asked)
    await desk.chat(request)
    expect(len(desk.asked) == before + 1, f"{len(desk.asked) - before} requests arrived for one call, expected one")
    return desk.body


async def expect_sent(desk: Desk, request: ChatRequest, *values: object) -> object:
    """Ask, and find each value somewhere in the body that arrived."""
    body = await sent(desk, request)
    for value in values:
        expect(holds(body, value), f"{value!r} of the request did not reach the service")
    return body


async def expect_told_apart(desk: Desk, one: ChatRequest, other: ChatRequest) -> None:
    """Ask two things, and see that they do not look alike to the service."""
    names = ("tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort", "cache_hints")
    apart = [name for name in names if getattr(one, name) != getattr(other, name)]
    said = "; ".join(f"{name} {getattr(one, name)} and {getattr(other, name)}" for name in apart)
    expect(await sent(desk, one) != await sent(desk, other), f"two requests look alike to the service: {said}")


def expect_same(whole: ChatResponse, streamed: ChatResponse) -> None:
    """Compare the response to a call with that to a stream of the same answer."""
    for name in ("content", "tool_calls", "finish_reason", "usage", "usage_detail", "parts"):
        one, other = getattr(whole, name), getattr(streamed, name)
        expect(one == other, f"{name} is {one!r} at once and {other!r} streamed")
