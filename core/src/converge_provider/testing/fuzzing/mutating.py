"""Making hostile bodies out of good ones: the frame stays, so that what is inside is reached."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

__all__ = ("mutated",)

_VALUES: Sequence[Any] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2**31,
    2**32 - 1,
    2**32,
    2**64,
    10**400,
    0.5,
    float("nan"),
    float("inf"),
    "",
    " ",
    "\ud83d",
    "\ude42",
    "a\ud83d\ud83d\udc00",
    "\x00\r\n\x1b[31m",
    "stop",
    "error",
    "400",
    "4²²",
    "[DONE]",
    '{"a": 1}',
    '{"a": NaN}',
    "x" * 3_000,
    [],
    {},
    [None],
    [[]],
    {"": None},
    {"text": {}},
    [{"index": 0}, {"index": -1}],
)
_CUTS = (
    b"\n",
    b"\r\n",
    b"\n\n",
    b"\r",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\x00",
    b": x\n",
    b"data:",
    b"[DONE]",
)


def mutated(body: bytes, dice: random.Random) -> bytes:
    """
    Make another body of one: a value of one of its documents is another, or a line is, or a byte.

    Args:
        body: JSON, lines of it, or events of it.
        dice: Where chance comes from; the same dice make the same body.

    """
    lines = body.split(b"\n")
    places = [place for place, line in enumerate(lines) if _document_in(line) is not None]
    for _ in range(dice.randint(1, 3)):
        if places and dice.random() < 0.7:
            place = dice.choice(places)
            lines[place] = _changed(lines[place], dice)
        else:
            lines = _shuffled(lines, dice)
            places = [place for place, line in enumerate(lines) if _document_in(line) is not None]
    return b"\n".join(lines)


def _document_in(line: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Give the object or list that a line holds, if any."""
    _, _, text = line.rpartition(b"data:") if line.startswith(b"data:") else (b"", b"", line)
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_holder = bool(found) and isinstance(found, dict | list)
    return cast("Any", found) if is_holder else None


def _changed(line: bytes, dice: random.Random) -> bytes:
    """Change one value of the document of a line."""
    document = _document_in(line)
    if document is None:
        return line
    try:
        holder, key = dice.choice(list(_slots(document)))
        dice.choice(_CHANGES)(holder, key, dice)
        text = json.dumps(document, ensure_ascii=dice.random() < 0.7)
    except RecursionError:  # it was wrapped too often
        return line
    return (b"data: " if line.startswith(b"data:") else b"") + text.encode("utf-8", "surrogatepass")


def _slots(value: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - whatever JSON holds
    """Give every place of a document where a value stands."""
    keys: Sequence[Any] = list(cast("dict[str, Any]", value)) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _slots(value[key])


def _replace(holder: Any, key: Any, dice: random.Random) -> None:  # noqa: ANN401 - an object or a list
    holder[key] = dice.choice(_VALUES)


def _delete(holder: Any, key: Any, _: random.Random) -> None:  # noqa: ANN401 - likewise
    del holder[key]


def _wrap(holder: Any, key: Any, dice: random.Random) -> None:  # noqa: ANN401 - likewise
    for _ in range(dice.choice((1, 1, 3, 300))):
        holder[key] = [holder[key]] if dice.random() < 0.5 else {"content": holder[key]}


def _copy(holder: Any, key: Any, dice: random.Random) -> None:  # noqa: ANN401 - likewise
    """Put one value where another stands, or twice."""
    keys: Sequence[Any] = list(cast("dict[str, Any]", holder)) if isinstance(holder, dict) else range(len(holder))
    other = dice.choice(keys)
    holder[other] = json.loads(json.dumps(holder[key]))


_CHANGES: Sequence[Callable[[Any, Any, random.Random], None]] = (_replace, _replace, _replace, _delete, _wrap, _copy)


def _shuffled(lines: list[bytes], dice: random.Random) -> list[bytes]:
    """Drop, double, swap, cut or spoil a line."""
    place = dice.randrange(len(lines))
    line = lines[place]
    spot = dice.randint(0, len(line))
    match dice.randrange(5):
        case 0:
            return lines[:place] + lines[place + 1 :] or [b""]
        case 1:
            return [*lines[:place], line, *lines[place:]]
        case 2:
            other = dice.randrange(len(lines))
            lines[place], lines[other] = lines[other], line
            return lines
        case 3:
            return [*lines[:place], line[:spot]]
        case _:
            return [*lines[:place], line[:spot] + dice.choice(_CUTS) + line[spot:], *lines[place + 1 :]]
