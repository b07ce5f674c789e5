"""What else goes in and comes out: formats of the answer, images and documents, reasoning."""

import base64
from typing import Final

from attrs import evolve

from converge_provider.testing.conformance.answers import CannedAnswer, CannedReasoning
from converge_provider.testing.conformance.checks.check import Check, check, expect
from converge_provider.testing.conformance.checks.requests import (
    AUDIO,
    DOCUMENT,
    HELLO,
    IMAGE,
    SCHEMA,
    TOOL,
    expect_same,
    expect_sent,
    sent,
    with_part,
)
from converge_provider.testing.conformance.trials import Trial, finished, holds
from converge_provider.values.events import ReasoningBlock, ReasoningDelta, TextDelta
from converge_provider.values.messages import ChatMessage, ChatRole, ToolCall
from converge_provider.values.parts import AudioPart, DocumentPart, ImagePart, ReasoningPart
from converge_provider.values.replies import ChatResponse
from converge_provider.values.requests import ChatRequest, ResponseFormat

__all__ = ("CONTENTS",)


def _format(wanted: ResponseFormat) -> Check:
    async def run(trial: Trial) -> None:
        said = CannedAnswer(pieces=("\n  kept: ", "as it is\n"))
        async with trial.desk(said) as desk:
            plain = await sent(desk, HELLO)
            body = await sent(desk, evolve(HELLO, response_format=wanted))
            response = await desk.chat(evolve(HELLO, response_format=wanted))
        expect(body != plain, f"a demand for {wanted} looks to the service like none")
        named = any(holds(body, word) for word in (wanted.value, wanted.value.upper(), wanted.value.title()))
        expect(named, f"{wanted} is demanded, and the service is not told which format")
        expect(response.content == said.text, f"the text is {said.text!r}, the backend gave {response.content!r}")

    run.__doc__ = f"A demand for {wanted} reaches the service, and the text comes back unaltered."
    return check(f"format.{wanted}", "response_formats")(run)


_JSON, _YAML, _TOML, _MARKDOWN = (
    _format(one) for one in (ResponseFormat.JSON, ResponseFormat.YAML, ResponseFormat.TOML, ResponseFormat.MARKDOWN)
)


@check("format.schema", "response_schema")
async def _schema(trial: Trial) -> None:
    """The schema of the answer reaches the service, with its properties and what is required."""
    request = evolve(HELLO, response_format=ResponseFormat.JSON, response_schema=SCHEMA)
    async with trial.desk(CannedAnswer(pieces=('{"marker_city": ', '"Oslo"}'))) as desk:
        await expect_sent(desk, request, "marker_city", "The city.", "required")
        response = await desk.chat(request)
    expect(response.content == '{"marker_city": "Oslo"}', f"the text was altered: {response.content!r}")


async def _expect_medium(trial: Trial, part: ImagePart | DocumentPart | AudioPart) -> None:
    assert part.data is not None
    encoded = base64.b64encode(part.data).decode()
    async with trial.desk() as desk:
        await expect_sent(desk, with_part(part), encoded, "marker-question")
        kinds = (part.media_type, part.media_type.partition("/")[2])
        expect(any(holds(desk.body, kind) for kind in kinds), f"{part.media_type} is not told to the service")


@check("media.image", "images")
async def _image(trial: Trial) -> None:
    """The bytes of an image reach the service, beside the text."""
    assert IMAGE.data is not None
    async with trial.desk() as desk:
        await expect_sent(desk, with_part(IMAGE), base64.b64encode(IMAGE.data).decode(), "marker-question")


@check("media.document", "documents")
async def _document(trial: Trial) -> None:
    """The bytes of a document reach the service with their type, beside the text."""
    await _expect_medium(trial, DOCUMENT)


@check("media.audio", "audio")
async def _audio(trial: Trial) -> None:
    """The bytes of a recording reach the service with their type, beside the text."""
    await _expect_medium(trial, AUDIO)


_THOUGHT: Final = CannedReasoning(pieces=("marker-", "thought"))
_SIGNED: Final = CannedReasoning(pieces=("marker-", "thought"), signature="bWFya2VyLXNpZ25hdHVyZQ==")
_HIDDEN: Final = CannedReasoning(pieces=(), signature="bWFya2VyLWVuY3J5cHRlZA==", redacted=True)


@check("reasoning.apart", "reasoning")
async def _apart(trial: Trial) -> None:
    """Reasoning comes back as parts of the response, and as events of a stream, and never in the answer's text."""
    async with trial.desk(CannedAnswer(reasoning=[_THOUGHT])) as desk:
        whole = await desk.chat(HELLO)
        events = await desk.stream(HELLO)
    expect_same(whole, finished(events))
    for response in (whole, finished(events)):
        expect("marker-thought" not in response.content, "the reasoning stands in the answer's text")
        thoughts = [part.text for part in response.parts if isinstance(part, ReasoningPart)]
        expect(thoughts == ["marker-thought"], f"the reasoning came back as {thoughts}, expected one part")
    told = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
    blocks = [event.text for event in events if isinstance(event, ReasoningBlock)]
    expect(told == "marker-thought" or blocks == ["marker-thought"], "the stream did not tell the reasoning")
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    expect("marker-thought" not in text, "the stream told the reasoning as text")


async def _expect_given_back(trial: Trial, block: CannedReasoning, *wanted: str) -> None:
    """Send an answer's parts back in the next request, with the call of a tool between, and look for them."""
    async with trial.desk(CannedAnswer(reasoning=[block])) as desk:
        for response in (await desk.chat(HELLO), finished(await desk.stream(HELLO))):
            await expect_sent(desk, _continued(response), *wanted)


def _continued(response: ChatResponse) -> ChatRequest:
    call = ToolCall(id="A1b2C3d4E", name=TOOL.name, arguments='{"marker_city": "Oslo"}')
    said = ChatMessage(role=ChatRole.ASSISTANT, content=response.content, parts=response.parts, tool_calls=[call])
    result = ChatMessage.tool(call.id, "marker-sunny")
    return ChatRequest(messages=[*HELLO.messages, said, result], tools=[TOOL])


@check("reasoning.given-back", "reasoning")
async def _given_back(trial: Trial) -> None:
    """A signed block of reasoning goes back to the service with its signature unaltered."""
    assert _SIGNED.signature is not None
    await _expect_given_back(trial, _SIGNED, _SIGNED.signature)


@check("reasoning.hidden", "reasoning")
async def _hidden(trial: Trial) -> None:
    """A block that the vendor hides is marked so, and goes back unaltered."""
    assert _HIDDEN.signature is not None
    async with trial.desk(CannedAnswer(reasoning=[_HIDDEN])) as desk:
        response = await desk.chat(HELLO)
    marked = [part.redacted for part in response.parts if isinstance(part, ReasoningPart)]
    expect(marked == [True], f"one block is hidden, the backend gave {len(marked)}, {sum(marked)} of them hidden")
    await _expect_given_back(trial, _HIDDEN, _HIDDEN.signature)


CONTENTS: Final = (
    _JSON,
    _YAML,
    _TOML,
    _MARKDOWN,
    _schema,
    _image,
    _document,
    _audio,
    _apart,
    _given_back,
    _hidden,
)
"""The checks, in the suite's order."""
