"""What a request becomes, and what is refused before anything is sent."""

from typing import Any

import pytest
from attrs import evolve

from converge_gemini.wire.dialect import FEATURES, Dialect
from converge_gemini.wire.requests import to_wire
from converge_gemini.wire.schemas import KNOWN, schema_to_wire
from converge_gemini.wire.signatures import Signature
from converge_provider import (
    CacheHint,
    ChatMessage,
    ChatRequest,
    ChatRole,
    ImagePart,
    InvalidRequest,
    ReasoningEffort,
    ReasoningPart,
    ResponseFormat,
    TextPart,
    ToolCall,
    ToolChoice,
    ToolDefinition,
)

M1 = Dialect(model="m1")
ASK = ChatRequest.of("Hello")
TOOL = ToolDefinition(name="t", description="d", parameters={"type": "object"})
CALL = ToolCall(id="c1", name="t", arguments="{}")
PICTURE = ImagePart(media_type="image/png", data=b"x")


def messages(*said: ChatMessage) -> ChatRequest:
    """Ask with a conversation."""
    return ChatRequest(messages=(ChatMessage.user("?"), *said))


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (evolve(ASK, parallel_tool_calls=False), "does not honour parallel_tool_calls"),
        (evolve(ASK, cache_hints=(CacheHint(),)), "does not honour cache_hints"),
        (evolve(ASK, stop_sequences=tuple("abcdef")), "5 stop sequences at most, got 6"),
        (evolve(ASK, reasoning_effort=ReasoningEffort.NONE), "always thinks"),
        (evolve(ASK, response_schema={}, response_format=ResponseFormat.YAML), "asks for json on this wire, got"),
        (evolve(ASK, tool_choice=ToolChoice.REQUIRED), "but the request offers none"),
        (evolve(ASK, tools=(TOOL,), tool_choice=ToolChoice.named("u")), "names 'u', which is not among the tools"),
        (ChatRequest(messages=(ChatMessage.system("Be kind."),)), "at least one message that is not the system's"),
        (ChatRequest(messages=()), "at least one message"),
        (messages(ChatMessage.tool("c9", "sun")), "message 1: tool_call_id 'c9' names no call"),
        (messages(ChatMessage(role=ChatRole.TOOL, content="sun")), "tool_call_id None names no call"),
        (messages(ChatMessage(role=ChatRole.USER, tool_calls=(CALL,))), "message 1: user messages call no tools"),
        (messages(ChatMessage(role=ChatRole.ASSISTANT, parts=(PICTURE,))), "assistant messages hold text only"),
        (messages(ChatMessage(role=ChatRole.SYSTEM, parts=(PICTURE,))), "system messages hold text only"),
        (messages(ChatMessage(role=ChatRole.USER, parts=(ReasoningPart(text="hm"),))), "stands in assistant messages"),
        (
            messages(
                ChatMessage.assistant("", tool_calls=(CALL,)),
                ChatMessage(role=ChatRole.TOOL, tool_call_id="c1", parts=(ReasoningPart(text="hm"),)),
            ),
            "message 2: reasoning stands in assistant messages",
        ),
        (evolve(ASK, extra={"contents": []}), "extra must not set contents"),
        (evolve(ASK, extra={"generationConfig": {"candidateCount": 2}}), "set generationConfig.candidateCount"),
        (evolve(ASK, seed=1, extra={"generationConfig": {"seed": 2}}), "extra must not set generationConfig.seed"),
        (evolve(ASK, system="Be kind.", extra={"systemInstruction": "no"}), "extra must not set systemInstruction"),
        (
            evolve(ASK, stop_sequences=("a",), extra={"generationConfig": {"stopSequences": ["b"]}}),
            "must not set generationConfig.stopSequences",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_gemini_request_that_the_wire_has_no_place_for_is_refused(request_: ChatRequest, words: str) -> None:
    """The refusal says which field, which message, and what would be right."""
    with pytest.raises(InvalidRequest) as caught:
        to_wire(request_, M1)

    assert words in str(caught.value)


@pytest.mark.parametrize("feature", FEATURES)
def test_gemini_field_that_a_model_does_not_honour_is_refused(feature: str) -> None:
    """A model that lacks a feature refuses the field by name, and one that has it takes it."""
    values: dict[str, Any] = {
        "max_tokens": 5, "temperature": 0.0, "stop_sequences": ("x",), "tool_choice": ToolChoice.AUTO,
        "response_schema": {"type": "object"}, "seed": 0, "top_p": 0.5, "reasoning_effort": ReasoningEffort.LOW,
    }  # fmt: skip
    request = evolve(ASK, tools=(TOOL,), **{feature: values[feature]})
    assert to_wire(request, M1) != to_wire(evolve(ASK, tools=(TOOL,)), M1)

    with pytest.raises(InvalidRequest, match=feature):
        to_wire(request, evolve(M1, honours=frozenset(FEATURES) - {feature}))


def test_gemini_effort_outside_the_models_own_is_refused() -> None:
    """A model whose efforts are known takes no others, and the refusal names those it takes."""
    with pytest.raises(InvalidRequest, match="takes reasoning_effort high, low, got minimal"):
        to_wire(evolve(ASK, reasoning_effort=ReasoningEffort.MINIMAL), evolve(M1, efforts=frozenset({"low", "high"})))


def test_gemini_extra_reaches_every_depth() -> None:
    """Fields of the vendor's own go beside those that the request sets, at the top and below it."""
    extra: dict[str, Any] = {
        "labels": {"a": "b"},
        "generationConfig": {"topK": 3},
        "toolConfig": {"retrievalConfig": {"x": [1]}},
    }
    wire = to_wire(evolve(ASK, max_tokens=9, tools=(TOOL,), tool_choice=ToolChoice.AUTO, extra=extra), M1)

    assert wire["labels"] == {"a": "b"}
    assert wire["generationConfig"] == {"maxOutputTokens": 9, "topK": 3}
    assert wire["toolConfig"] == {"functionCallingConfig": {"mode": "AUTO"}, "retrievalConfig": {"x": [1]}}


@pytest.mark.parametrize(
    ("written", "args"),
    [
        ('{"a": 1}', {"a": 1}),
        ("", {}),
        ('"{\\"a\\": 1}"', {"a": 1}),
        ("[1]", {"malformed_arguments": "[1]"}),
        ("{oops", {"malformed_arguments": "{oops"}),
    ],
    ids=["object", "none", "twice", "list", "broken"],
)
def test_gemini_arguments_go_back_as_an_object(written: str, args: dict[str, Any]) -> None:
    """The wire wants an object; what is none is not lost."""
    call = ToolCall(id="c1", name="t", arguments=written)
    wire = to_wire(messages(ChatMessage.assistant("", tool_calls=(call,)), ChatMessage.tool("c1", "ok")), M1)

    assert wire["contents"][1]["parts"][0]["functionCall"] == {"id": "c1", "name": "t", "args": args}


def test_gemini_results_of_two_turns_stand_apart() -> None:
    """Results of one turn share a content; those of the next turn have their own, behind its calls."""
    again = ToolCall(id="c2", name="u", arguments="{}")
    wire = to_wire(
        messages(
            ChatMessage.assistant("", tool_calls=(CALL, evolve(again, id="c3"))),
            ChatMessage.tool("c1", "1"),
            ChatMessage.tool("c3", "3"),
            ChatMessage.assistant("", tool_calls=(again,)),
            ChatMessage.tool("c2", "2"),
        ),
        M1,
    )

    answered = [
        [part["functionResponse"]["id"] for part in content["parts"] if "functionResponse" in part]
        for content in wire["contents"]
    ]
    assert answered == [[], [], ["c1", "c3"], [], ["c2"]]
    assert wire["contents"][4]["parts"][0]["functionResponse"]["name"] == "u"


def test_gemini_result_that_is_an_error_is_said_to_be_one() -> None:
    """Google tells the output of a function from the error that stands in its place by the key."""
    call = messages(
        ChatMessage.assistant("", tool_calls=(CALL, evolve(CALL, id="c2"))),
        ChatMessage.tool("c1", "sun"),
        ChatMessage.tool("c2", "the station is down", is_error=True),
    )

    results = [part["functionResponse"]["response"] for part in to_wire(call, M1)["contents"][2]["parts"]]
    assert results == [{"output": "sun"}, {"error": "the station is down"}]


def test_gemini_text_parts_keep_their_borders_and_empty_ones_go() -> None:
    """A text without a signature loses nothing when it is empty; one with a signature stays."""
    parts = (
        TextPart(text=""),
        TextPart(text="a"),
        TextPart(text="b"),
        ReasoningPart(signature=Signature("s1").marked, redacted=True),
        TextPart(text=""),
        ReasoningPart(signature=Signature("s2").marked, redacted=True),
        ReasoningPart(signature=Signature("s3").marked, redacted=True),
        TextPart(text="c"),
        ReasoningPart(text="hm", signature=Signature("s4").marked),
        ReasoningPart(text="unsigned"),
    )
    wire = to_wire(messages(ChatMessage(role=ChatRole.ASSISTANT, parts=parts)), M1)

    assert wire["contents"][1]["parts"] == [
        {"text": "a"},
        {"text": "b", "thoughtSignature": "s1"},
        {"text": "", "thoughtSignature": "s2"},
        {"text": "", "thoughtSignature": "s3"},
        {"text": "c"},
        {"text": "hm", "thought": True, "thoughtSignature": "s4"},
    ]


def test_gemini_signature_of_a_call_survives_an_id_with_colons() -> None:
    """An id is whatever the vendor, or another vendor, made of it."""
    marked = Signature("c2ln", call_id="a:b:c").marked

    assert Signature.read(marked) == Signature("c2ln", call_id="a:b:c")
    assert Signature.read(None) is None


SCHEMAS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"const": 3}, {"enum": [3], "type": "integer"}),
    ({"const": True, "type": "boolean"}, {"type": "boolean"}),
    ({"type": "integer", "exclusiveMaximum": 9}, {"type": "integer", "maximum": 8}),
    ({"type": "number", "exclusiveMaximum": 9}, {"type": "number"}),
    ({"allOf": [{"type": "string"}], "title": "T"}, {"type": "string", "title": "T"}),
    ({"allOf": [{}, {}], "not": {}, "if": {}, "minLength": 1}, {}),
    ({"$ref": "#/$defs/A", "description": "d"}, {"$ref": "#/$defs/A"}),
    ({"properties": {"const": {"const": "a"}}}, {"properties": {"const": {"enum": ["a"], "type": "string"}}}),
    (
        {"oneOf": [{"const": "a"}], "prefixItems": [True]},
        {"oneOf": [{"enum": ["a"], "type": "string"}], "prefixItems": [True]},
    ),
    ({"additionalProperties": {"pattern": "x", "type": "string"}}, {"additionalProperties": {"type": "string"}}),
]


@pytest.mark.parametrize(("schema", "written"), SCHEMAS, ids=str)
def test_gemini_schema_is_written_in_known_keywords(schema: dict[str, Any], written: dict[str, Any]) -> None:
    """What can be said in the documented keywords is translated; nothing else is sent."""
    assert schema_to_wire(schema) == written
    assert written.keys() <= KNOWN
