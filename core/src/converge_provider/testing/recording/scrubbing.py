"""
Take secrets out of recorded bytes, by their value and by the name they stand under.

No length changes: the lengths that HTTP states stay true, and an answer can be cut where it was cut before.
"""

import base64
import json
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import cast
from urllib.parse import unquote_plus

from attrs import field, frozen

from converge_provider.values.secret import Secret

__all__ = ("Scrubber", "UnscrubbedError", "is_private", "payload_spans", "split_head")

_SHORTEST = 8
"""Bytes of the shortest secret that is looked for: what is shorter stands in innocent text too."""

_PRIVATE = frozenset(
    {
        "account",
        "accounts",
        "apikey",
        "auth",
        "authentication",
        "authorization",
        "cookie",
        "cookies",
        "credential",
        "credentials",
        "email",
        "forwarded",
        "ip",
        "key",
        "org",
        "organisation",
        "organization",
        "passwd",
        "password",
        "project",
        "secret",
        "secrets",
        "session",
        "tenant",
    }
)
"""Words that make a name private, wherever they stand in it."""
_PRIVATE_WHOLE = frozenset({("user",), ("user", "id")})
_TOKEN = re.compile(rb'"(?:[^"\\\n]|\\.)*"|[{}\[\],]|-?\d[\d.eE+-]*')
_NAME_FOLLOWS = re.compile(rb"\s*:")
_NESTED = re.compile(rb'\\"([^"\\]{1,80})\\"\s*:\s*(?:\\"((?:[^"\\]|\\[^"])*)\\"|(-?\d[\d.]*))')
_QUERY = re.compile(r"(?<=[?&;])([^=&;#]+)=([^&;#]*)")


class UnscrubbedError(Exception):
    """A secret would stand in a recording: scattered over events, for instance, or compressed."""


def is_private(name: str) -> bool:
    """
    Say whether what stands under a name is a secret, or tells whose account it is.

    Example:
        >>> [is_private(name) for name in ("x-api-key", "openaiOrganization", "access_token", "max_tokens", "model")]
        [True, True, True, False, False]

    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
    words = tuple(word for word in re.split(r"[^a-z0-9]+", spaced) if word)
    return not _PRIVATE.isdisjoint(words) or words[-1:] == ("token",) or words in _PRIVATE_WHOLE


def _written(secret: Secret) -> Iterator[bytes]:
    """Give patterns of the ways in which a value may be written: as text, in hexadecimal, within base64."""
    raw = secret.reveal().encode()
    yield b"".join(map(_character, secret.reveal()))
    yield b"(?i:" + raw.hex().encode() + b")"
    for ahead, dropped in ((0, 0), (1, 2), (2, 3)):  # by how many bytes stand before it
        written = base64.b64encode(b"\0" * ahead + raw)[dropped : (ahead + len(raw)) * 8 // 6]
        yield re.escape(written)
        yield re.escape(written.translate(bytes.maketrans(b"+/", b"-_")))


def _character(character: str) -> bytes:
    """Match a character as it is, percent-encoded, or escaped as JSON does it."""
    raw = character.encode()
    percent = b"".join(b"%%%02x" % byte for byte in raw)
    units = struct.unpack(f">{len(character.encode('utf-16-be')) // 2}H", character.encode("utf-16-be"))
    escaped = b"".join(b"\\\\u%04x" % unit for unit in units)
    plain = re.escape(raw) + (b"|\\+" if character == " " else b"")
    return b"(?:\\\\?(?:" + plain + b")|(?i:" + percent + b"|" + escaped + b"))"


def _masked(data: bytes) -> bytes:
    return (b"REDACTED-" * (len(data) // 9 + 1))[: len(data)]


def _masked_text(text: str) -> str:
    return _masked(text.encode()).decode()


def _masked_digits(data: bytes) -> bytes:
    return re.sub(rb"\d", b"1", data)


def split_head(answer: bytes) -> tuple[bytes, bytes]:
    """Cut an answer after the empty line that ends its head."""
    head, mark, body = answer.partition(b"\r\n\r\n")
    return head + mark, body


def payload_spans(head: bytes, body: bytes) -> Sequence[tuple[int, int]]:
    """Say where in a body its content lies, without what cuts it into chunks."""
    if not re.search(rb"(?im)^transfer-encoding:.*\bchunked\b", head):
        return [(0, len(body))]
    spans: list[tuple[int, int]] = []
    place = 0
    while (line := re.compile(rb"([0-9a-fA-F]+)[^\r\n]*\r\n").match(body, place)) is not None:
        size = int(line[1], 16)
        spans.append((line.end(), min(line.end() + size, len(body))))
        place = line.end() + size + 2
    return [*spans, (min(place, len(body)), len(body))]


@frozen(kw_only=True)
class Scrubber:
    """
    Knows the secrets, and takes them out.

    Example:
        >>> scrubber = Scrubber(secrets=[Secret("sk-0123456789")])
        >>> scrubber.body(b'{"say": "sk-0123456789", "api_key": "abc", "max_tokens": 7}')
        b'{"say": "REDACTED-REDA", "api_key": "RED", "max_tokens": 7}'

    """

    secrets: Sequence[Secret] = field(default=(), converter=tuple[Secret, ...])
    """What must not stand anywhere, besides what stands under a private name."""
    _pattern: re.Pattern[bytes] = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        if any(len(secret.reveal().encode()) < _SHORTEST for secret in self.secrets):
            message = f"a secret to scrub has less than {_SHORTEST} bytes, which stand in innocent text too"
            raise ValueError(message)
        written = [pattern for secret in self.secrets for pattern in _written(secret)]
        object.__setattr__(self, "_pattern", re.compile(b"|".join(written) or rb"(?!)"))

    def path(self, path: str) -> str:
        """Scrub a path with its query."""
        named = _QUERY.sub(lambda found: _parameter(found[1], found[2]), path)
        return self._by_value(named.encode()).decode()

    def form(self, body: bytes) -> bytes:
        """Scrub the fields of a form."""
        return self.path(f"?{body.decode('latin-1')}").encode("latin-1")[1:]

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Scrub the headers of a request."""
        return {name: self._header(name, value) for name, value in headers.items()}

    def body(self, body: bytes) -> bytes:
        """Scrub the content of a request or of an answer: JSON, events, or whatever it is."""
        return self._by_value(_named(body))

    def answer(self, answer: bytes) -> bytes:
        """
        Scrub a whole answer, head and body; a secret that is cut by the framing is found too.

        Raises:
            UnscrubbedError: The body is compressed.

        """
        head, body = split_head(answer)
        if re.search(rb"(?im)^content-encoding:(?!\s*identity\s*$)", head):
            message = "the answer is compressed, so that nothing can be found in it: ask for identity"
            raise UnscrubbedError(message)
        lines = [self._line(line) for line in head.split(b"\r\n")]
        spans = payload_spans(head, body)
        clean = self.body(b"".join(body[start:end] for start, end in spans))
        scrubbed, taken = bytearray(body), 0
        for start, end in spans:
            scrubbed[start:end] = clean[taken : taken + end - start]
            taken += end - start
        return b"\r\n".join(lines) + bytes(scrubbed)

    def holds_secret(self, data: bytes) -> bool:
        """Say whether a secret stands in some bytes, or in the texts that their events make together."""
        return any(self._pattern.search(part) for part in (data, *_joined(data)))

    def _by_value(self, data: bytes) -> bytes:
        return self._pattern.sub(lambda found: _masked(found[0]), data)

    def _header(self, name: str, value: str) -> str:
        return _masked_text(value) if is_private(name) else self.path(value)

    def _line(self, line: bytes) -> bytes:
        name, mark, value = line.decode("latin-1").partition(": ")
        return f"{name}{mark}{self._header(name, value)}".encode("latin-1") if mark else line


