"""
Server-sent events, as the WHATWG's HTML standard defines them (section 9.2), out of pieces of bytes.

Own code, because the readers there are work on decoded lines: httpx-sse and its relatives split each piece into lines
of text in Python, which costs several microseconds per event, has no limits and is tied to one HTTP library.  Here
newlines are found by ``bytes`` methods, and an event is decoded once.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Iterator, Sequence

from converge_provider.errors import ProviderError
from converge_provider.http.closing import closing
from converge_provider.http.messages import Limits
from converge_provider.http.splitting import Splitter
from converge_provider.values.classes import frozen

__all__ = ("SseEvent", "SseParser", "sse_events")

_BOM = b"\xef\xbb\xbf"
_LONG = 65_536
"""Bytes from which on copying an event costs more than looking at it in place."""


@frozen
class SseEvent:
    """One event of a stream."""

    data: str
    """The lines of data, joined by line feeds."""
    event: str = "message"
    """What kind of event the server calls it."""
    id: str = ""
    """The last id that the server gave, with this event or before it."""
    retry_ms: int | None = None
    """After how many milliseconds the server wants to be asked again, when this event says so."""
    ended: bool = True
    """False when the stream ended within this event: the standard would drop it, but some servers leave out the last
    blank line."""


class SseParser:
    r"""
    Turn pieces of bytes into events; where the pieces are cut makes no difference.

    Lines end in LF, CRLF or CR.  Bytes that are not UTF-8 are an error, not a replacement character.

    Example:
        >>> parser = SseParser()
        >>> [event.data for event in parser.feed(b"data: Gr\xc3")]
        []
        >>> [event.data for event in parser.feed(b"\xbc\xc3\x9fe\r\n\r\n: a comment\n\n")]
        ['Grüße']

    """

    def __init__(self, *, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        """Start at the beginning of a stream."""
        self._max_line = limits.max_line_bytes
        self._blocks = Splitter(b"\n\n", limit=limits.max_event_bytes, what="an event of the stream")
        self._head: bytes | None = b""
        self._after_cr = False
        self._id = ""

    def feed(self, piece: bytes) -> Iterator[SseEvent]:
        """
        Give the events that a piece completes.

        The iterator must be used up before the next piece is fed.

        Raises:
            ProviderError: An event or a line is longer than the limits, or is not UTF-8.

        """
        if self._head is not None:
            piece = self._without_bom(piece)
        for block in self._blocks.feed(self._with_lf(piece)):
            event = self._event(block, ended=True)
            if event is not None:
                yield event

    def finish(self) -> Iterator[SseEvent]:
        """Give the event that the end of the stream cut off, if it holds data."""
        head, self._head = self._head or b"", None
        yield from self.feed(head)
        event = self._event(self._blocks.rest(), ended=False)
        if event is not None:
            yield event

    def _without_bom(self, piece: bytes) -> bytes:
        """Drop a byte order mark, which may come in up to three pieces."""
        head = (self._head or b"") + piece
        if len(head) < len(_BOM) and _BOM.startswith(head):
            self._head = head
            return b""
        self._head = None
        return head.removeprefix(_BOM)

    def _with_lf(self, piece: bytes) -> bytes:
        """Make every line end in LF; a CR at the end of a piece counts at once, and an LF after it does not."""
        if self._after_cr and piece:
            self._after_cr = False
            piece = piece.removeprefix(b"\n")
        if b"\r" in piece:
            self._after_cr = piece.endswith(b"\r")
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return piece

    def _event(self, block: bytes | bytearray, *, ended: bool) -> SseEvent | None:
        if block.startswith(b"data:") and b"\n" not in block and len(block) <= self._max_line:
            begin = 6 if block.startswith(b" ", 5) else 5
            data = block[begin:] if len(block) < _LONG else memoryview(block)[begin:]
            return SseEvent(_text(data), id=self._id, ended=ended)
        return self._event_of_lines(block.split(b"\n"), ended=ended)

    def _event_of_lines(self, lines: Sequence[bytes | bytearray], *, ended: bool) -> SseEvent | None:
        data: list[bytes | bytearray] = []
        kind, retry_ms = "", None
        for line in lines:
            if len(line) > self._max_line:
                message = f"a line of the stream is longer than {self._max_line} bytes; the stream was not read further"
                raise ProviderError(message)
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            match name:
                case b"data":
                    data.append(value)
                case b"event":
                    kind = _text(value)
                case b"id" if b"\0" not in value:
                    self._id = _text(value)
                case b"retry" if value.isdigit() and len(value) < 10:
                    retry_ms = int(value)
                case _:
                    pass  # a comment, or a field that the standard says to ignore
        if not data:
            return None
        return SseEvent(_text(b"\n".join(data)), kind or "message", self._id, retry_ms, ended)


def _text(line: bytes | bytearray | memoryview) -> str:
    try:
        return str(line, "utf-8")
    except UnicodeDecodeError as exc:
        message = f"the stream is not UTF-8: byte {line[exc.start]:#04x} at position {exc.start} of an event"
        raise ProviderError(message) from exc


async def sse_events(
    pieces: AsyncIterable[bytes],
    *,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> AsyncGenerator[SseEvent, None]:
    """
    Turn a body into events, as they come; closing it closes the body too.

    Args:
        pieces: A body, usually of ``transport.stream(request)``.
        limits: How long an event and its lines may be.

    Raises:
        ProviderError: An event or a line is longer than the limits, or is not UTF-8.

    """
    parser = SseParser(limits=limits)
    async with closing(pieces):
        async for piece in pieces:
            for event in parser.feed(piece):
                yield event
        for event in parser.finish():
            yield event
