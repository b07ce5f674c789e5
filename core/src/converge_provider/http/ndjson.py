"""Newline-delimited JSON, as Ollama streams it."""

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from typing import Any

from converge_provider.errors import ProviderError
from converge_provider.http.closing import closing
from converge_provider.http.documents import document_of
from converge_provider.http.messages import Limits
from converge_provider.http.splitting import Splitter
from converge_provider.http.sse import SseEvent

__all__ = ("ndjson_documents", "ndjson_events")


async def ndjson_documents(
    pieces: AsyncIterable[bytes],
    *,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> AsyncGenerator[Any, None]:
    """
    Turn a body into the JSON documents that its lines hold, as they come; closing it closes the body too.

    Blank lines are skipped; the last line needs no line feed.

    Args:
        pieces: A body, usually of ``transport.stream(request)``.
        limits: How long a line may be.

    Raises:
        ProviderError: A line is longer than the limit, or is not JSON.

    """
    async with aclosing(_lines(pieces, limits)) as lines:
        async for line, _ in lines:
            yield _document(line)


async def ndjson_events(
    pieces: AsyncIterable[bytes],
    *,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> AsyncGenerator[SseEvent, None]:
    """
    Turn a body into events of one line each, as :func:`~converge_provider.http.sse_events` does with its framing.

    Args:
        pieces: A body, usually of ``transport.stream(request)``.
        limits: How long a line may be.

    Raises:
        ProviderError: A line is longer than the limit, or is not UTF-8.

    """
    async with aclosing(_lines(pieces, limits)) as lines:
        async for line, ended in lines:
            yield SseEvent(_text(line, ended=ended), ended=ended)


async def _lines(pieces: AsyncIterable[bytes], limits: Limits) -> AsyncGenerator[tuple[bytes | bytearray, bool], None]:
    """Give the lines that are not blank, and of each whether a line feed ended it."""
    lines = Splitter(b"\n", limit=limits.max_line_bytes, what="a line of the stream")
    async with closing(pieces):
        async for piece in pieces:
            for line in lines.feed(piece):
                if line and not line.isspace():
                    yield line, True
        last = lines.rest()
        if last and not last.isspace():
            yield last, False


def _text(line: bytes | bytearray, *, ended: bool) -> str:
    """Decode a line; one that was cut within a character is no document, and is not said to be anything else."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as exc:
        if not ended and exc.reason == "unexpected end of data":
            return line.decode("utf-8", "replace")
        message = f"a line of the stream is not UTF-8: byte {line[exc.start]:#04x} at position {exc.start}"
        raise ProviderError(message) from exc


def _document(line: bytes | bytearray) -> Any:  # noqa: ANN401 - whatever JSON holds
    try:
        return document_of(bytes(line))
    except ValueError as exc:
        message = f"a line of the stream, {len(line)} bytes long, is not JSON: {exc}"
        raise ProviderError(message) from exc
