"""What holds of every answer and every error, whatever a server sent."""

import json
from collections.abc import Sequence

from attrs import asdict

from converge_provider import codec
from converge_provider.errors import ConvergeError, LlmError
from converge_provider.http import checked_arguments
from converge_provider.values.events import (
    Finished,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallMalformed,
    ToolCallStarted,
    UsageReported,
)
from converge_provider.values.parts import ReasoningPart, TextPart
from converge_provider.values.replies import ChatResponse

__all__ = ("LawBrokenError", "check_error", "check_events", "expect")

_LONGEST_ERROR, _LONGEST_LIST = 4_096, 65_536
_MOST_TOKENS = 2**32 - 1


class LawBrokenError(AssertionError):
    """A law does not hold; the text says which."""


def expect(holds: object, law: str) -> None:
    """
    Say that something holds.

    Raises:
        LawBrokenError: It does not.

    """
    if not holds:
        raise LawBrokenError(law)


def check_error(error: BaseException, *, secret: str = "") -> None:
    """
    Check that an error is of the family, and says what it says on one bounded line without the secret.

    Raises:
        LawBrokenError: It is not so.

    """
    if not isinstance(error, ConvergeError):
        message = f"only errors of the family escape, but {type(error).__name__} did: {error}"
        raise LawBrokenError(message) from error
    longest = _LONGEST_ERROR if isinstance(error, LlmError) else _LONGEST_LIST  # of problems, each with its path
    for text in (str(error), *getattr(error, "__notes__", ()), error.remedy or ""):
        expect(_is_unicode(text), f"an error's text is Unicode: {text!r}")
        expect("\n" not in text and "\r" not in text, f"an error says what it says on one line: {text!r}")
        expect(len(text) <= longest, f"an error's text is bounded, not {len(text)} characters long")
        expect(not secret or secret not in text, f"an error holds no secret: {text!r}")


def check_events(events: Sequence[StreamEvent]) -> ChatResponse:
    """
    Check the events of a stream that ended well: nothing that was shown is missing from the answer, or the reverse.

    Returns:
        The answer.

    Raises:
        LawBrokenError: It is not so.

    """
    ends = [event for event in events if isinstance(event, Finished)]
    expect(len(ends) == 1 and ends[0] is events[-1], "a stream ends with its only Finished")
    response = ends[0].response
    said = "".join(event.text for event in events if isinstance(event, TextDelta))
    expect(said == response.content, f"the text of the deltas is the answer's: {said!r}, {response.content!r}")
    _check_parts(events, response)
    _check_calls(events, response)
    _check_usage(events, response)
    for event in events:
        shown = json.dumps(codec.dump(event), ensure_ascii=False)
        expect(_is_unicode(shown), f"what is shown is Unicode: {event!r}")
    check_response(response)
    return response


def check_response(response: ChatResponse) -> None:
    """
    Check an answer by itself: it can be written down and read again, and is the same.

    Raises:
        LawBrokenError: It is not so.

    """
    try:
        written = json.dumps(codec.dump(response), ensure_ascii=False, allow_nan=False).encode("utf-8")
        again = codec.load(ChatResponse, json.loads(written))
    except Exception as exc:
        message = f"an answer can be written down and read again: {exc}"
        raise LawBrokenError(message) from exc
    expect(again == response, f"an answer is the same when it is read again: {response!r}, {again!r}")
    usage, detail = response.usage, response.usage_detail
    if detail is None:
        return
    buckets = asdict(detail).values()
    expect(
        all(type(count) is int and 0 <= count <= _MOST_TOKENS for count in buckets), f"counts are counts: {detail!r}"
    )
    expect(usage == detail.totals(), f"the totals are those of the buckets: {usage!r}, {detail!r}")


def _check_parts(events: Sequence[StreamEvent], response: ChatResponse) -> None:
    thought = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
    kept = "".join(part.text for part in response.parts if isinstance(part, ReasoningPart))
    expect(thought == kept, f"the reasoning of the deltas is that of the parts: {thought!r}, {kept!r}")
    if response.parts:
        text = "".join(part.text for part in response.parts if isinstance(part, TextPart))
        expect(text == response.content, f"the text of the parts is the answer's: {text!r}, {response.content!r}")


def _check_calls(events: Sequence[StreamEvent], response: ChatResponse) -> None:
    made = {event.index: event.call for event in events if isinstance(event, ToolCallFinished | ToolCallMalformed)}
    calls = tuple(made[index] for index in sorted(made))
    expect(
        calls == response.tool_calls, f"the calls of the events are the answer's: {calls!r}, {response.tool_calls!r}"
    )
    ids = [call.id for call in calls]
    expect(len(set(ids)) == len(ids) and all(ids), f"calls have ids of their own: {ids!r}")
    begun = {event.index: event for event in events if isinstance(event, ToolCallStarted)}
    expect(begun.keys() == made.keys(), f"every call that starts ends: {sorted(begun)}, {sorted(made)}")
    for index, call in made.items():
        pieces = [one.arguments for one in events if isinstance(one, ToolCallDelta) and one.index == index]
        expect(begun[index].id == call.id, f"a call keeps its id: {begun[index]!r}, {call!r}")
        joined = "".join(pieces)
        known = {joined, checked_arguments(joined)[0]}
        expect(call.arguments in known, f"the arguments of the deltas are the call's: {joined!r}, {call!r}")


def _check_usage(events: Sequence[StreamEvent], response: ChatResponse) -> None:
    reported = [event.usage for event in events if isinstance(event, UsageReported)]
    if response.usage_detail is not None:
        expect(reported and reported[-1] == response.usage_detail, "the last count that was reported is the answer's")


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
