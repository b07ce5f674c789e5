"""The options of a policy, told apart for people: name, type, default and what each means."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from attrs import NOTHING, fields

from converge_provider.values.classes import frozen
from converge_provider.values.messages import JsonValue

__all__ = ("OptionField", "option_fields")


@frozen(kw_only=True)
class OptionField:
    """One option."""

    name: str
    type: str
    """As its author wrote it: ``float``, ``Literal['weighted', 'least_busy']``."""
    default: JsonValue
    """As it stands in a document."""
    text: str
    """What it means, in its author's words; empty when there are none, or the source is not at hand."""


def option_fields(options: type[Any]) -> tuple[OptionField, ...]:
    """
    Give the options of an options class, in the order in which they are declared.

    Example:
        >>> @frozen
        ... class Taste:
        ...     floor: float = 0.5
        >>> [(one.name, one.type, one.default) for one in option_fields(Taste)]
        [('floor', 'float', 0.5)]

    """
    from converge_provider.codec import dump  # the codec costs cattrs

    texts, defaults = dict(_texts(options)), options()
    return tuple(
        OptionField(
            name=one.name,
            type=_in_words(one.type),
            default=dump(getattr(defaults, one.name)),
            text=texts.get(one.name, ""),
        )
        for one in fields(options)
        if one.init
    )


def _in_words(annotation: object) -> str:
    if isinstance(annotation, str):
        return annotation
    if annotation is None or annotation is NOTHING:
        return "anything"
    if isinstance(annotation, type) and not hasattr(annotation, "__args__"):
        return annotation.__name__
    return str(annotation).replace("typing.", "").replace("collections.abc.", "")


def _texts(options: type[Any]) -> Iterator[tuple[str, str]]:
    """Read the texts below the fields, which Python itself does not keep."""
    for cls in reversed(options.__mro__):
        if cls is not object:
            yield from _texts_of(cls).items()


def _texts_of(cls: type[Any]) -> Mapping[str, str]:
    import ast  # only for people
    import inspect
    import textwrap

    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):
        return {}
    classes = (one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == cls.__name__)
    own = next(classes, None)
    found: dict[str, str] = {}
    for field, text in pairwise(own.body if own else []):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[field.target.id] = " ".join(str(text.value.value).split())
    return found
