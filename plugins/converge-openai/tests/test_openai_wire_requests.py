"""What a request must not ask of this wire, and what it may."""

from typing import Any

import pytest
from attrs import evolve

from converge_openai.wire.dialect import Dialect
from converge_openai.wire.requests import to_wire
from converge_openai.wire.schemas import is_strict
from converge_provider import (
    AudioPart,
    CacheHint,
    ChatMessage,
    ChatRequest,
    ChatRole,
    DocumentPart,
    ImagePart,
    InvalidRequest,
    ReasoningEffort,
    ReasoningPart,
    ResponseFormat,
    ToolCall,
    ToolChoice,
    ToolDefinition,
)
from converge_provider.http import json_bytes

PLAIN = Dialect(model="m1")
TOOL = ToolDefinition(name="weather", description="", parameters={"type": "object"})


def ask(**fields: Any) -> ChatRequest:
    """Make a request."""
    return evolve(ChatRequest.of("Hello"), **fields)


def user(*parts: Any) -> ChatRequest:
    """Make a request of one message with parts."""
    return ask(messages=(ChatMessage(role=ChatRole.USER, parts=parts),))


_PNG = ImagePart(media_type="image/png", data=b"x")
_LINK = ImagePart(media_type="image/png", url="https://a.example/b.png")
_PDF = DocumentPart(media_type="application/pdf", data=b"x")
_REFUSED: dict[str, tuple[ChatRequest, Dialect, str]] = {
    "no-messages": (ask(messages=()), PLAIN, "a request needs at least one message"),
    "field": (ask(seed=1), Dialect(model="m1", honours=frozenset()), "'m1' does not honour seed"),
    "fields": (
        ask(seed=1, top_p=0.5, stop_sequences=("x",)),
        Dialect(model="m1", honours=frozenset({"top_p"})),
        "'m1' does not honour stop_sequences, seed; leave that unset",
    ),
    "temperature": (ask(temperature=0.0), Dialect(model="m1", honours=frozenset()), "does not honour temperature"),
    "cache-hints": (ask(cache_hints=(CacheHint(),)), PLAIN, "does not honour cache_hints"),
    "schema-in-yaml": (
        ask(response_schema={}, response_format=ResponseFormat.YAML),
        PLAIN,
        "a response schema asks for json on this wire, got response_format yaml",
    ),
    "required-without-tools": (
        ask(tool_choice=ToolChoice.REQUIRED),
        PLAIN,
        "demands a tool, but the request offers none",
    ),
    "named-unknown": (
        ask(tools=(TOOL,), tool_choice=ToolChoice.named("time")),
        PLAIN,
        "tool_choice names 'time', which is not among the tools",
    ),
    "named-unsupported": (
        ask(tools=(TOOL,), tool_choice=ToolChoice.named("weather")),
        Dialect(model="m1", tool_choices=frozenset({"auto", "none"})),
        "'m1' honours tool_choice auto, none only, got named",
    ),
    "effort": (
        ask(reasoning_effort=ReasoningEffort.MINIMAL),
        Dialect(model="m1", efforts=frozenset({"low", "high"})),
        "'m1' takes reasoning_effort high, low, got minimal",
    ),
    "effort-with-tools": (
        ask(reasoning_effort=ReasoningEffort.HIGH, tools=(TOOL,)),
        Dialect(model="m1", tools_effort="none"),
        "'m1' takes tools only with reasoning_effort none on this wire, got high",
    ),
    "extra-over-body": (ask(extra={"model": "other"}), PLAIN, "extra must not set model"),
    "extra-over-field": (ask(seed=1, extra={"seed": 2}), PLAIN, "extra must not set seed"),
    "extra-stream": (ask(extra={"stream": True, "n": 2}), PLAIN, "extra must not set n, stream"),
    "image": (user(_PNG), Dialect(model="m1", media=frozenset()), "message 0: 'm1' takes no images here"),
    "image-url": (
        user(_LINK),
        Dialect(model="m1", media=frozenset({"images"})),
        "message 0: 'm1' takes no image urls here; give the bytes",
    ),
    "document": (user(_PDF), PLAIN, "message 0: 'm1' takes no documents here"),
    "document-url": (
        user(DocumentPart(media_type="application/pdf", url="https://a.example/b.pdf")),
        Dialect(model="m1", media=frozenset({"documents"})),
        "takes a DocumentPart as bytes, not as a URL",
    ),
    "audio-kind": (
        user(AudioPart(media_type="audio/ogg", data=b"x")),
        Dialect(model="m1", media=frozenset({"audio"})),
        "audio must be one of audio/wav, audio/x-wav, audio/mpeg, audio/mp3, got 'audio/ogg'",
    ),
    "image-of-assistant": (
        ask(messages=(ChatMessage(role=ChatRole.ASSISTANT, parts=(_PNG,)),)),
        PLAIN,
        "assistant messages hold text only",
    ),
    "call-of-user": (
        ask(messages=(ChatMessage(role=ChatRole.USER, tool_calls=(ToolCall(id="a", name="b", arguments="{}"),)),)),
        PLAIN,
        "message 0: user messages call no tools",
    ),
    "result-without-call": (
        ask(messages=(ChatMessage.user("x"), ChatMessage(role=ChatRole.TOOL, content="sun"))),
        PLAIN,
        "message 1: a tool message needs the tool_call_id",
    ),
}


