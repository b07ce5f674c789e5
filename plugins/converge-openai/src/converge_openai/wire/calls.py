"""Calls of tools, gathered from their pieces."""

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
from converge_provider.http import as_object, checked_arguments

__all__ = ("Calls",)

_MOST = 1_000


@define
class _Call:
    """One call that is being gathered."""

    place: int
    """Which call of the answer, from 0, in the order of appearance."""
    wire_id: str = ""
    """The server's name for it, possibly empty or used twice."""
    id: str = ""
    """The name that is handed on, unique within the answer; empty until the call is started."""
    name: str = ""
    pieces: list[str] = field(factory=list[str])

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)


class Calls:
    """
    Gathers the calls of one answer.

    A piece belongs to the call of its index; where a server leaves the index out, to the call of its id, else to the
    last one.  A second call under an index that is taken, recognised by its own id and name, is a call of its own.
    """

    def __init__(self) -> None:
        """Start with none."""
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._taken: set[str] = set()

    def take(self, raw: object, *, whole: bool, answer_id: str) -> Iterator[StreamEvent]:
        """
        Take one piece.

        Args:
            raw: A member of ``tool_calls``.
            whole: Whether it is a whole call, of an answer that was not streamed.
            answer_id: The server's name for the answer, for calls that have no name of their own.

        """
        piece = as_object(raw)
        function = as_object(piece.get("function"))
        call = self._call_of(piece, function, whole=whole)
        if not call.name and isinstance(function.get("name"), str):
            call.name = function["name"]
        arguments = _arguments(function.get("arguments"))
        call.pieces.append(arguments)
        if call.id:
            if arguments:
                yield ToolCallDelta(call.place, arguments)
        elif call.name:
            yield from self._start(call, answer_id)

    def finish(self, *, answer_id: str) -> Iterator[StreamEvent]:
        """Say of each call whether its arguments are a JSON object."""
        for call in self._calls:
            if not call.id:
                yield from self._start(call, answer_id)
            arguments, problem = checked_arguments(call.arguments)
            made = ToolCall(id=call.id, name=call.name, arguments=arguments)
            if not call.name:
                problem = "the call names no tool"
            yield ToolCallMalformed(call.place, made, problem) if problem else ToolCallFinished(call.place, made)

    def _call_of(self, piece: Mapping[str, Any], function: Mapping[str, Any], *, whole: bool) -> _Call:
        index, wire_id = piece.get("index"), piece.get("id")
        wire_id = wire_id if isinstance(wire_id, str) else ""
        found = None
        if type(index) is int:
            found = self._by_index.get(index)
            if found and wire_id and found.wire_id and wire_id != found.wire_id and function.get("name"):
                found = None
        elif not whole and wire_id:
            found = next((call for call in self._calls if call.wire_id == wire_id), None)
        elif not whole and self._calls and not (function.get("name") and self._calls[-1].name):
            found = self._calls[-1]
        if found is None:
            found = self._new(wire_id)
            if type(index) is int:
                self._by_index[index] = found
        found.wire_id = found.wire_id or wire_id
        return found

    def _new(self, wire_id: str) -> _Call:
        if len(self._calls) >= _MOST:
            message = f"the answer calls more than {_MOST} tools"
            raise ProviderError(message)
        self._calls.append(_Call(len(self._calls), wire_id))
        return self._calls[-1]

    def _start(self, call: _Call, answer_id: str) -> Iterator[StreamEvent]:
        """Name a call, uniquely: results are sent back under that name."""
        call.id = call.wire_id
        if not call.id or call.id in self._taken:
            call.id = f"call_{answer_id or 'answer'}_{call.place}"
        self._taken.add(call.id)
        yield ToolCallStarted(call.place, call.id, call.name)
        if call.arguments:
            yield ToolCallDelta(call.place, call.arguments)


def _arguments(value: object) -> str:
    """Give a piece of arguments as text; some servers send the object itself."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
