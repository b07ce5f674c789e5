"""What is made of answers: what cannot be an answer, and what must hold however an answer is cut."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from attrs import asdict
from hypothesis import given, settings, strategies as st

from converge_gemini.wire.answers import Assembler
from converge_gemini.wire.usage import usage_from_wire
from converge_provider import (
    ChatResponse,
    ContentFiltered,
    Finished,
    FinishReason,
    InvalidRequest,
    LlmError,
    ProviderError,
    ReasoningDelta,
    Secret,
    StreamEvent,
    TextDelta,
    UsageDetail,
)


def document(parts: object = None, reason: str | None = None, **candidate: Any) -> dict[str, Any]:
    """Make one document of a stream."""
    made: dict[str, Any] = {"content": {"parts": [{"text": "Hi"}] if parts is None else parts}, **candidate}
    return {"candidates": [made | ({"finishReason": reason} if reason else {})]}


def read(*documents: dict[str, Any]) -> Sequence[StreamEvent]:
    """Read documents to the end."""
    assembler = Assembler()
    return [*(event for one in documents for event in assembler.take(one, event=None)), *assembler.finish()]


def response_of(*documents: dict[str, Any]) -> ChatResponse:
    """Give the answer of documents."""
    last = read(*documents)[-1]
    assert isinstance(last, Finished)
    return last.response


NO_NAME: dict[str, Any] = {"functionCall": {}}
NO_ANSWERS: list[tuple[list[dict[str, Any]], type[LlmError], str]] = [
    ([{"promptFeedback": {"blockReason": "SAFETY"}}], ContentFiltered, "the prompt was blocked: SAFETY"),
    (
        [{"promptFeedback": {"blockReason": "OTHER", "blockReasonMessage": "told why"}}],
        ContentFiltered,
        "OTHER (told why)",
    ),
    ([document([], "RECITATION")], ContentFiltered, "the answer was withheld: RECITATION"),
    ([document([], "BLOCKLIST", finishMessage="a bad word")], ContentFiltered, "BLOCKLIST (a bad word)"),
    (
        [document([], "SAFETY", safetyRatings=[{"category": "HARM_X", "blocked": True}, {"category": "HARM_Y"}])],
        ContentFiltered,
        "SAFETY (HARM_X)",
    ),
    ([document([], "PROHIBITED_CONTENT")], ContentFiltered, "PROHIBITED_CONTENT"),
    ([document([], "SPII")], ContentFiltered, "SPII"),
    (
        [document([], "MALFORMED_FUNCTION_CALL", finishMessage="Malformed function call: weather(")],
        ProviderError,
        "MALFORMED_FUNCTION_CALL (Malformed function call: weather()",
    ),
    ([document(None, "UNEXPECTED_TOOL_CALL")], ProviderError, "UNEXPECTED_TOOL_CALL"),
    ([document([], "OTHER")], ProviderError, "the model gave no usable answer: OTHER"),
    ([document([], "LANGUAGE")], ProviderError, "LANGUAGE"),
    ([document([], "MISSING_THOUGHT_SIGNATURE")], InvalidRequest, "send parts back as they came"),
    ([{}], ProviderError, "no candidate that was finished"),
    ([document()], ProviderError, "no candidate that was"),
    ([{"candidates": []}], ProviderError, "holds no candidate"),
    ([{"candidates": "none", "usageMetadata": 3}], ProviderError, "no candidate"),
    ([document([{"text": 3}], "STOP")], ProviderError, "a int where a text belongs"),
    ([document([NO_NAME] * 1001, "STOP")], ProviderError, "more than 1000 tools"),
]


@pytest.mark.parametrize(("documents", "error", "words"), NO_ANSWERS, ids=[words for _, _, words in NO_ANSWERS])
def test_gemini_answer_that_is_none_is_typed(
    documents: list[dict[str, Any]], error: type[LlmError], words: str
) -> None:
    """A blocked prompt, a withheld answer and a failure of the model are told apart, in the service's own words."""
    with pytest.raises(error) as caught:
        read(*documents)

    assert words in str(caught.value)