@pytest.mark.parametrize("case", _REFUSED.values(), ids=_REFUSED.keys())
def test_request_that_cannot_be_honoured_is_refused(case: tuple[ChatRequest, Dialect, str]) -> None:
    """What the wire, the service or the model has no place for is refused in one line that says what."""
    request, dialect, text = case

    with pytest.raises(InvalidRequest) as caught:
        to_wire(request, dialect, stream=False)

    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (ask(messages=(ChatMessage.user("half \ud800"),)), "a text holds half a surrogate pair"),
        (ask(temperature=float("nan")), "Out of range float values"),
    ],
    ids=["surrogate", "nan"],
)
def test_request_that_json_cannot_hold_is_refused(request_: ChatRequest, text: str) -> None:
    """A request that has no form in JSON is refused before anything is sent."""
    with pytest.raises(InvalidRequest, match=f"cannot be written as JSON: {text}"):
        json_bytes(to_wire(request_, PLAIN, stream=False))


def test_tool_choice_without_tools_is_harmless() -> None:
    """Leaving the choice to the model, or forbidding tools, needs no tools and sends nothing."""
    for choice in (ToolChoice.AUTO, ToolChoice.NONE):
        assert "tool_choice" not in to_wire(ask(tool_choice=choice), PLAIN, stream=False)


def test_reasoning_of_earlier_answers_is_not_sent() -> None:
    """Reasoning has no place on this wire; a message of nothing else is an empty one."""
    request = ask(
        messages=(ChatMessage(role=ChatRole.ASSISTANT, parts=(ReasoningPart(text="hm"),)), ChatMessage.user("x"))
    )

    assert to_wire(request, PLAIN, stream=False)["messages"][0] == {"role": "assistant", "content": ""}


def test_result_that_is_an_error_goes_as_its_text() -> None:
    """The wire has no word for it, and a field that a service does not know may be refused."""
    call = ToolCall(id="call_1", name="weather", arguments="{}")
    request = ask(
        messages=(ChatMessage.assistant("", tool_calls=(call,)), ChatMessage.tool("call_1", "no", is_error=True))
    )

    message = to_wire(request, PLAIN, stream=False)["messages"][1]
    assert message == {"role": "tool", "content": "no", "tool_call_id": "call_1"}


def test_message_of_calls_alone_has_no_content_or_an_empty_one() -> None:
    """Where templates fail at a message without content, one that holds calls alone has an empty text."""
    call = ToolCall(id="call_1", name="weather", arguments="{}")
    request = ask(messages=(ChatMessage.assistant("", tool_calls=(call,)), ChatMessage.tool("call_1", "sun")))

    assert "content" not in to_wire(request, PLAIN, stream=False)["messages"][0]
    assert to_wire(request, evolve(PLAIN, empty_content=True), stream=False)["messages"][0]["content"] == ""


def test_stream_options_are_sent_only_where_they_are_known() -> None:
    """Usage in a stream is asked for, except of services that refuse the question."""
    assert to_wire(ask(), PLAIN, stream=True)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in to_wire(ask(), Dialect(model="m1", stream_options=False), stream=True)
    assert "stream" not in to_wire(ask(), PLAIN, stream=False)


def test_making_a_body_changes_nothing_of_the_request() -> None:
    """The request may be used again, for another backend."""
    request = ask(tools=(TOOL,), extra={"user": "me"}, response_schema={"type": "object"})
    before = repr(request)

    to_wire(request, PLAIN, stream=True)

    assert repr(request) == before


_SCHEMAS: list[tuple[Any, bool]] = [
    ({"type": "string"}, True),
    ({"type": "object", "additionalProperties": False}, True),
    ({"type": "object"}, False),
    ({"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": False}, True),
    ({"type": "object", "properties": {"a": {}}, "required": [], "additionalProperties": False}, False),
    ({"type": "array", "items": {"type": "object"}}, False),
    ({"anyOf": [{"type": "string"}, {"type": "object", "properties": {}}]}, False),
    ({"$defs": {"a": {"type": "object", "properties": {"b": {}}}}}, False),
    ({"enum": [{"type": "object"}]}, True),
]


@pytest.mark.parametrize(("schema", "expected"), _SCHEMAS, ids=str)
def test_schema_is_strict_when_every_object_is_closed_and_complete(schema: Any, *, expected: bool) -> None:
    """Strict mode is asked for exactly when the schema keeps its rules, at every depth."""
    assert is_strict(schema) is expected


def test_schema_without_end_is_not_strict() -> None:
    """A schema that is nested beyond reason is sent as it is, not examined for ever."""
    schema: dict[str, Any] = {}
    for _ in range(500):
        schema = {"items": schema}

    assert not is_strict(schema)
