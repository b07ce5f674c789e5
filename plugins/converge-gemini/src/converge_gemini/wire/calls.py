"""Calls of functions."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import define, field

from converge_provider import (
    ProviderError,
    StreamEvent,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallMalformed,
    ToolCallStarted,
)
from converge_provider.http import as_object

__all__ = ("Calls",)

_MOST = 1_000


@define
class Calls:
    """
    Gathers the calls of one answer, each of which comes whole.

    A call keeps its id; one without, or with an id that is taken, gets one made of the answer's id and its place, so
    that reading the same answer again gives the same ids.
    """

    done: list[ToolCall] = field(factory=list[ToolCall], init=False)

    def take(self, raw: Mapping[str, Any], *, answer_id: str) -> Iterator[StreamEvent]:
        """
        Take one call.

        Raises:
            ProviderError: There are too many.

        """
        place = len(self.done)
        if place >= _MOST:
            message = f"the answer calls more than {_MOST} tools"
            raise ProviderError(message)
        name, arguments = raw.get("name"), raw.get("args")
        if arguments is None:
            arguments = as_object(None)
        text = json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
        call = ToolCall(
            id=self._id(raw.get("id"), place, answer_id), name=name if isinstance(name, str) else "", arguments=text
        )
        self.done.append(call)
        yield ToolCallStarted(place, call.id, call.name)
        yield ToolCallDelta(place, text)
        problem = _problem(call, arguments)
        yield ToolCallMalformed(place, call, problem) if problem else ToolCallFinished(place, call)

    def _id(self, wire_id: object, place: int, answer_id: str) -> str:
        if isinstance(wire_id, str) and wire_id and wire_id not in {call.id for call in self.done}:
            return wire_id
        return f"call_{answer_id or 'answer'}_{place}"


def _problem(call: ToolCall, arguments: object) -> str:
    if not call.name:
        return "the call names no tool"
    return "" if isinstance(arguments, dict) else f"the arguments are a {type(arguments).__name__}, not an object"