def test_gemini_words_of_a_block_do_not_repeat_the_key() -> None:
    """What the service says of a block stands on one line, without the key should it repeat that."""
    assembler = Assembler([Secret("AIza-planted")])
    assembler.take({"promptFeedback": {"blockReason": "X", "blockReasonMessage": "no\nto AIza-planted"}}, event=None)
    with pytest.raises(ContentFiltered) as caught:
        assembler.finish()

    assert caught.value.reason == "the prompt was blocked: X (no to ***)"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("STOP", FinishReason.STOP),
        ("MAX_TOKENS", FinishReason.LENGTH),
        ("CONTINUATION", FinishReason.LENGTH),
        ("SAFETY", FinishReason.CONTENT_FILTER),
        ("RECITATION", FinishReason.CONTENT_FILTER),
        ("OTHER", None),
        ("BRAND_NEW", None),
    ],
)
def test_gemini_finish_reason_is_normalised(reason: str, expected: FinishReason | None) -> None:
    """An answer with text keeps it whatever ended it; what is not a plain stop stands in the metadata too."""
    response = response_of(document(None, reason))

    assert response.content == "Hi"
    assert response.finish_reason is expected
    assert response.metadata.get("finish_reason") == (None if reason == "STOP" else reason)


def test_gemini_calls_make_the_finish_reason_tool_calls() -> None:
    """The wire says STOP when it calls functions; a limit that was met meanwhile stays a limit."""
    call: list[Any] = [{"functionCall": {"name": "t", "args": {}}}]

    assert response_of(document(call, "STOP")).finish_reason is FinishReason.TOOL_CALLS
    assert response_of(document(call, "MAX_TOKENS")).finish_reason is FinishReason.LENGTH


def test_gemini_ids_are_the_same_when_an_answer_is_read_again() -> None:
    """An id that the service does not give is made of the answer's own, so that a replay finds it again."""
    whole = {**document([{"functionCall": {"name": "t"}}, {"functionCall": {"name": "t"}}], "STOP"), "responseId": "r"}

    first, second = response_of(whole), response_of(whole)
    assert [call.id for call in first.tool_calls] == ["call_r_0", "call_r_1"]
    assert first == second


def test_gemini_characters_cut_in_two_are_put_together() -> None:
    """Halves in two documents are one character; a half without its other is told as lost, and can be sent on."""
    response = response_of(document([{"text": "a\ud83d"}]), document([{"text": "\ude42b\ud83d"}], "STOP"))

    assert response.content == "a🙂b\N{REPLACEMENT CHARACTER}"
    response.content.encode()


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}, (10, 0, 5, 0)),
        (
            {"promptTokenCount": 4000, "cachedContentTokenCount": 3800, "candidatesTokenCount": 9,
             "totalTokenCount": 4009},
            (200, 3800, 9, 0),
        ),
        (
            {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 40, "totalTokenCount": 55},
            (10, 0, 5, 40),
        ),
        (
            {"promptTokenCount": 10, "candidatesTokenCount": 45, "thoughtsTokenCount": 40, "totalTokenCount": 55},
            (10, 0, 5, 40),
        ),
        (
            {"promptTokenCount": 10, "toolUsePromptTokenCount": 100, "candidatesTokenCount": 5,
             "thoughtsTokenCount": 7, "totalTokenCount": 122},
            (110, 0, 5, 7),
        ),
        ({"promptTokenCount": 10, "thoughtsTokenCount": 40, "totalTokenCount": 50}, (10, 0, 0, 40)),
        (
            {"promptTokenCount": 900, "cachedContentTokenCount": 900, "toolUsePromptTokenCount": 3,
             "candidatesTokenCount": 50, "thoughtsTokenCount": 20, "totalTokenCount": 973},
            (3, 900, 50, 20),
        ),
    ],
    ids=["plain", "cached", "thoughts", "thoughts-among", "tools", "no-candidates", "everything"],
)  # fmt: skip
def test_gemini_usage_is_counted_once(usage: dict[str, int], expected: tuple[int, int, int, int]) -> None:
    """The buckets hold what the counts mean, and add up to the total that the service states."""
    detail = usage_from_wire(usage)

    assert detail is not None
    uncached, cached, output, reasoning = expected
    assert detail == UsageDetail(input_uncached=uncached, cache_read=cached, output=output, reasoning=reasoning)
    assert detail.totals().total_tokens == usage["totalTokenCount"]


