"""Checks against a real model: models babble, so these look at the shape of what comes, never at what it means."""

import struct
import zlib
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import anyio
from attrs import evolve

from converge_provider.errors import ContextLengthExceeded
from converge_provider.http.shapes import as_object, parsed
from converge_provider.testing.conformance.checks.check import NotApplicableError, check, expect
from converge_provider.testing.conformance.checks.conduct import closed_twice, everything_logged, health_of
from converge_provider.testing.conformance.checks.failures import error_of
from converge_provider.testing.conformance.checks.requests import SCHEMA, TOOL, with_part
from converge_provider.testing.conformance.features import claimed_features
from converge_provider.testing.conformance.trials import Trial, finished, opened
from converge_provider.values.events import TextDelta
from converge_provider.values.messages import ChatMessage, ChatRole, ToolCall
from converge_provider.values.parts import ImagePart, ReasoningPart
from converge_provider.values.replies import ChatResponse, FinishReason
from converge_provider.values.requests import ChatRequest, ResponseFormat, ToolChoice

if TYPE_CHECKING:
    from converge_provider.contract.backends import ChatBackend

__all__ = ("LIVE",)

_ANSWER: Final = (100, 64)
"""Tokens that a short question and its answer take at most."""
_DOCUMENT: Final = (150, 256)
"""The same where the answer is a document or a call, which is worth nothing in part."""
_THINKING_TOKENS: Final = 2048
"""The longest answer of a model that may think first."""
_LARGEST_WINDOW: Final = 32_768
"""The largest context window that a check fills to overflowing."""


def _question(
    trial: Trial, backend: "ChatBackend", request: ChatRequest | str, *, room: int = _ANSWER[1]
) -> ChatRequest:
    """Ask something short, with a limit of the answer where the backend honours one."""
    asked = ChatRequest.of(request) if isinstance(request, str) else request
    claimed = claimed_features(trial.subject, backend)
    if "max_tokens" not in claimed or "max_tokens" in trial.subject.exceptions:
        return asked
    return evolve(asked, max_tokens=_THINKING_TOKENS if "reasoning" in claimed else room)


def _expect_answer(response: ChatResponse) -> ChatResponse:
    """Expect a text, unless the limit was met before there was one."""
    begun = response.content.strip() or response.tool_calls or response.finish_reason is FinishReason.LENGTH
    expect(begun, f"the answer is empty, and ended by {response.finish_reason}")
    return response


@check("live.chat", "chat", live=True, tokens=_ANSWER)
async def _chat(trial: Trial) -> None:
    """A question gets an answer, which says why it ended."""
    async with trial.live() as backend:
        response = _expect_answer(await backend.chat(_question(trial, backend, "Say hello in one short sentence.")))
    expect(isinstance(response.finish_reason, FinishReason), f"the finish reason is {response.finish_reason!r}")


@check("live.system", "system", live=True, tokens=_ANSWER)
async def _system(trial: Trial) -> None:
    """A question with a system text gets an answer."""
    async with trial.live() as backend:
        request = ChatRequest.of("Who are you?", system="You are a polite librarian. Answer in one sentence.")
        _expect_answer(await backend.chat(_question(trial, backend, request)))


@check("live.multi-turn", "multi_turn", live=True, tokens=_ANSWER)
async def _multi_turn(trial: Trial) -> None:
    """A conversation goes on."""
    said = (ChatMessage.user("My name is Ada."), ChatMessage.assistant("Hello, Ada."), ChatMessage.user("My name is?"))
    async with trial.live() as backend:
        _expect_answer(await backend.chat(_question(trial, backend, ChatRequest(messages=said))))


@check("live.unicode", "chat", live=True, tokens=_ANSWER)
async def _unicode(trial: Trial) -> None:
    """Characters of all planes are taken, and what comes back is text that can be written."""
    async with trial.live() as backend:
        asked = _question(trial, backend, "Repeat: naïve, 日本, 🙂, e\u0301.")
        response = _expect_answer(await backend.chat(asked))
    lone = [character for character in response.content if "\ud800" <= character <= "\udfff"]
    expect(not lone, f"{len(lone)} halves of surrogate pairs stand in the answer")


