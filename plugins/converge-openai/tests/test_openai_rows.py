"""
Every row of the table of services, as it shows on the wire.

Each file of ``golden/services`` holds what a service is sent when a request asks for all that it honours, the chunks
in which it answers, and the events that they become.  The chunks are written by hand, after the source that the row
names; ``tox -e golden`` writes the rest, and the difference is then seen in review.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from converge_openai.backend import ChatCompletions
from converge_openai.describing import dialect_of
from converge_openai.facts import ModelFacts
from converge_openai.provider import OpenAiCompatible
from converge_openai.services import services
from converge_openai.wire.answers import Assembler
from converge_openai.wire.dialect import Dialect
from converge_provider import (
    BackendDescriptor,
    ChatMessage,
    ChatRequest,
    ChatRole,
    Finished,
    ImagePart,
    ReasoningEffort,
    ReasoningPart,
    ResponseFormat,
    Secret,
    TextDelta,
    TextPart,
    ToolCall,
    ToolChoice,
    ToolDefinition,
    codec,
)

GOLDEN = Path(__file__).parent / "golden" / "services"
KEY = "KEY"
ADDRESSES = {"azure_openai": "https://acme.openai.azure.com"}

WEATHER = ToolDefinition(
    name="weather", description="Tell the weather.", parameters={"type": "object", "properties": {"city": {}}}
)
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
CALL = ToolCall(id="call_0123456789", name="weather", arguments='{"city":"Oslo"}')


def wire_of(name: str, **settings: Any) -> ChatCompletions:
    """Open a service's default model, or one that nothing is known of."""
    row = services()[name]
    kind = OpenAiCompatible(row)
    address = ADDRESSES.get(name, "https://gateway.example") if row.needs_address else ""
    chosen = kind.settings(api_key=Secret(KEY), base_url=address, **settings)
    wire = kind.open(BackendDescriptor.unstated(name, row.default_model or "m1"), chosen).wire
    assert isinstance(wire, ChatCompletions)
    return wire


def all_that_is_honoured(dialect: Dialect) -> ChatRequest:
    """Make a request that sets every field that a model of a service honours, in the most demanding way."""
    seen = (ImagePart(media_type="image/png", data=b"\x89PNG"),) if "images" in dialect.media else ()
    fields: dict[str, Any] = {
        "max_tokens": 50,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 7,
        "stop_sequences": ("END",),
        "parallel_tool_calls": False,
        "reasoning_effort": _effort(dialect),
        "tool_choice": _choice(dialect),
        "response_schema": CITY,
    }
    fields = {name: value for name, value in fields.items() if name in dialect.honours}
    if "response_schema" not in dialect.honours and "json_object" in dialect.formats:
        fields["response_format"] = ResponseFormat.JSON
    asked = ChatMessage(role=ChatRole.USER, parts=(TextPart(text="Will it rain?"), *seen))
    thought = ReasoningPart(text="I should look.")
    if not dialect.takes_tools:
        return evolve(ChatRequest.of(""), messages=(asked,), system="Be brief.", **fields)
    called = ChatMessage(role=ChatRole.ASSISTANT, parts=(thought, TextPart(text="Let me see.")), tool_calls=(CALL,))
    messages = (asked, called, ChatMessage.tool(CALL.id, "sun"), ChatMessage.user("And now?"))
    return evolve(ChatRequest.of(""), messages=messages, system="Be brief.", tools=(WEATHER,), **fields)


def _effort(dialect: Dialect) -> ReasoningEffort:
    """Give the least effort that is taken."""
    known = dialect.efforts if dialect.effort_forms is None else (dialect.efforts or dialect.effort_forms)
    return next(effort for effort in ReasoningEffort if known is None or effort.value in known)


def _choice(dialect: Dialect) -> ToolChoice:
    """Give the most demanding choice that is taken."""
    if "named" in dialect.tool_choices and dialect.required_choice == "required":
        return ToolChoice.named("weather")
    return ToolChoice.REQUIRED if "required" in dialect.tool_choices else ToolChoice.AUTO


def asked(name: str) -> dict[str, Any]:
    """Give what goes over the wire."""
    wire = wire_of(name)
    post = wire.request(all_that_is_honoured(wire.dialect), stream=True)
    headers = {key: one.reveal() if isinstance(one, Secret) else one for key, one in post.headers.items()}
    return {"method": post.method, "url": post.url, "headers": headers, "body": json.loads(post.body or b"")}


def events_of(name: str, chunks: list[Any]) -> list[Any]:
    """Make the events of chunks, as the service's wire reads them."""
    assembler = wire_of(name).answer()
    for chunk in chunks:
        assert not assembler.error(chunk, event="message")
    return [*(event for chunk in chunks for event in assembler.take(chunk)), *assembler.finish()]


def golden(name: str) -> Any:
    """Read a file."""
    return json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))


def text_of(name: str) -> str:
    """Give what a file should hold, from the chunks in it."""
    chunks = golden(name)["chunks"]
    document = {"asked": asked(name), "chunks": chunks, "events": [codec.dump(one) for one in events_of(name, chunks)]}
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", services())
def test_row_shows_on_the_wire_as_the_golden_file_has_it(name: str) -> None:
    """What a service is sent, and how its answer is read, do not change unnoticed."""
    written = (GOLDEN / f"{name}.json").read_text("utf-8")

    assert text_of(name) == written, "a row shows differently; if that is meant: tox -e golden"


@pytest.mark.parametrize("name", services())
def test_row_answers_with_its_text_in_the_deltas(name: str) -> None:
    """An answer ends with its only ``Finished``, whose text is that of the deltas, and which names a known reason."""
    events = events_of(name, golden(name)["chunks"])

    (last,) = (event for event in events if isinstance(event, Finished))
    assert events[-1] is last
    assert last.response.content == "".join(event.text for event in events if isinstance(event, TextDelta))
    assert last.response.finish_reason is not None
    assert last.response.usage_detail is not None


@pytest.mark.parametrize("name", services())
def test_row_is_read_the_same_from_one_whole_answer(name: str) -> None:
    """A chunk with the whole message gives what it gives as a stream, in one event per field."""
    chunks = golden(name)["chunks"]
    if len(chunks) == 1:
        assembler = wire_of(name).answer()
        assert assembler.whole(chunks[0]) == events_of(name, chunks)
    else:
        assert all("message" not in choice for chunk in chunks for choice in chunk.get("choices", ()))


def test_no_golden_file_is_left_over() -> None:
    """Every service has its file, and every file its service."""
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(services())


def test_configured_model_may_put_its_reasoning_into_tags() -> None:
    """Of a server that leaves reasoning in the text, the user says so, model by model."""
    row = services()["vllm"]
    tagged = dialect_of(row, "m1", ModelFacts(think_tags=True))
    assembler = Assembler(think_tags=tagged.think_tags)
    assembler.take({"choices": [{"delta": {"content": "<think>Hm.</think>Hi"}, "finish_reason": "stop"}]})

    last = assembler.finish()[-1]

    assert isinstance(last, Finished)
    assert last.response.content == "Hi"
    assert not dialect_of(row, "m1", ModelFacts()).think_tags


def main() -> None:
    """Write the files."""
    for name in services():
        (GOLDEN / f"{name}.json").write_text(text_of(name), "utf-8")


if __name__ == "__main__":
    main()
