"""The laws that hold of every answer: each has a wire that breaks it, and is caught."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import pytest
from attrs import evolve, frozen

from converge_provider import (
    ChatResponse,
    ConfigurationError,
    Finished,
    ProviderError,
    ReasoningDelta,
    ReasoningPart,
    Secret,
    StreamEvent,
    TextDelta,
    TextPart,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
    UsageDetail,
    UsageReported,
)
from converge_provider.http import as_object
from converge_provider.testing.conformance.reference import ReferenceAnswer, ReferenceWire
from converge_provider.testing.conformance.subjects import Endpoint
from converge_provider.testing.fuzzing import (
    FuzzedWire,
    LawBrokenError,
    check_body,
    check_error,
    check_events,
    mutated,
)

KEY = "sk-planted-0123456789abcdef"
BODY = (
    b'{"text": "Hi "}\n{"text": "there"}\n{"usage": {"input_uncached": 3, "output": 2}}\n{"end": {"finish": "stop"}}\n'
)

Spoil = Callable[[Sequence[StreamEvent]], Sequence[StreamEvent]]
"""What somebody makes of the events of a step."""


@frozen
class SpoiltWire(ReferenceWire):
    """The kit's own wire, whose events somebody spoils."""

    spoil: Spoil = list

    def answer(self) -> Any:
        """Start an answer."""
        return SpoiltAnswer(self.spoil)


class SpoiltAnswer(ReferenceAnswer):
    """Spoils what it gives."""

    def __init__(self, spoil: Spoil) -> None:
        """Take what spoils."""
        super().__init__()
        self.spoil = spoil

    def take(self, document: Mapping[str, Any], *, event: str | None) -> Sequence[StreamEvent]:
        """Take one object."""
        return self.spoil(super().take(document, event=event))

    def finish(self) -> Sequence[StreamEvent]:
        """Close the answer."""
        return self.spoil(super().finish())


def ends(documents: Sequence[object]) -> bool:
    """Say whether the answer's end is there."""
    return any("end" in as_object(document) for document in documents)


def never(_: Sequence[object]) -> bool:
    """See no end."""
    return False


def fuzzed(spoil: Spoil = list, **more: Any) -> FuzzedWire:
    """Make the wire that is looked at."""
    wire = SpoiltWire(Endpoint(url="http://127.0.0.1:1", key=Secret(KEY)), spoil=spoil)
    good = FuzzedWire(wire=wire, ends=ends, counters=("input_uncached", "output"), secret=KEY)
    return evolve(good, **more)


def respond(change: Callable[[ChatResponse], ChatResponse]) -> Spoil:
    """Spoil the answer alone."""
    return lambda events: [Finished(change(one.response)) if isinstance(one, Finished) else one for one in events]


