"""JSON of services: nothing too deep, no number that is none, no half of a character, and nothing but JSON."""

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from converge_provider import (
    ChatResponse,
    Citation,
    Finished,
    ReasoningPart,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallMalformed,
    ToolCallStarted,
)
from converge_provider.http import checked_arguments, parsed
from converge_provider.http.documents import DEEPEST, document_of, event_document_of, mended_text, strict_document_of
from converge_provider.http.mending import Mending, mended

if TYPE_CHECKING:
    from converge_provider import StreamEvent

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(value=JSON)
def test_documents_are_read_as_they_were_written(value: Any) -> None:
    """What is JSON is read as any reader reads it, from text and from bytes."""
    text = json.dumps(value)

    assert (
        document_of(text) == document_of(text.encode()) == event_document_of(text) == strict_document_of(text) == value
    )


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_number_that_is_none_is_null_from_a_service_and_refused_from_a_model(number: str) -> None:
    """A log probability that JSON cannot write costs nobody the answer; arguments of a tool must be JSON."""
    assert document_of(f'{{"a": {number}}}') == {"a": None}
    with pytest.raises(ValueError, match=r"JSON number|beyond every number"):
        strict_document_of(number)
    assert checked_arguments(f'{{"a": {number}}}')[1].startswith("the arguments are not JSON: ")


@pytest.mark.parametrize("bracket", ["[]", "{}"])
def test_document_is_as_deep_as_the_limit_at_most(bracket: str) -> None:
    """One level more than the limit is refused, however wide the document is, and brackets in texts do not count."""

    def nested(levels: int) -> str:
        begin, end = ("[", "]") if bracket == "[]" else ('{"a":', "}")
        return begin * levels + '"[[[{{{\\"["' + end * levels

    assert document_of(nested(DEEPEST))
    assert len(str(document_of(f"[{','.join(['[[]]'] * 1000)}]"))) > 1000
    for levels in (DEEPEST + 1, 5_000, 100_000):
        with pytest.raises(ValueError, match="nested more than 200 levels deep"):
            document_of(nested(levels))
        assert parsed(nested(levels).encode()) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b'"\xed\xa0\x80"',
        "[]".encode("utf-16"),
        b"[1] [2]",
        b"9" * 5_000,
        b"\xef\xbb\xbf\xef\xbb\xbf1",
    ],
    ids=["empty", "cut", "byte", "surrogate", "utf-16", "two", "digits", "marks"],
)
def test_body_that_is_no_json_in_utf8_is_refused(body: bytes) -> None:
    """Other encodings, raw halves of characters and endless digits are no documents."""
    with pytest.raises(ValueError, match=r".+"):
        document_of(body)


def test_byte_order_mark_and_repeated_keys_are_borne() -> None:
    """A mark in front says nothing; of a key that stands twice, the last one holds."""
    assert document_of(b'\xef\xbb\xbf{"a": 1, "a": 2}') == {"a": 2}
    assert checked_arguments("\ufeff{}")[1]


def test_halves_of_characters_are_put_together_or_replaced() -> None:
    """Two halves make a character, in keys and in values; one without its other is a replacement character."""
    assert document_of(r'{"\ud83d": ["\ud83d\ude42", "\ude42\ud83d"]}') == {"\ufffd": ["🙂", "\ufffd\ufffd"]}
    assert event_document_of(r'"\ud83d"') == "\ud83d"


@given(text=st.text(st.characters(codec=None, categories=("Cs", "L", "So"))))
def test_mended_text_is_unicode_and_mended_once(text: str) -> None:
    """Whatever was in it, a mended text can be written down, and mending it again changes nothing."""
    once = mended_text(text)

    assert once.encode("utf-8").decode("utf-8") == once == mended_text(once)


def test_arguments_cut_within_a_character_are_joined() -> None:
    """The halves of a character in two pieces of arguments are one; interleaved calls keep theirs apart."""
    mend = Mending()
    mend.is_needed = True
    events: list[StreamEvent] = [
        ToolCallStarted(0, "a", "f"),
        ToolCallDelta(0, '{"x": "\ud83d'),
        ToolCallDelta(1, "\ud83d"),
        ToolCallDelta(0, '\ude42"}'),
        ToolCallFinished(0, ToolCall(id="a", name="f", arguments='{"x": "\ud83d\ude42"}')),
        ToolCallMalformed(1, ToolCall(id="b\udc00", name="g", arguments="\ud83d"), "no \ud800"),
    ]

    assert list(mend(events)) == [
        ToolCallStarted(0, "a", "f"),
        ToolCallDelta(0, '{"x": "'),
        ToolCallDelta(0, '🙂"}'),
        ToolCallFinished(0, ToolCall(id="a", name="f", arguments='{"x": "🙂"}')),
        ToolCallDelta(1, "\ufffd"),
        ToolCallMalformed(1, ToolCall(id="b\ufffd", name="g", arguments="\ufffd"), "no \ufffd"),
    ]


def test_every_text_of_an_answer_is_mended() -> None:
    """Names, metadata, parts and sources are Unicode too; what needs nothing stays as it is."""
    spoiled, good = (
        Finished(
            ChatResponse(
                content="x",
                model=f"m{half}",
                tool_calls=[ToolCall(id=half, name=half, arguments="{}")],
                metadata={half: half},
                parts=[ReasoningPart(text="t", signature=half)],
            )
        )
        for half in ("\ud800", "\ufffd")
    )

    assert mended(spoiled) == good
    assert mended(Citation(url="https://a.example/\udc00", title=None)) == Citation(url="https://a.example/\ufffd")


def test_streams_without_halves_cost_no_mending() -> None:
    """Until a document may hold half a character, events are passed on as they are."""
    events = [TextDelta("a")]

    assert Mending()(events) is events