def sounds(**counts: Any) -> dict[str, Any]:
    """Give the details of counts, each of which is partly sound."""
    return {
        f"{name}TokensDetails": [{"modality": "TEXT", "tokenCount": 1}, {"modality": "AUDIO", "tokenCount": count}]
        for name, count in counts.items()
    }


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (
            {"promptTokenCount": 100, "candidatesTokenCount": 50, "totalTokenCount": 150,
             **sounds(prompt=90, candidates=40)},
            UsageDetail(input_uncached=10, input_audio=90, output=10, output_audio=40),
        ),
        (
            {"promptTokenCount": 100, "cachedContentTokenCount": 80, "toolUsePromptTokenCount": 9,
             "candidatesTokenCount": 5, "thoughtsTokenCount": 3, "totalTokenCount": 117,
             **sounds(prompt=90, cache=75, toolUsePrompt=4)},
            UsageDetail(input_uncached=10 - 5 + 5, input_audio=15 + 4, cache_read=5, cache_read_audio=75,
                        output=5, reasoning=3),
        ),
        (
            {"promptTokenCount": 100, "cachedContentTokenCount": 80, "totalTokenCount": 100, **sounds(cache=75)},
            UsageDetail(input_uncached=20, cache_read=5, cache_read_audio=75),
        ),
    ],
    ids=["both-ways", "everywhere", "only-of-the-cache"],
)  # fmt: skip
def test_gemini_sound_is_counted_apart(usage: dict[str, Any], expected: UsageDetail) -> None:
    """What the details call sound leaves the bucket that it is part of, and the sum stays the service's."""
    detail = usage_from_wire(usage)

    assert detail == expected
    assert detail is not None
    assert detail.totals().total_tokens == usage["totalTokenCount"]


HOSTILE: "st.SearchStrategy[Any]" = st.one_of(
    st.integers(0, 40),
    st.integers(),
    st.sampled_from([None, True, "7", 2.5, 2**32 - 1, [], {"a": 1}]),
    st.text(max_size=2),
)
NAMES = ("prompt", "candidates", "cachedContent", "toolUsePrompt", "thoughts", "total")


def usages(whole: "st.SearchStrategy[Any]", part: "st.SearchStrategy[Any]") -> "st.SearchStrategy[dict[str, Any]]":
    """Draw usage whose counts are drawn so."""
    modalities = st.sampled_from(["TEXT", "AUDIO", "NEW", 3])
    details = part | st.lists(st.fixed_dictionaries({"modality": modalities, "tokenCount": part}) | part, max_size=3)
    return st.fixed_dictionaries(
        {f"{name}TokenCount": whole for name in NAMES[:2]},
        optional={
            **{f"{name}TokenCount": part for name in NAMES[2:]},
            **{f"{name}TokensDetails": details for name in ("prompt", "cache", "toolUsePrompt", "candidates")},
        },
    )