def fail(error: BaseException) -> Spoil:
    """Fail with an error instead."""

    def raising(_: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        raise error

    return raising


def test_good_wire_holds_the_laws() -> None:
    """A wire that breaks nothing passes, whether the body is an answer or not."""
    assert check_body(fuzzed(), BODY) == "answered"
    assert check_body(fuzzed(), BODY[:-20]) == "refused"


SPOILS: Sequence[tuple[Spoil, str]] = [
    (lambda events: [one for one in events if one != TextDelta("there")], "the text of the deltas"),
    (lambda events: [*events, *(one for one in events if isinstance(one, Finished))], "ends with its only"),
    (lambda events: [one for one in events if not isinstance(one, UsageReported)], "the last count"),
    (lambda events: [*events[:-1], ReasoningDelta("x"), *events[-1:]] if events else events, "the reasoning of"),
    (respond(lambda it: evolve(it, parts=[TextPart(text="else")])), "the text of the parts is the answer's"),
    (respond(lambda it: evolve(it, tool_calls=[ToolCall(id="1", name="f", arguments="{}")])), "the calls of the"),
    (respond(lambda it: evolve(it, metadata={"a": "\ud800"})), "what is shown is Unicode|can be written down"),
    (respond(lambda it: evolve(it, usage=UsageDetail(output=1).totals())), "the totals are those of the buckets"),
    (respond(lambda it: evolve(it, usage_detail=UsageDetail(output=2**33))), "the last count|can be written down"),
    (fail(KeyError("x")), "only errors of the family escape, but KeyError did"),
    (fail(ProviderError("two\nlines")), "on one line"),
    (fail(ProviderError("x" * 5_000)), "an error's text is bounded"),
    (fail(ProviderError("half \ud800")), "an error's text is Unicode"),
    (fail(ProviderError(f"your key {KEY}")), "an error holds no secret"),
]


@pytest.mark.parametrize(("spoil", "law"), SPOILS, ids=range(len(SPOILS)))
def test_wire_that_breaks_a_law_is_caught(spoil: Spoil, law: str) -> None:
    """Each law has its saboteur."""
    with pytest.raises(LawBrokenError, match=law):
        check_body(fuzzed(spoil), BODY)


def test_answer_without_its_end_is_caught() -> None:
    """A wire that takes a stream which broke off for an answer is caught, as is one that counts twice."""
    with pytest.raises(LawBrokenError, match="a stream without its end is no answer"):
        check_body(fuzzed(ends=never), BODY)
    with pytest.raises(LawBrokenError, match="no token is counted twice"):
        check_body(fuzzed(counters=("output",)), BODY)


def test_events_that_hang_on_where_a_body_is_cut_are_caught() -> None:
    """A wire that remembers across answers makes one body two different answers."""
    seen: list[object] = []

    def grow(events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        seen.extend(events)
        return [*events, UsageReported(UsageDetail(output=len(seen)))] if events else events

    with pytest.raises(LawBrokenError, match="where a body is cut makes no difference"):
        check_body(fuzzed(grow), BODY)


def test_streams_of_events_and_whole_answers_are_read_too() -> None:
    """Events of the other framing are judged as lines are, with ``[DONE]`` among them, and so is a whole answer."""
    wire = SpoiltWire(Endpoint(url="http://127.0.0.1:1", key=Secret(KEY)), framing="sse")
    lines = BODY.splitlines()
    events = b"\xef\xbb\xbf" + b"".join(b"data: " + line + b"\r\n\r\n" for line in lines) + b"data: [DONE]\n\n: bye"

    assert check_body(fuzzed(wire=wire), events) == "answered"
    assert check_body(fuzzed(wire=wire), BODY) == "refused"
    assert check_body(fuzzed(), b'{"events": [' + b",".join(lines) + b"]}") == "refused"
    assert check_body(fuzzed(counters=()), b"\n".join(lines[:2] + lines[3:])) == "answered"


def test_answer_that_cannot_be_written_down_is_caught() -> None:
    """An answer that no document can hold is said to be one."""
    spoilt = respond(lambda it: evolve(it, metadata=cast("Any", {"a": 1})))
    with pytest.raises(LawBrokenError, match="an answer can be written down and read again"):
        check_body(fuzzed(spoilt), BODY)


CALL = ToolCall(id="1", name="f", arguments='{"a": 1}')


@pytest.mark.parametrize(
    ("events", "calls", "law"),
    [
        ([ToolCallFinished(0, CALL)], [CALL], "every call that starts ends"),
        ([ToolCallStarted(0, "1", "f")], [], "every call that starts ends"),
        ([ToolCallStarted(0, "2", "f"), ToolCallFinished(0, CALL)], [CALL], "a call keeps its id"),
        ([ToolCallStarted(0, "1", "f"), ToolCallFinished(0, CALL)], [CALL], "the arguments of the deltas"),
        (
            [
                ToolCallStarted(0, "1", "f"),
                ToolCallFinished(0, CALL),
                ToolCallStarted(1, "1", "f"),
                ToolCallFinished(1, CALL),
            ],
            [CALL, CALL],
            "calls have ids of their own",
        ),
    ],
    ids=["unstarted", "unended", "renamed", "unsaid", "twice"],
)
def test_calls_that_do_not_agree_are_caught(events: list[StreamEvent], calls: list[ToolCall], law: str) -> None:
    """What was shown of a call and what the answer holds of it are the same."""
    finished = Finished(ChatResponse(content="", tool_calls=calls))
    with pytest.raises(LawBrokenError, match=law):
        check_events([*events, finished])


def test_events_that_agree_give_the_answer() -> None:
    """Calls, reasoning and text that agree pass, and the answer is given back."""
    parts: list[ReasoningPart | TextPart] = [ReasoningPart(text="hm"), TextPart(text="x")]
    response = ChatResponse(content="x", tool_calls=[CALL], parts=parts)
    shown: list[StreamEvent] = [
        ReasoningDelta("hm"),
        TextDelta("x"),
        ToolCallStarted(0, "1", "f"),
        ToolCallDelta(0, CALL.arguments),
        ToolCallFinished(0, CALL),
    ]

    assert check_events([*shown, Finished(response)]) is response


def test_lists_of_problems_may_be_longer_than_errors_of_calls() -> None:
    """A configuration has room for twenty problems with their paths."""
    check_error(ConfigurationError("x" * 10_000))
    with pytest.raises(LawBrokenError, match="bounded"):
        check_error(ConfigurationError("x" * 100_000))


@pytest.mark.parametrize(
    "frame", ["{}\n", "data: {}\n\n", "event: x\r\ndata: {}\r\n\r\n"], ids=["lines", "events", "crlf"]
)
def test_mutation_is_repeatable_and_changes_what_is_inside(frame: str) -> None:
    """The same dice make the same body; most bodies are another, and many are still framed as the first was."""
    body = (frame * 3).format(*(json.dumps({"a": [number, {"b": "c"}]}) for number in range(3))).encode()
    made = [mutated(body, random.Random(seed)) for seed in range(200)]

    assert made == [mutated(body, random.Random(seed)) for seed in range(200)]
    assert sum(one != body for one in made) > 150
    assert len(set(made)) > 120
    assert mutated(b"", random.Random(1)) is not None


def test_wires_are_run_without_waiting() -> None:
    """A wire that waits cannot be looked at this way, and that is said."""
    from converge_provider.testing.fuzzing.wires import _finished

    async def waiting() -> None:
        await _Forever()

    with pytest.raises(AssertionError, match="nothing here waits"):
        _finished(waiting())


class _Forever:
    """Something that is waited for."""

    def __await__(self) -> Any:
        """Wait."""
        yield
