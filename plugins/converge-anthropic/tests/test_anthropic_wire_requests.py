"""What a request becomes, and what is refused before anything is sent."""

import base64
import json
from itertools import pairwise
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings, strategies as st

from converge_anthropic.describing import dialect_of
from converge_anthropic.facts import ModelFacts, known_models
from converge_anthropic.wire.dialect import Dialect
from converge_anthropic.wire.requests import to_wire
from converge_anthropic.wire.schemas import fitted
from converge_provider import (
    AudioPart,
    CacheHint,
    CacheLifetime,
    ChatMessage,
    ChatRequest,
    ChatRole,
    DocumentPart,
    ImagePart,
    InvalidRequest,
    Part,
    ReasoningEffort,
    ReasoningPart,
    ResponseFormat,
    TextPart,
    ToolCall,
    ToolChoice,
    ToolDefinition,
)

STEADY = settings(derandomize=True, deadline=None)
"""The same draws every time, however slow the machine is."""

TOOL = ToolDefinition(name="weather", description="Tell the weather.", parameters={"type": "object"})
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FREE = {"type": "object", "additionalProperties": {"type": "integer"}}


def ask(text: str = "Hello", **fields: Any) -> ChatRequest:
    """Make a request."""
    return evolve(ChatRequest.of(text), **fields)


def dialect(model: str = "claude-opus-4-6", *, api_version: str = "2023-06-01", **facts: Any) -> Dialect:
    """Give the dialect of a model of the table."""
    return dialect_of(model, evolve(known_models().get(model, ModelFacts()), **facts), api_version=api_version)


def said(*parts: Part, role: ChatRole = ChatRole.USER) -> ChatRequest:
    """Make a request of one message of parts."""
    return ask(messages=(ChatMessage(role=role, parts=parts, tool_call_id="t" if role is ChatRole.TOOL else None),))


