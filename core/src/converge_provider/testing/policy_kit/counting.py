"""What a policy costs, counted in steps of the interpreter: the same on a fast machine and on a slow one."""

import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, SupportsIndex

__all__ = ("Reads", "steps_of")


def steps_of(act: Callable[[], object]) -> int:
    """Count the calls and lines, and the turns of loops, that an act takes; a debugger or tracer is put back after."""
    count = 0

    def step(_frame: FrameType, _event: str, _arg: object) -> Any:  # noqa: ANN401 - a trace function gives itself
        nonlocal count
        count += 1
        return step

    before = sys.gettrace()
    sys.settrace(step)
    try:
        act()
    finally:
        sys.settrace(before)
    return count


class Reads:
    """A counter of what is read of columns, and the columns that count."""

    def __init__(self) -> None:
        """Start at nothing."""
        self.count: int = 0

    def column(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Give a column that counts each value that is read of it, also from C."""
        reads = self

        class Column(tuple[Any, ...]):
            __slots__ = ()

            def __iter__(self) -> Iterator[Any]:
                for value in super().__iter__():
                    reads.count += 1
                    yield value

            def __getitem__(self, row: SupportsIndex | slice) -> Any:  # noqa: ANN401 - whatever is in it
                reads.count += len(range(*row.indices(len(self)))) if isinstance(row, slice) else 1
                return super().__getitem__(row)

        return Column(values)
