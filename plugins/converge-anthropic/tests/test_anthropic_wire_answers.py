"""What is made of answers, whole, in pieces, and hostile."""

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import asdict
from hypothesis import given, settings, strategies as st

from converge_anthropic.wire.answers import Assembler
from converge_anthropic.wire.usage import usage_from_wire
from converge_provider import (
    ContentFiltered,
    Finished,
    FinishReason,
    LlmError,
    ProviderError,
    ReasoningPart,
    StreamEvent,
    TextDelta,
    ToolCallFinished,
    ToolCallMalformed,
    ToolCallStarted,
    UsageDetail,
)
from converge_provider.http import as_object

STEADY = settings(derandomize=True, deadline=None)
"""The same draws every time, however slow the machine is."""

GOLDEN = Path(__file__).parent / "golden" / "answers"


def whole(*content: Any, reason: str | None = "end_turn", **members: Any) -> list[StreamEvent]:
    """Read a whole answer."""
    return Assembler().whole({"type": "message", "content": list(content), "stop_reason": reason, **members})


def finished(events: list[StreamEvent]) -> Finished:
    """Give the last event."""
    last = events[-1]
    assert isinstance(last, Finished)
    return last


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"input_tokens": 3, "output_tokens": 2}, UsageDetail(input_uncached=3, output=2)),
        (
            {"input_tokens": 3, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 7, "output_tokens": 2},
            UsageDetail(input_uncached=3, cache_read=5, cache_write=7, output=2),
        ),
        (
            {
                "input_tokens": 3,
                "cache_creation_input_tokens": 7,
                "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 5},
                "output_tokens": 2,
            },
            UsageDetail(input_uncached=3, cache_write=4, cache_write_1h=5, output=2),
        ),
        (
            {
                "input_tokens": 3,
                "cache_creation_input_tokens": 7,
                "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 7},
                "output_tokens": 2,
            },
            UsageDetail(input_uncached=3, cache_write_1h=7, output=2),
        ),
        (
            {
                "input_tokens": 3,
                "cache_creation_input_tokens": 7,
                "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
                "output_tokens": 2,
            },
            UsageDetail(input_uncached=3, cache_write=7, output=2),
        ),
        (
            {
                "input_tokens": 3,
                "cache_creation": None,
                "output_tokens": 9,
                "output_tokens_details": {"thinking_tokens": 6},
            },
            UsageDetail(input_uncached=3, output=3, reasoning=6),
        ),
        ({"input_tokens": 3, "output_tokens": 5, "output_tokens_details": {"thinking_tokens": 6}}, None),
        ({"input_tokens": -3, "output_tokens": 5}, None),
        ({"input_tokens": 3.5, "output_tokens": 5}, None),
        ({"input_tokens": True, "output_tokens": 5}, None),
        ({"input_tokens": "3", "output_tokens": 5}, None),
        ({"cache_creation": {"a": 2**32 - 1, "b": 2**32 - 1}}, None),
    ],
    ids=["plain", "cached", "lifetimes beat their sum", "an hour", "no lifetimes", "thinking",
         "more thought than output", "negative", "not whole", "a boolean", "a text", "too much"],
)  # fmt: skip
def test_usage_is_sorted_into_disjoint_buckets(counts: dict[str, Any], expected: UsageDetail | None) -> None:
    """The buckets add up to all that the vendor counts, each token once; nonsense is nothing."""
    detail = usage_from_wire(counts)

    assert detail == expected
    if detail is not None:
        lifetimes: dict[str, int] = counts.get("cache_creation") or {}
        written = sum(lifetimes.values()) or counts.get("cache_creation_input_tokens", 0)
        everything = counts["input_tokens"] + counts.get("cache_read_input_tokens", 0) + written
        assert detail.totals().prompt_tokens == everything
        assert detail.totals().total_tokens == everything + counts["output_tokens"]


