"""Cutting a stream of bytes at a separator, in time that grows with the bytes and nothing else."""

from collections.abc import Iterator

from converge_provider.errors import ProviderError

__all__ = ("Splitter",)


class Splitter:
    r"""
    Cuts pieces that arrive anyhow into the stretches between separators.

    Each byte is looked at once, however small the pieces are.

    Example:
        >>> splitter = Splitter(b"\n", limit=100, what="a line")
        >>> [bytes(line) for piece in (b"one\ntw", b"o\nth") for line in splitter.feed(piece)], splitter.rest()
        ([b'one', b'two'], b'th')

    """

    def __init__(self, separator: bytes, *, limit: int, what: str) -> None:
        """
        Start with nothing.

        Args:
            separator: What ends a stretch.
            limit: The longest stretch, in bytes.
            what: What a stretch is called in the error.

        """
        self._separator = separator
        self._last = separator[-1:]
        """What a piece must hold to end a stretch; one byte is found twenty times as fast as two."""
        self._overlap = len(separator) - 1
        self._limit = limit
        self._what = what
        self._held = bytearray()

    def feed(self, piece: bytes) -> Iterator[bytes | bytearray]:
        """
        Give the stretches that a piece completes, without their separators.

        The iterator must be used up before the next piece is fed.  A stretch out of several pieces is given as it was
        put together, since each further copy of a long one costs as much as reading it.

        Raises:
            ProviderError: A stretch is longer than the limit.

        """
        held = self._held
        if self._last not in piece:
            self._hold(piece)
            return
        if held:
            before = min(self._overlap, len(held))  # bytes that may be the first half of a separator
            place = (held[len(held) - before :] + piece).find(self._separator)
            if place < 0:
                self._hold(piece)
                return
            self._held = bytearray()
            if place < before:
                del held[place - before :]
            else:
                held += piece[: place - before]
            self._check(len(held))
            yield held
            piece = piece[place - before + len(self._separator) :]
        *stretches, rest = piece.split(self._separator)
        for stretch in stretches:
            self._check(len(stretch))
            yield stretch
        self._hold(rest)

    def rest(self) -> bytes:
        """Give, and forget, what no separator has ended."""
        rest = bytes(self._held)
        self._held.clear()
        return rest

    def _hold(self, piece: bytes) -> None:
        self._held += piece
        self._check(len(self._held) - self._overlap)  # its end may be the first half of a separator

    def _check(self, length: int) -> None:
        if length > self._limit:
            message = f"{self._what} is longer than {self._limit} bytes; the stream was not read further"
            raise ProviderError(message)
