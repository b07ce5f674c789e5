"""Events whose texts are whole: characters that a service cut in two are put together, or replaced."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

from attrs import evolve, fields, has

from converge_provider.http.documents import mended_text
from converge_provider.http.halves import Halves
from converge_provider.values.events import StreamEvent, ToolCallDelta, ToolCallFinished, ToolCallMalformed

__all__ = ("Mending",)

T = TypeVar("T")


class Mending:
    """
    Mends the events of one stream, once a document came that may hold half a character.

    Adapters join the halves of what is said and thought; names, arguments and whatever else is text are mended here.
    """

    def __init__(self) -> None:
        """Start without a half."""
        self.is_needed = False
        self._arguments: dict[int, Halves] = {}

    def __call__(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        """Give the events, mended where that is needed."""
        return [made for event in events for made in self._mended(event)] if self.is_needed else events

    def _mended(self, event: StreamEvent) -> Iterator[StreamEvent]:
        match event:
            case ToolCallDelta():
                halves = self._arguments.setdefault(event.index, Halves())
                yield from _delta(event.index, halves.whole(event.arguments))
            case ToolCallFinished() | ToolCallMalformed():
                halves = self._arguments.pop(event.index, Halves())
                yield from _delta(event.index, halves.rest())
                yield mended(event)
            case _:
                yield mended(event)


def _delta(index: int, arguments: str) -> Iterator[ToolCallDelta]:
    if arguments:
        yield ToolCallDelta(index, arguments)


def mended(value: T) -> T:
    """Give a value with every text in it mended."""
    return cast("T", _mended_any(value))


def _mended_any(value: Any) -> Any:  # noqa: ANN401 - whatever a value holds
    if type(value) is str:
        return mended_text(value)
    if isinstance(value, tuple):
        return tuple(map(_mended_any, cast("Sequence[Any]", value)))
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value)
        return {mended_text(key): _mended_any(member) for key, member in members.items()}
    cls: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType]  # of whatever it is
    if has(cls):
        held = {one.name: (one.alias, getattr(value, one.name)) for one in fields(cls) if one.init}
        found = {alias: (old, _mended_any(old)) for alias, old in held.values()}
        return evolve(value, **{alias: new for alias, (old, new) in found.items() if new != old})
    return value
