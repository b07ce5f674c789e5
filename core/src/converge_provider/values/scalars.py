"""Validated scalars: a name that is not empty, a latency above zero, a quality from 0 to 1."""

from typing import Annotated, Self

from converge_provider.errors import RegistryValueError
from converge_provider.values.classes import frozen

__all__ = (
    "I64",
    "U32",
    "U64",
    "ContextWindowTokens",
    "IntRange",
    "LatencyMillis",
    "ModelName",
    "ProviderName",
    "QualityScore",
    "ascii_lower",
    "trim",
)

_WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def trim(text: str) -> str:
    r"""
    Strip Unicode's White_Space, as the original does; ``str.strip()`` would also take ``\x1c`` to ``\x1f``.

    Example:
        >>> trim(" a\u3000"), trim("\x1ca")
        ('a', '\x1ca')

    """
    return text.strip(_WHITE_SPACE)


def ascii_lower(text: str) -> str:
    r"""
    Lower-case A to Z and nothing else, as the original does; ``str.lower()`` would turn the Kelvin sign into k.

    Example:
        >>> ascii_lower("OpenAI"), ascii_lower("\u212a") == "\u212a"
        ('openai', True)

    """
    return text.translate(_LOWER)


@frozen
class IntRange:
    """The inclusive range of an integer field; the codec reads it from the field's annotation."""

    low: int
    high: int


I64 = Annotated[int, IntRange(-(2**63), 2**63 - 1)]
"""An integer that every wire can carry."""

U32 = Annotated[int, IntRange(0, 2**32 - 1)]
"""An integer that the original keeps in 32 bits: milliseconds and token counts."""

U64 = Annotated[int, IntRange(0, 2**64 - 1)]
"""An integer that the original keeps in 64 bits: context windows."""


class _Name(str):
    __slots__ = ()
    _what = "name"

    def __new__(cls, value: str) -> Self:
        """Trim the name and refuse an empty one."""
        if not isinstance(value, str):
            message = f"{cls._what} must be a string, got {value!r}"
            raise RegistryValueError(message)
        trimmed = trim(value)
        if not trimmed:
            message = f"{cls._what} cannot be empty"
            raise RegistryValueError(message)
        return super().__new__(cls, trimmed)


class ProviderName(_Name):
    """A provider's name: trimmed, not empty."""

    __slots__ = ()
    _what = "provider"


class ModelName(_Name):
    """A model's name: trimmed, not empty."""

    __slots__ = ()
    _what = "model"


class _Positive(int):
    __slots__ = ()
    _what = "value"
    _high = 0

    def __new__(cls, value: int) -> Self:
        """Refuse what is not a positive integer in range."""
        if isinstance(value, bool) or not isinstance(value, int):
            message = f"{cls._what} must be an integer, got {value!r}"
            raise RegistryValueError(message)
        if value <= 0:
            message = f"{cls._what} must be greater than zero"
            raise RegistryValueError(message)
        if value > cls._high:
            message = f"{cls._what} must be at most {cls._high}"
            raise RegistryValueError(message)
        return super().__new__(cls, value)


class LatencyMillis(_Positive):
    """A latency in milliseconds, from 1 to 2³²-1."""

    __slots__ = ()
    _what = "latency_ms"
    _high = 2**32 - 1


class ContextWindowTokens(_Positive):
    """A context window in tokens, from 1 to 2⁶⁴-1."""

    __slots__ = ()
    _what = "context_tokens"
    _high = 2**64 - 1


class QualityScore(float):
    """A quality, finite, from 0 (useless) to 1 (perfect)."""

    __slots__ = ()

    def __new__(cls, value: float) -> Self:
        """Refuse what is not finite or out of range."""
        # out of range first: an integer may be too large to be asked whether it is finite
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            message = "quality must be finite and between 0.0 and 1.0"
            raise RegistryValueError(message)
        return super().__new__(cls, value)