@check("live.stop-sequences", "stop_sequences", live=True, tokens=_ANSWER)
async def _stop_sequences(trial: Trial) -> None:
    """A stop sequence ends the answer, and is no part of it."""
    async with trial.live() as backend:
        asked = _question(trial, backend, "Tell me about the sea in one sentence.")
        response = await backend.chat(evolve(asked, stop_sequences=["e"]))
    expect("e" not in response.content, f"the text was to end before the first 'e': {response.content[:80]!r}")


@check("live.max-tokens", "max_tokens", live=True, tokens=(100, 16))
async def _max_tokens(trial: Trial) -> None:
    """An answer ends at its limit, and says so."""
    async with trial.live() as backend:
        response = await backend.chat(evolve(ChatRequest.of("Write a long story about a ship."), max_tokens=16))
    expect(response.finish_reason is FinishReason.LENGTH, f"the finish reason is {response.finish_reason}, not length")
    took = response.usage.completion_tokens if response.usage else len(response.content) // 12
    expect(took <= 18, f"16 tokens were allowed, the answer took {took}")


@check("live.usage", "usage", live=True, tokens=_ANSWER)
async def _usage(trial: Trial) -> None:
    """An answer says what it took, and the numbers add up."""
    async with trial.live() as backend:
        response = await backend.chat(_question(trial, backend, "Say hello."))
    usage, detail = response.usage, response.usage_detail
    expect(usage is not None, "the answer does not say what it took")
    assert usage is not None
    expect(usage.prompt_tokens > 0 and usage.completion_tokens > 0, f"something was read and written: {usage}")
    expect(usage.total_tokens == usage.prompt_tokens + usage.completion_tokens, f"the total is no sum: {usage}")
    expect(detail is None or detail.totals() == usage, f"the buckets {detail} do not add up to {usage}")


@check("live.stream", "streaming", live=True, tokens=_ANSWER)
async def _stream(trial: Trial) -> None:
    """A stream gives pieces that make the whole text, and one Finished ends it."""
    async with trial.live() as backend, aclosing(_events(trial, backend, "Say hello in one short sentence.")) as stream:
        events = [event async for event in stream]
    response = _expect_answer(finished(events))
    joined = "".join(event.text for event in events if isinstance(event, TextDelta))
    expect(joined == response.content, f"the pieces make {joined!r}, Finished says {response.content!r}")


def _events(trial: Trial, backend: "ChatBackend", text: str) -> Any:  # noqa: ANN401 - a generator of events
    return opened(backend, _question(trial, backend, text))


@check("live.stream-left", "streaming", live=True, tokens=(200, 256))
async def _left(trial: Trial) -> None:
    """A stream may be left early, and the next call is answered."""
    async with trial.live() as backend:
        async with aclosing(_events(trial, backend, "Write a long story about a ship.")) as stream:
            async for _ in stream:
                break
        _expect_answer(await backend.chat(_question(trial, backend, "Say hello.")))


@check("live.tools", "tools", live=True, tokens=_DOCUMENT)
async def _tools(trial: Trial) -> None:
    """A model that calls a tool calls one that is offered, with a JSON object of arguments."""
    async with trial.live() as backend:
        forced = "tool_choice" in claimed_features(trial.subject, backend)
        request = evolve(_question(trial, backend, "What is the weather in Oslo?", room=_DOCUMENT[1]), tools=[TOOL])
        response = await backend.chat(evolve(request, tool_choice=ToolChoice.REQUIRED) if forced else request)
    if not response.tool_calls and (not forced or response.finish_reason is FinishReason.LENGTH):
        message = "the model called no tool"
        raise NotApplicableError(message)
    _expect_calls(response)


def _expect_calls(response: ChatResponse) -> None:
    expect(response.tool_calls, "a call was demanded, and none came")
    for call in response.tool_calls:
        expect(call.name == TOOL.name, f"the tool {call.name!r} was called, which is not offered")
        expect(call.id, "a call came back without an id")
        expect(isinstance(_parsed(call.arguments), dict), f"the arguments are no JSON object: {call.arguments!r}")


