"""
``frozen`` as attrs has it, for classes that start-up makes and most processes only hand around.

attrs writes and compiles ``__eq__``, ``__hash__`` and ``__repr__`` together with a class, which was a quarter of the
time that importing the engine took.  Here attrs writes them when one of them is first asked for; what it writes is the
same, and so is the speed from then on.
"""

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from attrs import frozen as frozen  # noqa: PLC0414 - checkers know this name for what it does
else:

    def frozen(cls: type | None = None, **given: object) -> object:
        """
        Make a frozen class as ``attrs.frozen`` does, with comparison and text written at first use.

        Takes all that ``attrs.frozen`` takes; what changes how comparison or text are made is left to attrs wholly.
        """
        if cls is None:
            return lambda decorated: frozen(decorated, **given)
        if not given.keys() <= _UNDERSTOOD or issubclass(cls, BaseException):
            return attrs.frozen(cls, **given)
        names = _generated(vars(cls), **{name: value for name, value in given.items() if name in {"eq", "repr"}})
        made = attrs.frozen(cls, **{**given, "eq": False, "repr": False})
        for name in names:
            setattr(made, name, _Later(made, name, names))
        return made


_UNDERSTOOD = {"kw_only", "slots", "eq", "repr"}


class _Later:
    """One method of one class, until somebody asks for it; then the class has what attrs wrote instead."""

    __slots__ = ("_names", "_of", "name")

    def __init__(self, of: type, name: str, names: tuple[str, ...]) -> None:
        self._of = of
        self.name = name
        self._names = names

    def __get__(self, instance: object, owner: type) -> Any:  # noqa: ANN401 - a method, bound or not
        written = vars(_with_methods(self._of))
        for name in self._names:  # several threads may: they set the same
            setattr(self._of, name, written[name])
        return written[self.name].__get__(instance, owner)


def _generated(own: dict[str, object], *, eq: bool = True, repr: bool = True) -> tuple[str, ...]:  # noqa: A002 - attrs' name
    """Name the methods that attrs would write for a class of these own names."""
    compared = eq and own.keys().isdisjoint({"__eq__", "__ne__"})
    wanted = {"__repr__": repr, "__eq__": compared, "__hash__": compared}
    return tuple(name for name, is_wanted in wanted.items() if is_wanted and name not in own)


def _with_methods(of: type) -> type:
    """Let attrs make a class of the same fields, for its methods."""
    # Fields that construction does not take, so that nothing is written for it.
    bare = {"init": False, "default": attrs.NOTHING, "validator": None, "converter": None, "on_setattr": None}

    def fields(_: type, __: list["attrs.Attribute[Any]"]) -> list["attrs.Attribute[Any]"]:
        return [field.evolve(**bare) for field in attrs.fields(of)]

    names = {"__module__": of.__module__, "__qualname__": of.__qualname__}
    return attrs.frozen(type(of.__name__, (), names), slots=False, field_transformer=fields)