HOSTILE: "st.SearchStrategy[Any]" = st.one_of(
    st.integers(0, 40),
    st.integers(),
    st.sampled_from([None, True, "7", 2.5, 2**32 - 1, [], {"a": 1}]),
    st.text(max_size=2),
)


def usages(whole: "st.SearchStrategy[Any]", part: "st.SearchStrategy[Any]") -> "st.SearchStrategy[dict[str, Any]]":
    """Draw usage whose counts are drawn so."""
    lifetimes = [f"ephemeral_{lifetime}_input_tokens" for lifetime in ("5m", "1h", "1d")]
    return st.fixed_dictionaries(
        {"input_tokens": whole, "output_tokens": whole},
        optional={
            "cache_read_input_tokens": part,
            "cache_creation_input_tokens": part,
            "cache_creation": part | st.dictionaries(st.sampled_from(lifetimes), part),
            "output_tokens_details": part | st.fixed_dictionaries({"thinking_tokens": part}),
        },
    )


@settings(derandomize=True, database=None, max_examples=300)
@given(usages(st.integers(0, 99), st.integers(0, 9)) | usages(HOSTILE, HOSTILE))
def test_usage_adds_up_whatever_comes(counts: dict[str, Any]) -> None:
    """No bucket is negative, and together they are what the vendor counts, or there are none."""
    detail = usage_from_wire(counts)

    if detail is not None:
        lifetimes = as_object(counts.get("cache_creation"))
        written = sum(tokens or 0 for tokens in lifetimes.values()) or counts.get("cache_creation_input_tokens") or 0
        everything = (counts["input_tokens"] or 0) + (counts.get("cache_read_input_tokens") or 0) + written
        assert min(asdict(detail).values()) >= 0
        assert detail.totals().prompt_tokens == everything
        assert detail.totals().completion_tokens == (counts["output_tokens"] or 0)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", FinishReason.STOP),
        ("max_tokens", FinishReason.LENGTH),
        ("stop_sequence", FinishReason.STOP_SEQUENCE),
        ("model_context_window_exceeded", FinishReason.LENGTH),
        ("refusal", FinishReason.CONTENT_FILTER),
        ("pause_turn", None),
        ("later", None),
    ],
)
def test_stop_reason_is_normalised(reason: str, expected: FinishReason | None) -> None:
    """Each reason becomes one of the contract's; what that leaves out stands in the metadata."""
    response = finished(whole({"type": "text", "text": "Hi"}, reason=reason)).response

    assert response.finish_reason is expected
    is_plain = reason in {"end_turn", "max_tokens", "stop_sequence"}
    assert response.metadata.get("finish_reason") == (None if is_plain else reason)


def test_stop_sequence_beside_an_ended_turn_counts() -> None:
    """A server that names the sequence but says that the turn ended has stopped by the sequence."""
    response = finished(whole({"type": "text", "text": "Hi"}, stop_sequence="END")).response

    assert response.finish_reason is FinishReason.STOP_SEQUENCE
    assert response.metadata["stop_sequence"] == "END"


@pytest.mark.parametrize(
    ("details", "said"),
    [
        ({"type": "refusal", "category": "cyber", "explanation": "Not this."}, "Not this."),
        ({"type": "refusal", "category": "bio", "explanation": None}, "bio"),
        (None, "the model declined to answer"),
    ],
)
def test_refusal_without_an_answer_is_an_error(details: dict[str, Any] | None, said: str) -> None:
    """A refusal of which there is nothing to show is an error that says why."""
    with pytest.raises(ContentFiltered, match=said):
        whole(reason="refusal", stop_details=details)