REFUSED: dict[str, tuple[ChatRequest, Dialect, str]] = {
    "a seed": (ask(seed=1), dialect(), "'claude-opus-4-6' does not honour seed"),
    "sampling of a model without": (
        ask(temperature=0.5, top_p=0.5),
        dialect("claude-opus-5-5"),
        "'claude-opus-5-5' does not honour temperature, top_p",
    ),
    "sampling of the newer API": (ask(top_p=0.5), dialect(api_version="2026-10-21"), "does not honour top_p"),
    "both ways of sampling": (ask(temperature=0.5, top_p=0.5), dialect(), "temperature or top_p, not both"),
    "a temperature above 1": (ask(temperature=1.5), dialect(), "a temperature from 0 to 1, got 1.5"),
    "a temperature beside thinking": (
        ask(temperature=0.5, reasoning_effort=ReasoningEffort.LOW),
        dialect(),
        "no temperature but 1, got 0.5",
    ),
    "a schema of a model of which nothing is known": (
        ask(response_schema=CITY),
        dialect("m1"),
        "'m1' does not honour response_schema",
    ),
    "an effort of a model of which nothing is known": (
        ask(reasoning_effort=ReasoningEffort.LOW),
        dialect("m1"),
        "'m1' does not honour reasoning_effort",
    ),
    "an effort that the model has not": (
        ask(reasoning_effort=ReasoningEffort.MINIMAL),
        dialect(),
        "takes as reasoning_effort high, low, medium, none; got minimal",
    ),
    "no thinking of a model that always thinks": (
        ask(reasoning_effort=ReasoningEffort.NONE),
        dialect("claude-opus-5-5"),
        "takes as reasoning_effort high, low, medium; got none",
    ),
    "a budget without room": (
        ask(reasoning_effort=ReasoningEffort.HIGH, max_tokens=16384),
        dialect("claude-haiku-4-5"),
        "reasoning_effort high takes 16384 of max_tokens for thinking, got max_tokens 16384",
    ),
    "a tool demanded without tools": (ask(tool_choice=ToolChoice.REQUIRED), dialect(), "the request offers none"),
    "a tool demanded that is not offered": (
        ask(tools=(TOOL,), tool_choice=ToolChoice.named("time")),
        dialect(),
        "tool_choice names 'time', which is not among the tools",
    ),
    "a tool demanded of a model that takes no demands": (
        ask(tools=(TOOL,), tool_choice=ToolChoice.REQUIRED),
        dialect("claude-sonnet-5-5"),
        "'claude-sonnet-5-5' honours tool_choice auto and none only",
    ),
    "a tool demanded of a model that thinks": (
        ask(tools=(TOOL,), tool_choice=ToolChoice.REQUIRED, reasoning_effort=ReasoningEffort.LOW),
        dialect(),
        "no tool call can be demanded of a model that thinks",
    ),
    "a tool with the adapter's own name": (
        ask(tools=(evolve(TOOL, name="answer_in_schema"),)),
        dialect(),
        "no tool may be called 'answer_in_schema'",
    ),
    "a schema that is not enforced, beside tools": (
        ask(response_schema=CITY, tools=(TOOL,)),
        dialect(structured_output=False),
        "'claude-opus-4-6' does not enforce schemas, and a tool call cannot be forced in its place beside the tools",
    ),
    "a schema that is not enforced, of a model that thinks": (
        ask(response_schema=CITY, reasoning_effort=ReasoningEffort.LOW),
        dialect(structured_output=False),
        "a tool call cannot be forced in its place of a model that thinks",
    ),
    "an open schema of a model that takes no demands": (
        ask(response_schema=FREE),
        dialect("claude-opus-5-5"),
        "does not enforce this schema, whose objects have arbitrary members",
    ),
    "a schema in yaml": (
        ask(response_schema=CITY, response_format=ResponseFormat.YAML),
        dialect(),
        "asks for json on this wire, got response_format yaml",
    ),
    "nothing": (ask("  "), dialect(), "at least one message that is not blank"),
    "an answer that was begun": (
        ask(messages=(ChatMessage.user("Hi"), ChatMessage.assistant("Well,"))),
        dialect(),
        "does not go on with an answer that was begun",
    ),
    "audio": (said(AudioPart(media_type="audio/wav", data=b"RIFF")), dialect(), "message 0: this wire takes no audio"),
    "an image of another kind": (
        said(ImagePart(media_type="image/tiff", data=b"II")),
        dialect(),
        "images must be one of image/gif, image/jpeg, image/png, image/webp, got 'image/tiff'",
    ),
    "an image for a blind model": (
        said(ImagePart(media_type="image/png", data=b"")),
        dialect(vision=False),
        "'claude-opus-4-6' takes no images",
    ),
    "a document for a model that reads none": (
        said(DocumentPart(media_type="application/pdf", data=b"")),
        dialect(documents=False),
        "'claude-opus-4-6' takes no documents",
    ),
    "a document of another kind": (
        said(DocumentPart(media_type="application/msword", data=b"x")),
        dialect(),
        "documents are PDF, by bytes or URL, or text by its bytes; got 'application/msword' by bytes",
    ),
    "a text by URL": (
        said(DocumentPart(media_type="text/plain", url="https://a.example/a.txt")),
        dialect(),
        "got 'text/plain' by URL",
    ),
    "a text that is not UTF-8": (
        said(DocumentPart(media_type="text/plain", data=b"\xff")),
        dialect(),
        "the document of type 'text/plain' is not UTF-8",
    ),
    "an image of the assistant": (
        said(ImagePart(media_type="image/png", data=b""), role=ChatRole.ASSISTANT),
        dialect(),
        "assistant messages hold text only",
    ),
    "reasoning of the user": (said(ReasoningPart(text="hm")), dialect(), "reasoning stands in assistant messages"),
    "a result without its call": (
        ask(messages=(ChatMessage(role=ChatRole.TOOL, content="sun"),)),
        dialect(),
        "needs the tool_call_id",
    ),
    "a call of the user": (
        ask(
            messages=(ChatMessage(role=ChatRole.USER, tool_calls=(ToolCall(id="a", name="weather", arguments="{}"),)),)
        ),
        dialect(),
        "user messages call no tools",
    ),
    "five caches": (ask(cache_hints=(CacheHint(),) * 5), dialect(), "at most 4 places, got 5 cache hints"),
    "a cache after nothing": (ask(cache_hints=(CacheHint(),)), dialect(), "finds no system text and no tools"),
    "a cache after a message that is not there": (
        ask(cache_hints=(CacheHint(after_message=1),)),
        dialect(),
        "after message 1, but the last message is 0",
    ),
    "a cache after a blank beginning": (
        ask(messages=(ChatMessage.user(" "), ChatMessage.user("Hi")), cache_hints=(CacheHint(after_message=0),)),
        dialect(),
        "finds nothing up to message 0",
    ),
    "a long cache after a short one": (
        ask(
            system="Be kind.",
            cache_hints=(CacheHint(after_message=0, lifetime=CacheLifetime.ONE_HOUR), CacheHint()),
        ),
        dialect(),
        "a cache of 1h cannot follow one of 5m",
    ),
    "a field that the adapter sets": (ask(extra={"stream": False}), dialect(), "extra must not set stream"),
    "a member that the request sets": (
        ask(response_schema=CITY, extra={"output_config": {"format": {"type": "text"}}}),
        dialect(),
        "extra must not set output_config.format.type",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_request_that_cannot_be_honoured_is_refused(name: str) -> None:
    """What the wire or the model does not honour is refused in one line that says what, before anything is sent."""
    request, spoken, text = REFUSED[name]
    with pytest.raises(InvalidRequest) as caught:
        to_wire(request, spoken, stream=False)

    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@STEADY
@given(
    text=st.text(max_size=40),
    signature=st.text(st.characters(exclude_characters=":"), min_size=1, max_size=40),
    hidden=st.binary(min_size=1, max_size=40),
)
def test_thinking_goes_back_byte_for_byte(text: str, signature: str, hidden: bytes) -> None:
    """Thoughts, their proofs and redacted blocks are in the next request exactly as they came, and in their order."""
    data = base64.b64encode(hidden).decode()
    parts = (
        ReasoningPart(text=text, signature=signature),
        ReasoningPart(signature=data, redacted=True),
        TextPart(text="So."),
    )
    messages = (ChatMessage.user("Hi"), ChatMessage(role=ChatRole.ASSISTANT, parts=parts), ChatMessage.user("And?"))

    body = to_wire(ask(messages=messages), dialect(), stream=False)

    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": text, "signature": signature},
        {"type": "redacted_thinking", "data": data},
        {"type": "text", "text": "So."},
    ]


def test_no_tokens_at_all_are_asked_for_as_such() -> None:
    """An answer of no tokens, which fills the vendor's cache and says nothing, is not taken for an unstated length."""
    assert to_wire(ask(max_tokens=0), dialect(), stream=False)["max_tokens"] == 0


def words() -> st.SearchStrategy[ChatMessage]:
    """Draw messages of every role."""
    texts = st.sampled_from(["", " ", "a", "b 🙂"])
    return st.one_of(
        st.builds(ChatMessage.user, texts),
        st.builds(ChatMessage.system, texts),
        st.builds(ChatMessage.assistant, texts),
        st.builds(ChatMessage.tool, st.sampled_from(["t1", "t2"]), texts),
    )


@STEADY
@given(st.lists(words(), min_size=1, max_size=12))
def test_turns_alternate_and_lose_nothing(messages: list[ChatMessage]) -> None:
    """Whatever the order of roles, turns alternate, none is empty, and every text that is not blank is there once."""
    try:
        body = to_wire(ask(messages=tuple(messages)), dialect(prefill=True), stream=False)
    except InvalidRequest:
        assert not any(
            message.role is ChatRole.TOOL or (message.content.strip() and message.role is not ChatRole.SYSTEM)
            for message in messages
        )
        return

    roles = [turn["role"] for turn in body["messages"]]
    assert all(one != other for one, other in pairwise(roles))
    assert all(turn["content"] for turn in body["messages"])
    written = json.dumps(body, ensure_ascii=False)
    assert written.count("b 🙂") == sum(message.content == "b 🙂" for message in messages)


def test_caches_of_tools_survive_tools_of_the_vendor() -> None:
    """A cache after the tools is marked on the request's own last tool, whatever ``extra`` adds behind it."""
    server_tool = {"type": "web_search_20250305", "name": "web_search"}
    body = to_wire(
        ask(tools=(TOOL,), cache_hints=(CacheHint(),), extra={"tools": [server_tool]}), dialect(), stream=False
    )

    assert [tool.get("cache_control") for tool in body["tools"]] == [{"type": "ephemeral"}, None]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
        (
            {"type": "string", "format": "iban", "description": "The account."},
            {"type": "string", "description": 'The account.\n\n{"format": "iban"}'},
        ),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 1}, None),
        ({"oneOf": [{"const": 1}, {"type": "null"}]}, {"anyOf": [{"const": 1}, {"type": "null"}]}),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema", "enum": ["a"]}, {"enum": ["a"]}),
    ],
    ids=["known format", "unknown format", "as it is", "one of", "its dialect"],
)
def test_schema_is_fitted(schema: dict[str, Any], expected: dict[str, Any] | None) -> None:
    """What the vendor enforces stays, and what it does not is told to the model."""
    assert fitted(schema) == (schema if expected is None else expected)


def test_schema_with_definitions_is_closed_everywhere() -> None:
    """Objects are closed in definitions, items and alternatives, too."""
    point: dict[str, Any] = {"type": "object", "properties": {"x": {"type": "number"}}}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"all": {"type": "array", "items": {"$ref": "#/$defs/p"}}, "one": {"anyOf": [point]}},
        "$defs": {"p": point},
        "additionalProperties": True,
    }

    made = fitted(schema)

    assert made is not None
    assert json.dumps(made).count('"additionalProperties": false') == 3


def test_schema_that_is_too_deep_is_not_fitted() -> None:
    """A schema nested beyond all reason is not followed to its ground."""
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(60):
        schema = {"type": "array", "items": schema}

    assert fitted(schema) is None
