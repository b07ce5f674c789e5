"""The reader of server-sent events."""

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from itertools import pairwise

import anyio
import pytest
from hypothesis import given, settings, strategies as st

from converge_provider import ProviderError
from converge_provider.http import Limits, SseEvent, SseParser, sse_events


def parse(pieces: Iterable[bytes], limits: Limits = Limits()) -> list[SseEvent]:  # noqa: B008 - frozen
    """Parse pieces to their end."""
    parser = SseParser(limits=limits)
    events = [event for piece in pieces for event in parser.feed(piece)]
    return [*events, *parser.finish()]


def reference(data: bytes) -> list[tuple[str, str, str]]:
    """Read events as the standard words it, line by line, without a thought for speed."""
    events: list[tuple[str, str, str]] = []
    lines: list[str] = []
    kind = last = ""
    text = data.decode().removeprefix("\ufeff")
    for line in [*re.split("\r\n|\n|\r", text), ""]:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if lines:
                events.append(("\n".join(lines), kind or "message", last))
            lines, kind = [], ""
        elif name == "data":
            lines.append(value)
        elif name == "event":
            kind = value
        elif name == "id" and "\0" not in value:
            last = value
    return events


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"data: one\n\n", ["one"]),
        (b"data:one\n\n", ["one"]),
        (b"data:  one\n\n", [" one"]),
        (b"data: one\r\n\r\ndata: two\r\rdata: three\n\n", ["one", "two", "three"]),
        (b"data: a\ndata\ndata: b\n\n", ["a\n\nb"]),
        (b"data\n\n", [""]),
        (b": comment\n\ndata: one\n\n", ["one"]),
        (b": comment\ndata: one\nunknown: field\n\n", ["one"]),
        (b"\n\n\n\ndata: one\n\n\n\n", ["one"]),
        (b"\xef\xbb\xbfdata: one\n\n", ["one"]),
        (b"id: 7\n\n", []),
        (b"datax: one\n\n", []),
    ],
    ids=[
        "plain",
        "no-space",
        "one-space-goes",
        "crlf-and-cr",
        "several-lines",
        "no-colon",
        "comment-alone",
        "comment-within",
        "blank-lines",
        "byte-order-mark",
        "no-data",
        "other-field",
    ],
)
def test_sse_framing_is_the_standards(data: bytes, expected: list[str]) -> None:
    """Every lawful framing gives the data that the standard says."""
    assert [event.data for event in parse([data])] == expected


def test_sse_event_fields_are_read() -> None:
    """An event carries its kind, the last id given so far, and the time after which to reconnect."""
    events = parse([b"event: ping\nid: 1\nretry: 250\ndata: x\n\ndata: y\n\nid: a\0b\nretry: 2x\ndata: z\n\n"])

    assert events == [
        SseEvent("x", "ping", "1", 250),
        SseEvent("y", "message", "1"),
        SseEvent("z", "message", "1"),
    ]


def test_sse_event_cut_off_by_the_end_is_marked() -> None:
    """An event without its blank line is given with a mark, since some servers leave the last blank line out."""
    assert parse([b"data: one\n\ndata: [DONE]"]) == [SseEvent("one"), SseEvent("[DONE]", ended=False)]


_LINES = st.sampled_from(
    [
        "data: a",
        "data:é🙂",
        "data",
        "data: ",
        ": hi",
        "event: e",
        "id: 5",
        "id",
        "retry: 9",
        "junk",
        "",
        "data: \ufeffx",
    ]
)
_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
_STREAMS = st.lists(st.tuples(_LINES, _ENDS).map("".join), max_size=25).map("".join).map(str.encode)


