"""What a request becomes, and what is refused before anything is sent."""

from typing import Any

import pytest
from attrs import evolve

from converge_ollama.wire.dialect import FEATURES, Dialect
from converge_ollama.wire.requests import to_wire
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

M1 = Dialect(model="m1")
ASK = ChatRequest.of("Hello")
TOOL = ToolDefinition(name="t", description="d", parameters={"type": "object"})
CALL = ToolCall(id="c1", name="t", arguments="{}")
PICTURE = ImagePart(media_type="image/png", data=b"x")


def messages(*said: ChatMessage) -> ChatRequest:
    """Ask with a conversation."""
    return ChatRequest(messages=(ChatMessage.user("?"), *said))


def user(*parts: Any) -> ChatMessage:
    """Say something as the user, in parts."""
    return ChatMessage(role=ChatRole.USER, parts=parts)


REFUSED: list[tuple[ChatRequest, str]] = [
    (evolve(ASK, parallel_tool_calls=True), "does not honour parallel_tool_calls"),
    (evolve(ASK, tools=(TOOL,), tool_choice=ToolChoice.AUTO), "does not honour tool_choice"),
    (evolve(ASK, cache_hints=(CacheHint(),)), "does not honour cache_hints"),
    (evolve(ASK, reasoning_effort=ReasoningEffort.MINIMAL), "takes reasoning_effort none, low, medium, high"),
    (evolve(ASK, response_schema={}, response_format=ResponseFormat.YAML), "asks for json on this wire, got"),
    (ChatRequest(messages=()), "at least one message"),
    (messages(ChatMessage.tool("c9", "sun")), "message 1: tool_call_id 'c9' names no call"),
    (messages(ChatMessage(role=ChatRole.TOOL, content="sun")), "tool_call_id None names no call"),
    (messages(ChatMessage(role=ChatRole.USER, tool_calls=(CALL,))), "message 1: user messages call no tools"),
    (messages(user(DocumentPart(media_type="application/pdf", data=b"x"))), "no place for a DocumentPart"),
    (messages(user(AudioPart(media_type="audio/wav", data=b"x"))), "no place for a AudioPart"),
    (messages(user(ImagePart(media_type="image/png", url="https://x.example/a.png"))), "give the bytes, not a URL"),
    (messages(user(ReasoningPart(text="hm"))), "reasoning stands in assistant messages"),
    (messages(ChatMessage(role=ChatRole.ASSISTANT, parts=(PICTURE,))), "assistant messages hold text only"),
    (messages(ChatMessage(role=ChatRole.SYSTEM, parts=(PICTURE,))), "system messages hold text only"),
    (evolve(ASK, extra={"messages": []}), "extra must not set messages"),
    (evolve(ASK, extra={"stream": True}), "extra must not set stream"),
    (evolve(ASK, extra={"_debug_render_only": True}), "extra must not set _debug_render_only"),
    (evolve(ASK, response_schema={}, extra={"format": "json"}), "extra must not set format"),
    (evolve(ASK, seed=1, extra={"options": {"seed": 2}}), "extra must not set options.seed"),
    (evolve(ASK, seed=1, extra={"options": "many"}), "extra must not set options:"),
]


@pytest.mark.parametrize(("request_", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_ollama_request_that_the_wire_has_no_place_for_is_refused(request_: ChatRequest, words: str) -> None:
    """The refusal says which field, which message, and what would be right."""
    with pytest.raises(InvalidRequest) as caught:
        to_wire(request_, M1, stream=False)

    assert words in str(caught.value)


@pytest.mark.parametrize("feature", FEATURES)
def test_ollama_field_that_a_model_does_not_honour_is_refused(feature: str) -> None:
    """A model that lacks a feature refuses the field by name, and one that has it takes it."""
    values: dict[str, Any] = {
        "max_tokens": 5,
        "temperature": 0.0,
        "stop_sequences": ("x",),
        "response_schema": {"type": "object"},
        "seed": 0,
        "top_p": 0.5,
        "reasoning_effort": ReasoningEffort.LOW,
    }
    request = evolve(ASK, **{feature: values[feature]})
    assert to_wire(request, M1, stream=False) != to_wire(ASK, M1, stream=False)

    with pytest.raises(InvalidRequest, match=feature):
        to_wire(request, evolve(M1, honours=frozenset(FEATURES) - {feature}), stream=False)


def test_ollama_is_always_told_whether_to_stream() -> None:
    """The server streams unless it is told not to."""
    assert [to_wire(ASK, M1, stream=stream)["stream"] for stream in (False, True)] == [False, True]


def test_ollama_may_not_cut_conversations_unless_it_is_allowed() -> None:
    """Both ways in which the server drops messages are off, unless the settings or the caller say otherwise."""
    quiet = to_wire(ASK, evolve(M1, may_truncate=True), stream=True)
    asked = to_wire(evolve(ASK, extra={"truncate": True}), M1, stream=True)

    assert to_wire(ASK, M1, stream=True).items() >= {"truncate": False, "shift": False}.items()
    assert not {"truncate", "shift"} & quiet.keys()
    assert (asked["truncate"], asked["shift"]) == (True, False)


def test_ollama_extra_options_stand_beside_the_settings() -> None:
    """Options of the vendor's own go beside those of the request and of the provider; other fields go to the top."""
    dialect = evolve(M1, num_ctx=64, keep_alive="5m")
    wire = to_wire(evolve(ASK, max_tokens=9, extra={"options": {"top_k": 3}, "raw": True}), dialect, stream=False)
    alone = to_wire(evolve(ASK, extra={"options": {"top_k": 3}}), M1, stream=False)
    empty = to_wire(evolve(ASK, max_tokens=9, extra={"options": {}}), M1, stream=False)

    assert wire["options"] == {"num_ctx": 64, "num_predict": 9, "top_k": 3}
    assert (wire["keep_alive"], wire["raw"]) == ("5m", True)
    assert alone["options"] == {"top_k": 3}
    assert empty["options"] == {"num_predict": 9}
    with pytest.raises(InvalidRequest, match=r"options\.num_ctx"):
        to_wire(evolve(ASK, extra={"options": {"num_ctx": 3}}), dialect, stream=False)
