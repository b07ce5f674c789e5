"""The reader of newline-delimited JSON, and the splitter below it."""

import json
from collections.abc import AsyncIterator, Iterable
from itertools import pairwise
from typing import Any

import anyio
import pytest
from hypothesis import given, settings, strategies as st

from converge_provider import ProviderError
from converge_provider.http import Limits, SseEvent, ndjson_documents
from converge_provider.http.ndjson import ndjson_events
from converge_provider.http.splitting import Splitter


def read(pieces: Iterable[bytes], limits: Limits = Limits()) -> list[Any]:  # noqa: B008 - frozen
    """Read all documents."""

    async def source() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def run() -> list[Any]:
        return [document async for document in ndjson_documents(source(), limits=limits)]

    return anyio.run(run)


def test_ndjson_documents_come_line_by_line() -> None:
    """Blank lines are skipped, CRLF is a line end, and the last line needs none."""
    assert read([b'{"a": 1}\r\n\n  \n', b"[2", b', "\xc3', b'\xa9"]\n', b"null\n3"]) == [{"a": 1}, [2, "é"], None, 3]


@pytest.mark.parametrize(
    "line", [b"{oops}\n", b"{", b'"\xff"\n', b"[" * 100_000 + b"\n"], ids=["junk", "cut", "bytes", "deep"]
)
def test_ndjson_line_that_is_not_json_is_an_error(line: bytes) -> None:
    """A line that is not JSON is an error that gives its length, not its content."""
    with pytest.raises(ProviderError, match=r"a line of the stream, \d+ bytes long, is not JSON") as caught:
        read([line])

    assert "oops" not in str(caught.value)


def test_ndjson_line_over_the_limit_is_refused() -> None:
    """An endless line is refused when it passes the limit."""
    with pytest.raises(ProviderError, match="a line of the stream is longer than 50 bytes"):
        read([b'"' + b"x" * 30, b"x" * 30], Limits(max_line_bytes=50))


@settings(derandomize=True, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"\n", b"ab", b"\n\n"]), st.lists(st.integers(0, 200), max_size=20))
def test_splitter_gives_what_one_split_gives(data: bytes, separator: bytes, cuts: list[int]) -> None:
    """However the bytes are cut, the stretches are those of one split over all of them."""
    data = data.replace(b"\x00", separator).replace(b"\x01", separator[:1])
    places = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    splitter = Splitter(separator, limit=1000, what="a stretch")

    found = [stretch for start, stop in pairwise(places) for stretch in splitter.feed(data[start:stop])]

    assert [*found, splitter.rest()] == data.split(separator)


@pytest.mark.parametrize(
    ("last", "is_cut"),
    [(b'{"text": "\xff"}', False), (b'{"text": "\xc3', True), (b"{}\xc3", True), (b"\xff{", False)],
    ids=["byte", "cut", "half-behind", "first"],
)
def test_last_line_is_no_document_by_replacement(last: bytes, *, is_cut: bool) -> None:
    """Bytes that are not UTF-8 are an error in a last line without its end too; only a cut character is a cut."""

    async def source() -> AsyncIterator[bytes]:
        yield last

    async def run() -> list[SseEvent]:
        return [event async for event in ndjson_events(source())]

    if not is_cut:
        with pytest.raises(ProviderError, match="is not UTF-8"):
            anyio.run(run)
        return
    (event,) = anyio.run(run)

    assert not event.ended
    with pytest.raises(ValueError, match=r".+"):
        json.loads(event.data)
