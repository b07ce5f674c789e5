"""Reading JSON that somebody else wrote: nothing endlessly deep, no number that is none, no half of a character."""

import json
import re
from itertools import accumulate
from math import isfinite
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("DEEPEST", "document_of", "event_document_of", "has_halves", "mended_text", "strict_document_of")

DEEPEST = 200
"""How deep a document may be nested; what reads or writes it further recurses, and would find no end in time."""

_MARK = "\N{BYTE ORDER MARK}"
_TEXT = re.compile(r'"[^"]*"')
_ALL_BUT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def document_of(text: str | bytes) -> object:
    r"""
    Read a document of a service.

    ``NaN``, ``Infinity`` and numbers beyond every float, which JSON does not have but some servers write, are read as
    null; half a character becomes the replacement character; of a key that stands twice, the last one holds.

    Raises:
        ValueError: It is no JSON, no UTF-8, or nested too deeply.

    Example:
        >>> document_of(b'{"logprob": -Infinity, "text": "\\ud83d", "n": 1, "n": 2}')
        {'logprob': None, 'text': '�', 'n': 2}

    """
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    document = _read(text.removeprefix(_MARK), _LENIENT)
    return _mended(document) if has_halves(text) else document


def event_document_of(text: str) -> object:
    """
    Read one document of a stream, as :func:`document_of` does, but keep halves of characters.

    The other half may be in the next document.
    """
    return _read(text.removeprefix(_MARK), _LENIENT)


def strict_document_of(text: str) -> object:
    """
    Read what must be JSON and nothing more.

    Raises:
        ValueError: It is none, or nested too deeply, or holds a number that no float can hold.

    """
    return _read(text, _STRICT)


def has_halves(text: str) -> bool:
    """Say whether a text of JSON may hold half a character: one that is written as two escapes."""
    return "\\ud" in text or "\\uD" in text


def mended_text(text: str) -> str:
    r"""
    Put halves of characters that follow each other together; one without its other is a replacement character.

    Example:
        >>> mended_text("\ud83d\ude42, \ud83d")
        '🙂, �'

    """
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _read(text: str, decoder: json.JSONDecoder) -> object:
    try:
        document: object = decoder.decode(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if text.count("[") + text.count("{") > DEEPEST and _is_too_deep(text):
        raise ValueError(_TOO_DEEP)
    return document


_TOO_DEEP = f"it is nested more than {DEEPEST} levels deep"


def _is_too_deep(text: str) -> bool:
    """Follow the brackets of a text that is well formed, in time that grows with its length and nothing else."""
    bare = _TEXT.sub("", text.replace("\\\\", "").replace('\\"', ""))
    brackets = bare.encode("utf-8", "replace").translate(None, _ALL_BUT_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets))) > DEEPEST


def _mended(value: object) -> object:
    if isinstance(value, str):
        return mended_text(value)
    if isinstance(value, list):
        return [_mended(member) for member in cast("list[object]", value)]
    if isinstance(value, dict):
        members = cast("Mapping[str, object]", value)
        return {mended_text(key): _mended(member) for key, member in members.items()}
    return value


def _number(text: str) -> float | None:
    number = float(text)
    return number if isfinite(number) else None


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        message = f"{text[:40]} is beyond every number that can be worked with"
        raise ValueError(message)
    return number


def _refused(name: str) -> object:
    message = f"{name} is no JSON number"
    raise ValueError(message)


_LENIENT = json.JSONDecoder(parse_constant=lambda _: None, parse_float=_number)
_STRICT = json.JSONDecoder(parse_constant=_refused, parse_float=_finite)
