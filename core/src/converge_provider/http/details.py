"""What a body says about a failure, in the shapes that services use."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from converge_provider.http.documents import mended_text
from converge_provider.http.shapes import as_list, as_object, parsed
from converge_provider.values.classes import frozen
from converge_provider.values.secret import Secret

__all__ = ("MOST_BYTES", "Details", "details_of", "one_line")

MOST_BYTES = 2048
"""The longest message that is kept, in bytes."""

_MASK = "***"
_SHORTEST_SECRET = 6
_MESSAGE_KEYS = ("message", "msg", "detail", "error_description", "error_msg", "status_msg", "title")
_CODE_KEYS = ("code", "type", "status", "error_code", "reason", "status_code")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


@frozen(kw_only=True)
class Details:
    """The vendor's words and codes."""

    message: str = ""
    """The vendor's words on one line, cut and without credentials; empty when there are none."""
    codes: tuple[str, ...] = ()
    """The vendor's codes in lower case, the most telling first."""
    status: int | None = None
    """The HTTP status that the body itself names."""
    request_id: str | None = None
    numbers: Mapping[str, int] = {}
    """Whole numbers that stand beside the message."""


def details_of(body: bytes, secrets: Sequence[Secret] = ()) -> Details:
    """
    Find the vendor's words and codes in a body.

    Args:
        body: JSON in one of the usual shapes, or anything else.
        secrets: Credentials that the words must not repeat.

    Example:
        >>> details_of(b'{"error": {"message": "Slow  down.", "type": "tokens", "code": "rate_limit_exceeded"}}').codes
        ('rate_limit_exceeded', 'tokens')

    """
    document = parsed(body)
    if document is None:
        return Details(message=one_line(_first_line(body), secrets))
    outer = _object(document)
    inner = _inner(outer)
    codes = tuple(_codes(inner, outer))
    statuses = [int(code) for code in codes if len(code) == 3 and code.isdecimal() and "400" <= code <= "599"]
    request_id = outer.get("request_id") or inner.get("request_id")
    return Details(
        message=one_line(_message(document, outer, inner), secrets),
        codes=tuple(dict.fromkeys(one_line(code, secrets) for code in codes)),
        status=statuses[0] if statuses else None,
        request_id=request_id if isinstance(request_id, str) else None,
        numbers={key: value for key, value in inner.items() if type(value) is int},
    )


def _object(value: object) -> dict[str, Any]:
    """Give an object, or the first one of a list."""
    return next((as_object(member) for member in (value, *as_list(value)) if as_object(member)), as_object(None))


def _inner(outer: dict[str, Any]) -> dict[str, Any]:
    """Give the object that describes the error: where it is framed as one, in place of a choice, or the whole."""
    framed = (_object(outer.get(name)) for name in ("error", "errors", "base_resp"))
    choice = _object(outer.get("choices"))
    return next(filter(None, framed), None) or _object(choice.get("error")) or _object(outer.get("x_groq")) or outer


def _codes(inner: Mapping[str, Any], outer: Mapping[str, Any]) -> Iterator[str]:
    members = [inner, *(as_object(member) for member in as_list(inner.get("details"))[:10])]
    if outer is not inner:
        members.append(outer)
    for member in members:
        for key in _CODE_KEYS:
            code = member.get(key)
            if isinstance(code, str | int) and not isinstance(code, bool) and code != "error":
                yield str(code)[:200].lower()


def _message(document: object, outer: Mapping[str, Any], inner: Mapping[str, Any]) -> str:
    for source in (inner, outer):
        for key in _MESSAGE_KEYS:
            words = _words(source.get(key))
            if words:
                return _with_upstream(words, inner)
    bare = _words(outer.get("error")) or _words(inner.get("error"))
    return bare or (document if isinstance(document, str) else "")


def _words(value: object) -> str:
    """Give a text, or join what a framework's validation says: ``[{"loc": [...], "msg": "..."}]``."""
    if isinstance(value, str):
        return value
    said = [as_object(member) for member in as_list(value)[:10]]
    return "; ".join(f"{'.'.join(map(str, as_list(one.get('loc'))))}: {one['msg']}" for one in said if "msg" in one)


def _with_upstream(words: str, inner: Mapping[str, Any]) -> str:
    """Add what a router quotes of the service behind it."""
    raw = _object(inner.get("metadata")).get("raw")
    if not isinstance(raw, str) or not raw.strip():
        return words
    return f"{words}: {details_of(raw.encode()).message}"


def _first_line(body: bytes) -> str:
    """Give the first line of plain text; HTML has none that helps, and JSON that was cut might quote a prompt."""
    text = body[:MOST_BYTES].decode("utf-8", "replace").strip()
    return "" if text.startswith(("<", "{", "[")) else text.partition("\n")[0]


def one_line(text: str, secrets: Sequence[Secret]) -> str:
    r"""
    Give a vendor's words as an error may hold them.

    On one line without control characters, at most 2 KiB long, and without credentials.

    Example:
        >>> one_line("no such key:\n sk-0123456789", [Secret("Bearer sk-0123456789")])
        'no such key: ***'

    """
    text = _SPACE.sub(" ", mended_text(text[: 16 * MOST_BYTES])).strip()
    for secret in secrets:
        revealed = secret.reveal()
        for word in sorted({revealed, *revealed.split()}, key=len, reverse=True):
            if len(word) > _SHORTEST_SECRET:
                text = text.replace(word, _MASK)
    cut = text.encode("utf-8")
    return text if len(cut) <= MOST_BYTES else cut[: MOST_BYTES - 3].decode("utf-8", "ignore") + "…"