def _parsed(text: str) -> object:
    return parsed(text.encode("utf-8", "surrogatepass"))


@check("live.tool-named", "tool_choice", live=True, tokens=_DOCUMENT)
async def _tool_named(trial: Trial) -> None:
    """A demand for one tool is met."""
    async with trial.live() as backend:
        request = evolve(_question(trial, backend, "What is the weather in Oslo?", room=_DOCUMENT[1]), tools=[TOOL])
        _expect_calls(await backend.chat(evolve(request, tool_choice=ToolChoice.named(TOOL.name))))


@check("live.tool-banned", "tool_choice", live=True, tokens=_DOCUMENT)
async def _tool_banned(trial: Trial) -> None:
    """A ban of tools is kept."""
    async with trial.live() as backend:
        request = evolve(_question(trial, backend, "What is the weather in Oslo?", room=_DOCUMENT[1]), tools=[TOOL])
        response = await backend.chat(evolve(request, tool_choice=ToolChoice.NONE))
    expect(not response.tool_calls, f"tools were banned, and {len(response.tool_calls)} calls came")


@check("live.tool-results", "tools", live=True, tokens=(200, 128))
async def _tool_results(trial: Trial) -> None:
    """A conversation goes on after a tool's result."""
    call = ToolCall(id="A1b2C3d4E", name=TOOL.name, arguments='{"marker_city": "Oslo"}')
    messages = (
        ChatMessage.user("What is the weather in Oslo?"),
        ChatMessage.assistant("", tool_calls=[call]),
        ChatMessage.tool(call.id, "Sunny, 12 degrees."),
    )
    async with trial.live() as backend:
        request = _question(trial, backend, ChatRequest(messages=messages, tools=[TOOL]))
        _expect_answer(await backend.chat(request))


@check("live.json", "response_formats", live=True, tokens=_DOCUMENT)
async def _json(trial: Trial) -> None:
    """An answer in JSON is one JSON document."""
    async with trial.live() as backend:
        asked = _question(trial, backend, 'Give the JSON object {"ok": true} and nothing else.', room=_DOCUMENT[1])
        response = await backend.chat(evolve(asked, response_format=ResponseFormat.JSON))
    _expect_json(response)


def _expect_json(response: ChatResponse) -> object:
    if response.finish_reason is FinishReason.LENGTH:
        message = "the answer met the limit before it was whole"
        raise NotApplicableError(message)
    value = _parsed(response.content)
    expect(value is not None, f"the answer is no JSON: {response.content[:80]!r}")
    return value


@check("live.schema", "response_schema", live=True, tokens=_DOCUMENT)
async def _schema(trial: Trial) -> None:
    """An answer to a schema is of that shape."""
    async with trial.live() as backend:
        asked = _question(trial, backend, "Which city is the capital of France?", room=_DOCUMENT[1])
        response = await backend.chat(evolve(asked, response_format=ResponseFormat.JSON, response_schema=SCHEMA))
    value = as_object(_expect_json(response))
    fits = [*value] == ["marker_city"] and isinstance(value["marker_city"], str)
    expect(fits, f"the answer is not of the schema's shape: {response.content[:80]!r}")


