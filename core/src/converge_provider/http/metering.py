"""Looking on while an answer is relayed: which usage it states, whether it came to its end, whether it is an error."""

import json
from typing import TYPE_CHECKING, Any

from converge_provider.errors import ProviderError
from converge_provider.http.messages import Limits
from converge_provider.http.shapes import MOST_TOKENS, as_list, as_object
from converge_provider.http.sse import SseParser
from converge_provider.values.usage import UsageDetail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from converge_provider.http.sse import SseEvent

__all__ = ("Meter", "stated_usage")

_MOST_BYTES = 2**20
_LIMITS = Limits(max_event_bytes=_MOST_BYTES, max_line_bytes=_MOST_BYTES)
_IN = ("input_tokens", "prompt_tokens", "input")
_OUT = ("output_tokens", "completion_tokens", "output")


class Meter:
    r"""
    Reads along and changes nothing; what it cannot read leaves it none the wiser, and never stops the relay.

    Pieces may be cut anywhere, and the last line needs no line feed.  Of a count that is stated repeatedly the last
    value holds.

    Example:
        >>> meter = Meter()
        >>> meter.take(b'data: {"usage": {"prompt_tok')
        >>> meter.take(b'ens": 3, "completion_tokens": 2}}\n\ndata: [DONE]')
        >>> meter.end()
        >>> meter.usage(stated_usage).totals(), meter.is_complete
        (TokenUsage(prompt_tokens=3, completion_tokens=2, total_tokens=5), True)

    """

    def __init__(self, *, is_whole: bool = False) -> None:
        """
        Start at the beginning.

        Args:
            is_whole: Whether the answer is one JSON document rather than a stream of events.

        """
        self.is_complete: bool = False
        """Whether the answer's own end was seen."""
        self.failure: bytes | None = None
        """The error that stands in place of the rest of the answer, if one does."""
        self.is_lost: bool = False
        """Whether it could not read along to the end."""
        self._counts: dict[str, Any] = {}
        self._is_whole = is_whole
        self._held = bytearray()
        self._parser = SseParser(limits=_LIMITS)

    def take(self, piece: bytes) -> None:
        """Read the next piece."""
        if self.is_lost:
            return
        try:
            if self._is_whole:
                self._hold(piece)
            else:
                self._read(self._parser.feed(piece))
        except ProviderError:
            self.is_lost = True

    def end(self) -> None:
        """Read what no line feed has ended."""
        if self.is_lost:
            return
        if self._is_whole:
            self._look_at(self._held.decode("utf-8", "replace"))
            return
        try:
            self._read(self._parser.finish())
        except ProviderError:
            self.is_lost = True

    def usage(self, read: "Callable[[Mapping[str, Any]], UsageDetail | None]") -> UsageDetail | None:
        """Give the counts in disjoint buckets, as ``read`` sorts them; ``None``: none were stated."""
        return read(self._counts) if self._counts else None

    def _hold(self, piece: bytes) -> None:
        self._held += piece
        if len(self._held) > _MOST_BYTES:
            self.is_lost = True
            self._held.clear()

    def _read(self, events: "Iterator[SseEvent]") -> None:
        for event in events:
            if not self._look_at(event.data):
                for line in event.data.split("\n") if "\n" in event.data else ():
                    self._look_at(line.removeprefix("data:"))

    def _look_at(self, text: str) -> bool:
        """Take what a document says; give whether it was one."""
        if text.strip() == "[DONE]":
            self.is_complete = True
            return True
        try:
            document = as_object(json.loads(text))
        except (ValueError, RecursionError):
            return False
        found = as_object(document.get("usage")) or as_object(as_object(document.get("x_groq")).get("usage"))
        begun = as_object(as_object(document.get("message")).get("usage"))
        self._counts.update({name: count for name, count in (found or begun).items() if count is not None})
        if document.get("error"):
            self.failure = text.encode("utf-8", "replace")
        self.is_complete = self.is_complete or _ends(document)
        return True


def _ends(document: "Mapping[str, Any]") -> bool:
    """Say whether a document ends an answer, in either wire format."""
    if document.get("type") == "message_stop" or document.get("stop_reason"):
        return True
    return any(as_object(choice).get("finish_reason") for choice in as_list(document.get("choices")))


def stated_usage(counts: "Mapping[str, Any]") -> UsageDetail | None:
    """
    Sort counts into disjoint buckets, whichever wire format they are in.

    Chat Completions count what was read from a cache within the prompt, Messages beside it; both count reasoning within
    the output.

    Returns:
        The buckets, or ``None`` when there is no count of either side, or one that makes no sense.

    Example:
        >>> stated_usage({"input_tokens": 2, "cache_read_input_tokens": 8, "output_tokens": 5}).totals()
        TokenUsage(prompt_tokens=10, completion_tokens=5, total_tokens=15)

    """
    taken, given = (next((counts[name] for name in names if name in counts), None) for names in (_IN, _OUT))
    within = as_object(counts.get("prompt_tokens_details")).get("cached_tokens", 0)
    beside = (counts.get("cache_read_input_tokens", 0), counts.get("cache_creation_input_tokens", 0))
    thought = as_object(counts.get("completion_tokens_details")).get("reasoning_tokens", 0)
    numbers = [0 if number is None else number for number in (taken, given, within, *beside, thought)]
    if (taken is None and given is None) or not all(map(_is_count, numbers)):
        return None
    prompt, completion, cached, read, written, reasoning = numbers
    if cached > prompt or reasoning > completion:
        return None
    return UsageDetail(
        input_uncached=prompt - cached,
        cache_read=cached + read,
        cache_write=written,
        output=completion - reasoning,
        reasoning=reasoning,
    )


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= MOST_TOKENS
