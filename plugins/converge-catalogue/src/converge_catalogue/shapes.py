"""Taking apart what others wrote: each value is what it should be, or refused."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, cast

from converge_provider.http import as_list

__all__ = (
    "RejectedError",
    "amount",
    "count_or_none",
    "date_or_none",
    "flag_or_none",
    "label_or_none",
    "members",
    "table",
    "text",
    "text_or_none",
)

_LONGEST = 256
_DEAREST = Decimal(1_000_000)
_MOST_DIGITS = 30
_LARGEST = 10**9


class RejectedError(ValueError):
    """A value is not what it should be."""


def table(value: object, what: str) -> Mapping[str, Any]:
    """Take an object."""
    if not isinstance(value, Mapping):
        raise _refusal(what, "an object", value)
    return cast("Mapping[str, Any]", value)


def members(value: object, what: str, *, most: int) -> Sequence[Any]:
    """Take a list of a bounded length."""
    several = as_list(value)
    if not isinstance(value, list):
        raise _refusal(what, "a list", value)
    if len(several) > most:
        raise _refusal(what, f"at most {most} members", len(several))
    return several


def text(value: object, what: str) -> str:
    """Take a short printable text that is not empty."""
    if isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isprintable() and value.strip() == value:
        return value
    raise _refusal(what, f"a printable text of at most {_LONGEST} characters", value)


def label_or_none(value: object, what: str) -> str | None:
    """Take a name for people, if there is one, without the blanks around it."""
    if value is None or not isinstance(value, str):
        return text_or_none(value, what)
    return text_or_none(" ".join(value.split()) or None, what)


def text_or_none(value: object, what: str) -> str | None:
    """Take a short printable text, if there is one."""
    return None if value is None else text(value, what)


def amount(value: object, what: str) -> Decimal:
    """Take a number of dollars."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        found = Decimal(value)
        if found.is_finite() and 0 <= found <= _DEAREST and len(f"{found:f}") <= _MOST_DIGITS:
            return found
    raise _refusal(what, f"an amount from 0 to {_DEAREST}", value)


def count_or_none(value: object, what: str) -> int | None:
    """Take a number of tokens; 0 says nothing."""
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST:
        return value or None
    raise _refusal(what, f"a whole number from 0 to {_LARGEST}", value)


def flag_or_none(value: object, what: str) -> bool | None:
    """Take yes, no or nothing."""
    if value is None or isinstance(value, bool):
        return value
    raise _refusal(what, "true or false", value)


def date_or_none(value: object, what: str) -> date | None:
    """Take a date; a month or a year says no day."""
    if value is None:
        return None
    found = text(value, what)
    try:
        return date.fromisoformat(found) if len(found) == len("2026-01-01") else None
    except ValueError:
        raise _refusal(what, "a date", value) from None


def _refusal(what: str, expected: str, got: object) -> RejectedError:
    return RejectedError(f"{what}: expected {expected}, got {str(got)[:60]!r}")
