"""Views that show something else than what is so."""

from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve, fields_dict

from converge_provider.selection.view import View
from converge_provider.values.descriptors import ChatBackendDescriptor
from converge_provider.values.money import Rates
from converge_provider.values.vocabulary import CostClass

__all__ = ("Showing", "altering", "greater")

_SHARES = frozenset({"quality", "error_rate", "fitness"})


class Showing:
    """A view whose columns pass through a function; everything else is the view's own."""

    def __init__(self, view: View, column: Callable[[str, tuple[Any, ...]], tuple[Any, ...]]) -> None:
        """
        Take the view.

        Args:
            view: What is so.
            column: Takes a column's name and values, gives the values to show; the descriptors are the column ``""``.

        """
        self._view = view
        self._column = column

    def __len__(self) -> int:
        """Give the number of candidates."""
        return len(self._view)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the view has
        """Give what the view gives."""
        return getattr(self._view, name)

    @property
    def descriptors(self) -> Sequence[ChatBackendDescriptor]:
        """What is known of each candidate."""
        return self._column("", tuple(self._view.descriptors))

    def column(self, name: str) -> Sequence[Any]:
        """Give one fact of every candidate."""
        return self._column(name, tuple(self._view.column(name)))


def altering(view: View, name: str, row: int, value: object) -> Showing:
    """Show one fact of one candidate otherwise, wherever a policy may look."""

    def column(asked: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(_altered(asked, name, old, value) if i == row else old for i, old in enumerate(values))

    return Showing(view, column)


def _altered(asked: str, name: str, old: Any, value: object) -> Any:  # noqa: ANN401 - any fact
    changes: dict[str, Any] = {name: value}
    if asked == name:
        return value
    if asked == "" and name in fields_dict(ChatBackendDescriptor):
        return evolve(old, **changes)
    if asked == "prices" and old is not None and name in fields_dict(Rates):
        return evolve(old, **{name: type(getattr(old, name))(str(value))})
    return old


def greater(name: str, value: object) -> object | None:
    """
    Give a greater value of a fact, or ``None``: there is none, or it is no matter of more and less.

    Example:
        >>> greater("quality", 0.5), greater("tool_use", False), greater("country", "SE")
        (0.75, True, None)

    """
    if value is None or value is True:
        return None
    if value is False:
        return True
    if isinstance(value, CostClass):
        classes = list(CostClass)
        return classes[value.rank + 1] if value.rank + 1 < len(classes) else None
    if not isinstance(value, int | float):
        return None
    if name in _SHARES:
        return type(value)(value + (1.0 - value) / 2) if value < 1 else None
    return int(value * 1.5 + 1) if isinstance(value, int) else value * 1.5 + 1