def test_answer_in_a_forced_call_is_text_whole_too() -> None:
    """The arguments of the call that stands for an answer are the text of a whole answer as of a streamed one."""
    call = {"type": "tool_use", "id": "t", "name": "answer_in_schema", "input": {"city": "Zürich"}}
    response = finished(whole(call, reason="tool_use")).response

    assert (response.content, response.tool_calls) == ('{"city": "Zürich"}', ())
    assert response.finish_reason is FinishReason.STOP


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [({}, ToolCallFinished), ('{"a": 1}', ToolCallFinished), ("{", ToolCallMalformed), ([1], ToolCallMalformed)],
    ids=repr,
)
def test_arguments_that_come_whole_are_checked(arguments: object, kind: type) -> None:
    """Arguments are a JSON object, whether a server sends it as such or as text; whatever else is malformed."""
    events = whole({"type": "tool_use", "id": "t", "name": "weather", "input": arguments}, reason="tool_use")

    assert [event for event in events if isinstance(event, kind)]


def test_call_without_a_name_is_malformed() -> None:
    """A call that names no tool is reported as malformed, and has an id of ours when it has none."""
    events = whole({"type": "tool_use"}, reason="tool_use", id="msg_7")

    (begun,) = [event for event in events if isinstance(event, ToolCallStarted)]
    (made,) = [event for event in events if isinstance(event, ToolCallMalformed)]
    assert begun.id == "call_msg_7_0"
    assert made.problem == "the call names no tool"


def test_call_without_an_id_never_takes_that_of_another() -> None:
    """A name of ours that a server has used already is not used again."""
    calls = [{"type": "tool_use", "id": name, "name": "weather"} for name in ("call_answer_1", "", "")]
    events = whole(*calls, reason="tool_use")

    names = [event.id for event in events if isinstance(event, ToolCallStarted)]
    assert names[0] == "call_answer_1"
    assert len(set(names)) == 3


@pytest.mark.parametrize(
    ("document", "event"),
    [
        ({"type": "error", "message": "no"}, None),
        ({"message": "no"}, "error"),
        ({"error": {"message": "no"}}, None),
    ],
    ids=["by its type", "by its event", "by its member"],
)
def test_error_in_place_of_an_answer_is_told(document: dict[str, Any], event: str | None) -> None:
    """An error is told by its type, by the event that brings it, or by what it holds."""
    assert Assembler().error(document, event=event)
    assert not Assembler().error({"type": "message", "content": [], "error": None}, event="message")


def test_thought_that_nothing_announced_is_a_thought() -> None:
    """Pieces of a thought, and its proof, are taken although the server never began the block."""
    assembler = Assembler()
    for delta in ({"type": "thinking_delta", "thinking": "hm"}, {"type": "signature_delta", "signature": "s"}):
        assembler.take({"type": "content_block_delta", "index": 0, "delta": delta})
    assembler.take({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})

    assert finished(assembler.finish()).response.parts == (ReasoningPart(text="hm", signature="s"),)


@pytest.mark.parametrize(
    "pieces", [("a\ud83d", "\ude42b"), ("a", "\ud83d", "\ude42", "b")], ids=["with neighbours", "alone"]
)
def test_halves_of_a_character_are_put_together(pieces: tuple[str, ...]) -> None:
    """A character whose halves come in different events is whole in what is shown."""
    assembler = Assembler()
    events: list[StreamEvent] = []
    for piece in pieces:
        delta = {"type": "text_delta", "text": piece}
        events += assembler.take({"type": "content_block_delta", "index": 0, "delta": delta})
    assembler.take({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})
    events += assembler.finish()

    shown = [event.text for event in events if isinstance(event, TextDelta)]
    assert "".join(shown) == "a🙂b" == finished(events).response.content
    assert all(text.encode() for text in shown)


def test_half_a_character_at_the_end_is_replaced() -> None:
    """Of a character whose other half never comes, the sign for a lost one is shown."""
    assert finished(whole({"type": "text", "text": "a\ud83d"})).response.content == "a\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    "document",
    [{"type": "message"}, {"content": "Hi"}, {"content": [{"type": "text", "text": 7}], "stop_reason": "end_turn"}],
    ids=["no content", "a text", "a number in place of text"],
)
def test_what_is_no_answer_is_an_error(document: dict[str, Any]) -> None:
    """What has no shape of this wire is a typed error."""
    with pytest.raises(ProviderError):
        Assembler().whole(document)