@settings(derandomize=True, deadline=None)
@given(_STREAMS, st.lists(st.integers(0, 400), max_size=30), st.booleans())
def test_sse_cuts_between_pieces_change_nothing(data: bytes, cuts: list[int], bom: bool) -> None:
    """However a stream is cut, in the middle of a character, of CRLF or of the mark, the standard's events come out."""
    data = (b"\xef\xbb\xbf" if bom else b"") + data + b"\n\n"
    places = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    pieces = [data[start:stop] for start, stop in pairwise(places)]

    expected = reference(data)

    assert [(one.data, one.event, one.id) for one in parse(pieces)] == expected
    assert [(one.data, one.event, one.id) for one in parse(bytes([byte]) for byte in data)] == expected


def test_sse_event_over_the_limit_is_refused_before_its_end() -> None:
    """An endless event is refused when it passes the limit, not when memory runs out."""
    parser = SseParser(limits=Limits(max_event_bytes=1000))

    assert list(parser.feed(b"data: " + b"x" * 900)) == []
    with pytest.raises(ProviderError, match="an event of the stream is longer than 1000 bytes"):
        list(parser.feed(b"x" * 100))


def test_sse_event_at_the_limit_passes_however_it_is_cut() -> None:
    """An event of exactly the limit passes, whole or in pieces; one byte more does not."""
    data, limits = b"data: " + b"x" * 94, Limits(max_event_bytes=100)

    assert len(parse([data + b"\n\n"], limits)) == 1
    assert len(parse([bytes([byte]) for byte in data + b"\n\n"], limits)) == 1
    for pieces in ([data + b"x\n\n"], [bytes([byte]) for byte in data + b"x\n\n"]):
        with pytest.raises(ProviderError):
            parse(pieces, limits)


@pytest.mark.parametrize(
    "data", [b"data: " + b"x" * 95 + b"\n\n", b"id: 1\ndata: " + b"x" * 95 + b"\n\n"], ids=["one", "two"]
)
def test_sse_line_over_the_limit_is_refused(data: bytes) -> None:
    """A line that is too long is refused, whether or not it is the whole event."""
    with pytest.raises(ProviderError, match="a line of the stream is longer than 100 bytes"):
        parse([data], Limits(max_line_bytes=100))


def test_sse_bytes_that_are_not_utf8_are_an_error() -> None:
    """Bytes that are no text are an error that says where, not a silent replacement character."""
    with pytest.raises(ProviderError, match=r"not UTF-8: byte 0xff at position 2 of an event"):
        parse([b"data: ab\xff\n\n"])


def test_sse_long_event_in_small_pieces_takes_linear_time() -> None:
    """Ten times the bytes in the same small pieces take about ten times as long, not a hundred times."""
    from time import perf_counter

    def took(length: int) -> float:
        parser, began = SseParser(), perf_counter()
        for _ in range(length):
            assert not list(parser.feed(b"x" * 100))
        return perf_counter() - began

    took(1_000)
    short = min(took(2_000) for _ in range(3))

    assert took(20_000) < 40 * short + 0.3  # the allocator's part; copying all each time would take seconds


class Body:
    """A body that remembers whether it was closed."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = iter(pieces)
        self.is_closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = next(self._pieces, None)
        if piece is None:
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        """Close it."""
        self.is_closed = True


def test_sse_events_come_from_a_body_and_close_it() -> None:
    """The asynchronous reader gives the parser's events, the cut-off one too, and closes the body when it is closed."""

    async def run() -> None:
        body = Body(b"data: on", b"e\n\ndata: two")
        assert [event.data async for event in sse_events(body)] == ["one", "two"]
        assert body.is_closed

        body = Body(b"data: one\n\ndata: two\n\n")
        async with aclosing(sse_events(body)) as events:
            assert (await anext(events)).data == "one"
            assert not body.is_closed
        assert body.is_closed

    anyio.run(run)


def test_sse_events_come_from_a_plain_iterator() -> None:
    """A source that cannot be closed is read as well."""

    class Plain:
        def __aiter__(self) -> AsyncIterator[bytes]:
            return Body(b"data: x\n\n")

    async def run() -> list[str]:
        return [event.data async for event in sse_events(Plain())]

    assert anyio.run(run) == ["x"]