def _picture() -> bytes:
    """Draw a red square of 32 by 32 pixels, as PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\xff\0\0" * 32 for _ in range(32))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@check("live.image", "images", live=True, tokens=(1500, 128))
async def _image(trial: Trial) -> None:
    """A question about an image gets an answer."""
    async with trial.live() as backend:
        request = with_part(ImagePart(media_type="image/png", data=_picture()))
        _expect_answer(await backend.chat(_question(trial, backend, request)))


@check("live.reasoning", "reasoning", live=True, tokens=(400, 256))
async def _reasoning(trial: Trial) -> None:
    """Reasoning comes apart from the text, and the conversation goes on when it is given back."""
    async with trial.live() as backend:
        asked = _question(trial, backend, "What is 17 times 3? Think first.")
        response = _expect_answer(await backend.chat(asked))
        thoughts = [part.text for part in response.parts if isinstance(part, ReasoningPart)]
        if not thoughts:
            message = "the model showed no reasoning"
            raise NotApplicableError(message)
        leaked = [text for text in thoughts if text.strip() and text in response.content]
        expect(not leaked, "the reasoning stands in the answer's text too")
        said = ChatMessage(role=ChatRole.ASSISTANT, parts=response.parts)
        again = evolve(asked, messages=[*asked.messages, said, ChatMessage.user("And times 4?")])
        _expect_answer(await backend.chat(again))


@check("live.replay", "replay", live=True, tokens=(200, 256))
async def _replay(trial: Trial) -> None:
    """The same request with the same seed gets the same answer again."""
    async with trial.live() as backend:
        asked = evolve(_question(trial, backend, "Name three colours."), seed=7, temperature=0.8)
        first, second = [(await backend.chat(asked)).content for _ in range(2)]
    expect(first == second, f"the same seed gave {first[:60]!r} and {second[:60]!r}")


@check("live.overflow", "overflow", live=True, tokens=(2 * _LARGEST_WINDOW, 16))
async def _overflow(trial: Trial) -> None:
    """A request that is longer than the claimed window is ContextLengthExceeded."""
    window = trial.subject.descriptor.capabilities.context_tokens
    if window is None or window > _LARGEST_WINDOW:
        message = f"the claimed window is {window or 'unknown'}, and one of up to {_LARGEST_WINDOW} tokens is filled"
        raise NotApplicableError(message)
    async with trial.live() as backend:
        asked = _question(trial, backend, "one two " * int(window))
        await error_of(lambda: backend.chat(asked), ContextLengthExceeded, f"twice the window of {window} tokens")


@check("live.concurrent", "conduct", live=True, tokens=(300, 384))
async def _concurrent(trial: Trial) -> None:
    """Three calls at the same time are all answered."""

    async def ask(number: int) -> None:
        _expect_answer(await backend.chat(_question(trial, backend, f"Say the number {number}.")))

    async with trial.live() as backend, anyio.create_task_group() as tasks:
        for number in range(3):
            tasks.start_soon(ask, number)


@check("live.health", "health", live=True)
async def _health(trial: Trial) -> None:
    """A backend that can be called says that it is well."""
    async with trial.live() as backend:
        told = await health_of(backend)
    expect(told.reachable and told.healthy, f"it says that it is not well: {told.detail}")


@check("live.list-models", "list_models", live=True)
async def _list_models(trial: Trial) -> None:
    """The service's own list of models holds the one that is certified."""
    if trial.subject.discover is None:
        message = "the subject has no discover"
        raise NotApplicableError(message)
    names = [str(one.model) for one in await trial.subject.discover(None)]
    wanted = str(trial.subject.descriptor.model)
    expect(wanted in names, f"{wanted!r} is not among the {len(names)} models that the service lists")


@check("live.close-twice", "closing", live=True, tokens=_ANSWER)
async def _close_twice(trial: Trial) -> None:
    """Closing is quiet after use, and again."""
    async with trial.live() as backend:
        await backend.chat(_question(trial, backend, "Say hello."))
        await closed_twice(backend)


@check("live.secrets", "conduct", live=True, tokens=_ANSWER)
async def _secrets(trial: Trial) -> None:
    """The credentials stand in no log and in no repr."""
    if not trial.subject.secrets:
        message = "the subject names no secrets"
        raise NotApplicableError(message)
    async with trial.live() as backend:
        with everything_logged() as lines:
            response = await backend.chat(_question(trial, backend, "Say hello."))
        told = f"{backend!r} {response!r}\n" + "\n".join(lines)
    for secret in trial.subject.secrets:
        expect(secret.reveal() not in told, "a credential stands in a log or in a repr")


LIVE: Final = (
    _chat,
    _system,
    _multi_turn,
    _unicode,
    _stop_sequences,
    _max_tokens,
    _usage,
    _stream,
    _left,
    _tools,
    _tool_named,
    _tool_banned,
    _tool_results,
    _json,
    _schema,
    _image,
    _reasoning,
    _replay,
    _overflow,
    _concurrent,
    _health,
    _list_models,
    _close_twice,
    _secrets,
)
"""The checks, in the suite's order."""