def _parameter(name: str, value: str) -> str:
    return f"{name}={_masked_text(value) if is_private(unquote_plus(name)) else value}"


def _named(data: bytes) -> bytes:
    """Mask what stands under private names, in whatever JSON there is."""
    clean = bytearray(data)
    inside = [False]  # whether each open object or list stands under a private name
    is_next = False
    for found in _TOKEN.finditer(data):
        token = found[0]
        if token[:1] in b"{[":
            inside.append(inside[-1] or is_next)
        elif token[:1] in b"}]":
            inside = inside[:-1] or [False]
        elif token[:1] == b'"' and _NAME_FOLLOWS.match(data, found.end()):
            is_next = is_private(_text(token))
            continue
        elif token != b",":
            clean[found.start() : found.end()] = _value(token, is_secret=inside[-1] or is_next)
        is_next = False
    return bytes(clean)


def _value(token: bytes, *, is_secret: bool) -> bytes:
    if token[:1] != b'"':
        return _masked_digits(token) if is_secret else token
    if is_secret:
        return b'"' + _masked(token[1:-1]) + b'"'
    return _NESTED.sub(_nested, token)


def _nested(found: "re.Match[bytes]") -> bytes:
    """Mask a member of JSON that stands in a text."""
    if not is_private(found[1].decode("utf-8", "replace")):
        return found[0]
    group = 3 if found[2] is None else 2
    value = _masked_digits(found[3]) if group == 3 else _masked(found[2])
    start, end = found.start(group) - found.start(), found.end(group) - found.start()
    return found[0][:start] + value + found[0][end:]


def _text(token: bytes) -> str:
    try:
        return str(json.loads(token))
    except ValueError:
        return token.decode("utf-8", "replace")


def _joined(data: bytes) -> Iterator[bytes]:
    """Give the texts that the documents of a stream make, place by place."""
    texts: dict[tuple[object, ...], str] = {}
    for line in data.splitlines():
        for place, text in _texts(_document(line.removeprefix(b"data:")), ()):
            texts[place] = texts.get(place, "") + text
    return (text.encode("utf-8", "surrogatepass") for text in texts.values())


def _document(line: bytes) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _texts(value: object, place: tuple[object, ...]) -> Iterator[tuple[tuple[object, ...], str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for name, one in cast("Mapping[str, object]", value).items():
            yield from _texts(one, (*place, name))
    elif isinstance(value, list):
        for index, one in enumerate(cast("Sequence[object]", value)):
            yield from _texts(one, (*place, index))