@settings(derandomize=True, database=None, max_examples=500)
@given(usages(st.integers(0, 99), st.integers(0, 9)) | usages(HOSTILE, HOSTILE))
def test_gemini_usage_adds_up_whatever_comes(usage: dict[str, Any]) -> None:
    """No bucket is negative, and together they are what the service counts, or there are none."""
    detail = usage_from_wire(usage)

    if detail is not None:
        prompt, candidates, _, tools, thoughts, _ = (usage.get(f"{name}TokenCount") or 0 for name in NAMES)
        totals = detail.totals()
        assert min(asdict(detail).values()) >= 0
        assert totals.prompt_tokens == prompt + tools
        assert totals.completion_tokens - candidates in {0, thoughts}


@pytest.mark.parametrize(
    "usage",
    [
        {"promptTokenCount": 3, **sounds(prompt=4)},
        {"promptTokenCount": 3, "cachedContentTokenCount": 2, **sounds(cache=3)},
        {"candidatesTokenCount": 3, **sounds(candidates="3")},
        {"promptTokenCount": -1},
        {"promptTokenCount": 1.5},
        {"promptTokenCount": "3"},
        {"promptTokenCount": True},
        {"promptTokenCount": 2**32},
        {"promptTokenCount": 3, "cachedContentTokenCount": 4},
        {"promptTokenCount": 2**32 - 1, "toolUsePromptTokenCount": 1},
        {"promptTokenCount": 3, "candidatesTokenCount": 2, "thoughtsTokenCount": 9, "totalTokenCount": 5},
    ],
    ids=str,
)
def test_gemini_usage_that_makes_no_sense_is_left_out(usage: dict[str, object]) -> None:
    """Wrong numbers become no numbers, and stand in the metadata as they came."""
    response = response_of({**document(None, "STOP"), "usageMetadata": usage})

    assert response.usage is None
    assert {f"usage.{name}" for name in usage} <= response.metadata.keys()


PIECES = st.lists(
    st.one_of(
        st.tuples(st.just("said"), st.text(min_size=1, max_size=8)),
        st.tuples(st.just("thought"), st.text(min_size=1, max_size=8)),
        st.tuples(st.just("call"), st.text(alphabet="abc", min_size=1, max_size=3)),
    ),
    max_size=8,
)


def part_of(kind: str, text: str) -> dict[str, Any]:
    """Write a piece as a part."""
    if kind == "call":
        return {"functionCall": {"name": text, "args": {"text": text}}}
    return {"text": text, "thought": True} if kind == "thought" else {"text": text}


@given(PIECES, st.data())
def test_gemini_answer_is_the_same_however_it_is_cut(pieces: list[tuple[str, str]], data: st.DataObject) -> None:
    """Parts may come one to a document or several; deltas add up to the answer, and the answer does not change."""
    parts = [part_of(*piece) for piece in pieces]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(parts)), max_size=4)))
    borders = [0, *cuts, len(parts)]
    documents = [document(parts[start:end]) for start, end in pairwise(borders)]
    events = read(*documents, document([], "STOP"))

    assert isinstance(events[-1], Finished)
    response = events[-1].response
    assert response == response_of(document(parts, "STOP"))
    assert response.content == "".join(event.text for event in events if isinstance(event, TextDelta))
    thought = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
    assert thought == "".join(text for kind, text in pieces if kind == "thought")
    assert len({call.id for call in response.tool_calls}) == sum(kind == "call" for kind, _ in pieces)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["candidates", "content", "parts", "text", "thought", "thoughtSignature", "functionCall", "name", "args",
             "id", "index", "finishReason", "usageMetadata", "promptTokenCount", "promptFeedback", "blockReason",
             "groundingMetadata", "groundingChunks", "web", "uri", "citationMetadata", "safetyRatings", "error"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(st.dictionaries(st.sampled_from(["candidates", "usageMetadata", "promptFeedback"]), JSON), max_size=3))
def test_gemini_hostile_documents_are_an_answer_or_an_error_of_the_family(documents: list[dict[str, Any]]) -> None:
    """Whatever JSON comes, there is an answer that can be sent on, or a member of the family."""
    try:
        response = response_of(*documents)
    except LlmError:
        return
    assert isinstance(response.content, str)