def test_answer_that_does_not_say_why_it_ended_is_an_error() -> None:
    """An answer without a stop reason is not complete."""
    with pytest.raises(ProviderError, match="does not say why it ended"):
        whole({"type": "text", "text": "Hi"}, reason=None)


def test_answer_of_too_many_blocks_is_an_error() -> None:
    """A server that begins blocks without end is stopped."""
    assembler = Assembler()
    begin = {"type": "content_block_start", "content_block": {"type": "text"}}
    for index in range(10_000):
        assembler.take({**begin, "index": index})
    with pytest.raises(ProviderError, match="more than 10000 blocks"):
        assembler.take({**begin, "index": 10_000})


def documents() -> st.SearchStrategy[Any]:
    """Draw documents that resemble those of the wire, in any order and with any nonsense inside."""
    scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3)
    blocks = st.fixed_dictionaries(
        {"type": st.sampled_from(["text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "later"])},
        optional=dict.fromkeys(("text", "thinking", "signature", "data", "id", "name", "input"), scalars),
    )
    kinds = ["text_delta", "thinking_delta", "signature_delta", "input_json_delta", "citations_delta", "later"]
    deltas = st.fixed_dictionaries(
        {"type": st.sampled_from(kinds)},
        optional=dict.fromkeys(("text", "thinking", "signature", "partial_json", "citation", "stop_reason"), scalars),
    )
    events = [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "ping",
    ]
    return st.fixed_dictionaries(
        {"type": st.sampled_from(events)},
        optional={
            "index": st.integers(0, 2) | scalars,
            "content_block": blocks | scalars,
            "delta": deltas | scalars,
            "message": st.fixed_dictionaries({}, optional={"id": scalars, "usage": scalars}) | scalars,
            "usage": st.dictionaries(st.sampled_from(["input_tokens", "output_tokens"]), scalars) | scalars,
        },
    )


@STEADY
@given(st.lists(documents(), max_size=12))
def test_any_stream_ends_in_an_answer_or_a_typed_error(stream: list[Any]) -> None:
    """Whatever comes, the outcome is an answer whose text is that of its deltas, or an error of the family."""
    assembler = Assembler()
    events: list[StreamEvent] = []
    try:
        for document in stream:
            events += assembler.take(document, event=None)
        events += assembler.finish()
    except LlmError:
        return

    response = finished(events).response
    assert response.content == "".join(event.text for event in events if isinstance(event, TextDelta))
    ended = [event.call for event in events if isinstance(event, ToolCallFinished | ToolCallMalformed)]
    assert sorted(call.id for call in response.tool_calls) == sorted(call.id for call in ended)
    assert len({call.id for call in ended}) == len(ended)


@STEADY
@given(st.data())
def test_stream_cut_otherwise_gives_the_same_answer(data: st.DataObject) -> None:
    """Where a server cuts its pieces changes nothing in the answer."""
    text = data.draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=5)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assembler = Assembler()
    for piece in pieces:
        delta = {"type": "text_delta", "text": piece}
        assembler.take({"type": "content_block_delta", "index": 0, "delta": delta})
    assembler.take({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})

    assert finished(assembler.finish()).response.content == text


def test_stream_and_whole_answer_become_the_same_response() -> None:
    """The recorded stream and the recorded whole answer, which say the same, become the same text, usage and reason."""
    streamed, at_once = (json.loads((GOLDEN / f"text_{way}.json").read_text("utf-8")) for way in ("streamed", "whole"))
    one, other = (recorded["events"][-1]["response"] for recorded in (streamed, at_once))

    assert {name: one[name] for name in ("content", "finish_reason", "usage", "usage_detail", "model")} == {
        name: other[name] for name in ("content", "finish_reason", "usage", "usage_detail", "model")
    }
