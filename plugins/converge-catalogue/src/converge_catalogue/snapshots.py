"""
A source at one time, as a file, of which only what is asked for is read.

A head says where each service stands.  A service is a line that says where each of its offers stands, and its offers.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from itertools import accumulate
from pathlib import Path
from typing import Any, overload
from zlib import crc32

from attrs import define, field, frozen

from converge_catalogue.offers import Offer, Service

__all__ = ("BrokenSnapshotError", "Head", "Snapshot")

_FORMAT = 2
_MOST_BYTES = 64 * 1024 * 1024
_LONGEST_HEAD = 1024 * 1024


class BrokenSnapshotError(ValueError):
    """A file is no snapshot, or not the one that was written."""


@frozen(kw_only=True)
class Head:
    """What a snapshot is of."""

    source: str
    """Who says so, for people."""
    as_of: date
    """When it was true: when it was fetched, or the newest date that the data itself speaks of."""
    key: str
    """What it was made from: a digest."""
    fetched_s: float | None = None
    """When it was fetched, in seconds since 1970; ``None``: it came with a library."""
    url: str | None = None
    """Where from."""
    models: int = 0
    """How many offers it holds."""
    seen: str | None = None
    """How the file looked that it was made from, so that its digest need not be taken each time."""

    def document(self) -> dict[str, Any]:
        """Give what is kept."""
        return {
            "format": _FORMAT,
            "source": self.source,
            "as_of": self.as_of.isoformat(),
            "key": self.key,
            "fetched_s": self.fetched_s,
            "url": self.url,
            "models": self.models,
            "seen": self.seen,
        }

    @classmethod
    def of_document(cls, found: Mapping[str, Any]) -> "Head":
        """Read what is kept."""
        if found["format"] != _FORMAT:
            message = f"format {found['format']!r}, expected {_FORMAT}"
            raise BrokenSnapshotError(message)
        return cls(
            source=str(found["source"]),
            as_of=date.fromisoformat(found["as_of"]),
            key=str(found["key"]),
            fetched_s=None if found["fetched_s"] is None else float(found["fetched_s"]),
            url=None if found["url"] is None else str(found["url"]),
            models=int(found["models"]),
            seen=None if found["seen"] is None else str(found["seen"]),
        )


class _Offers(Sequence[Offer]):
    """Offers that are read when they are asked for."""

    def __init__(self, body: bytes, ends: Sequence[int]) -> None:
        self._body = body
        self._ends = ends
        """Where each offer ends in the body, and the next begins."""

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, place: int) -> Offer: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Offer]: ...

    def __getitem__(self, place: int | slice) -> Offer | Sequence[Offer]:
        """Give one, or a stretch; raises ``BrokenSnapshotError``."""
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        place = range(len(self))[place]  # an IndexError ends an iteration
        text = self._body[self._ends[place - 1] if place else 0 : self._ends[place]]
        try:
            return Offer.of_document(json.loads(text))
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as exc:
            what = f"an offer {text[:60]!r}"
            raise _unreadable(what, exc) from exc


def _written(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _unreadable(what: str, exc: Exception) -> BrokenSnapshotError:
    return BrokenSnapshotError(f"{what} cannot be read: {type(exc).__name__}: {exc}")


@define(eq=False, repr=False)
class Snapshot:
    """Services of one source, read when they are asked for."""

    head: Head
    _lines: Mapping[str, tuple[int, int, int]]
    """Where the line of each service is, how long, and its checksum."""
    _body: bytes
    _read: dict[str, Service] = field(factory=dict[str, Service], init=False)

    @classmethod
    def of(cls, head: Head, services: Iterable[Service]) -> "Snapshot":
        """Make one in memory."""
        lines: dict[str, tuple[int, int, int]] = {}
        pieces: list[bytes] = []
        begin = 0
        for service in services:
            document = service.document()
            offers = [_written(offer) for offer in document.pop("offers")]
            document["ends"] = list(accumulate(map(len, offers)))
            piece = _written(document) + b"\n" + b"".join(offers)
            lines[service.id] = (begin, len(piece), crc32(piece))
            pieces.append(piece)
            begin += len(piece) + 1
        return cls(head, lines, b"\n".join(pieces))

    @classmethod
    def load(cls, path: Path) -> "Snapshot":
        """
        Read a file.

        Raises:
            BrokenSnapshotError: It is no snapshot.
            OSError: It cannot be read.

        """
        with path.open("rb") as file:
            first = file.readline(_LONGEST_HEAD)
            body = file.read(_MOST_BYTES + 1)
        if len(body) > _MOST_BYTES:
            message = f"longer than {_MOST_BYTES} bytes"
            raise BrokenSnapshotError(message)
        try:
            found = json.loads(first)
            lines = {str(name): (int(begin), int(size), int(check)) for name, (begin, size, check) in found["lines"]}
            return cls(Head.of_document(found), lines, body)
        except (ValueError, TypeError, LookupError, RecursionError) as exc:
            what = "its head"
            raise _unreadable(what, exc) from exc

    def save(self, path: Path) -> None:
        """
        Write it, whole or not at all.

        Raises:
            OSError: It cannot be written.

        """
        import tempfile  # once per version of the data

        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [[name, list(line)] for name, line in self._lines.items()]
        head = {**self.head.document(), "lines": lines}
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(json.dumps(head, separators=(",", ":")).encode() + b"\n" + self._body)
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise

    def service(self, name: str) -> Service | None:
        """
        Give what it says of one service.

        Raises:
            BrokenSnapshotError: It is not what was written, or cannot be read all the same.

        """
        if name not in self._lines:
            return None
        if name not in self._read:
            self._read[name] = self._service(name)
        return self._read[name]

    def _service(self, name: str) -> Service:
        begin, size, check = self._lines[name]
        line = self._body[begin : begin + size]
        if crc32(line) != check:
            message = f"what it says of {name!r} is not what was written"
            raise BrokenSnapshotError(message)
        try:
            first, _, offers = line.partition(b"\n")
            found = json.loads(first)
            return Service(
                id=name,
                url=found["url"],
                offers=_Offers(offers, [int(end) for end in found["ends"]]),
                names=dict(found["names"]),
                dated=dict(found["dated"]),
            )
        except (ValueError, TypeError, LookupError, RecursionError) as exc:
            raise _unreadable(name, exc) from exc

    def services(self) -> Iterator[Service]:
        """Give all services, sorted by their ids; raises ``BrokenSnapshotError``."""
        for name in sorted(self._lines):
            found = self.service(name)
            assert found is not None
            yield found
