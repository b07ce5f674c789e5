"""The answer: JSON, whole or in pieces → the contract's values, through one and the same code."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from converge_openai.wire.calls import Calls
from converge_openai.wire.reporting import KNOWN_IN_CHOICE, KNOWN_IN_MESSAGE, further_fields, gather, sources_in
from converge_openai.wire.speech import Speech
from converge_openai.wire.usage import usage_from_wire, usage_in
from converge_provider import (
    ChatResponse,
    Citation,
    ContentFiltered,
    Finished,
    FinishReason,
    ProviderError,
    StreamEvent,
    ToolCall,
    ToolCallFinished,
    ToolCallMalformed,
    UsageReported,
)
from converge_provider.http import as_list, as_metadata, as_object, one_line, text_in

if TYPE_CHECKING:
    from converge_provider import Secret, UsageDetail

__all__ = ("Assembler",)

_REASONS = {
    "stop": FinishReason.STOP,
    "eos": FinishReason.STOP,
    "eos_token": FinishReason.STOP,
    "done": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP_SEQUENCE,
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "model_length": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
    "sensitive": FinishReason.CONTENT_FILTER,
}
_FAILURES = frozenset({"error", "abort", "network_error", "insufficient_system_resource"})


class Assembler:
    """
    Makes events, and in the end the answer, of the chunks of one stream; a whole answer is a stream of one chunk.

    Example:
        >>> assembler = Assembler()
        >>> assembler.take({"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}]})
        [TextDelta(text='Hi')]
        >>> assembler.finish()[-1].response.content
        'Hi'

    """

    def __init__(self, *, think_tags: bool = False, secrets: Sequence["Secret"] = ()) -> None:
        """
        Start with an empty answer.

        Args:
            think_tags: Whether ``<think>…</think>`` at the beginning of the text is reasoning.
            secrets: Credentials, which errors must not repeat when the service does.

        """
        self._secrets = secrets
        self._speech = Speech(think_tags=think_tags, secrets=secrets)
        self._refusal: list[str] = []
        self._calls = Calls()
        self._citations: list[Citation] = []
        self._logprobs: list[Any] = []
        self._usage: UsageDetail | None = None
        self._reason: str | None = None
        self._stop: str | None = None
        self._last: dict[str, Any] = {}
        self._choice: dict[str, Any] = {}
        self._further: dict[str, Any] = {}
        self._answered = False

    @property
    def is_complete(self) -> bool:
        """Whether the server has said why the answer ended."""
        return self._reason is not None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come: only ``[DONE]`` tells, since usage comes after the reason."""
        return False

    def error(self, document: Mapping[str, Any], *, event: str | None) -> bool:
        """Say whether a document is an error in place of an answer."""
        if document.get("error") or event == "error" or document.get("object") == "error":
            return True
        if as_object(document.get("base_resp")).get("status_code"):  # MiniMax: 0 is well
            return True
        if "x_groq" in document and as_object(document["x_groq"]).get("error"):
            return True
        first = next(iter(as_list(document.get("choices"))), None)
        return bool(as_object(first).get("error"))  # OpenRouter

    def whole(self, document: Mapping[str, Any]) -> list[StreamEvent]:
        """Take an answer that came at once: a stream of one chunk."""
        return [*self.take(document), *self.finish()]

    def take(self, chunk: Mapping[str, Any], *, event: str | None = None) -> list[StreamEvent]:  # noqa: ARG002 - no names
        """
        Take one chunk; this wire gives its events no names.

        Raises:
            ProviderError: The chunk has no shape that any server is known to send.

        """
        self._last.update(chunk)
        events: list[StreamEvent] = []
        choices = chunk.get("choices")
        if choices:
            events += self._taken_choice(choices)
        usage = usage_in(chunk)
        if usage:
            self._last["usage"] = usage
            self._usage = usage_from_wire(usage)
            if self._usage is not None:
                events.append(UsageReported(self._usage))
        return events

    def finish(self) -> list[StreamEvent]:
        """
        Close the answer.

        Raises:
            ContentFiltered: The model declined.
            ProviderError: There was no answer, or the server ended it with a failure.

        """
        if not self._answered:
            message = "the answer holds no choice"
            raise ProviderError(message)
        if self._reason in _FAILURES:
            message = f"the service broke the answer off: {self._reason}"
            raise ProviderError(message)
        if self._refusal:
            raise ContentFiltered(one_line("".join(self._refusal), self._secrets))
        events: list[StreamEvent] = [*self._speech.end(), *self._late_citations()]
        events += self._calls.finish(answer_id=self._id)
        calls = [event.call for event in events if isinstance(event, ToolCallFinished | ToolCallMalformed)]
        return [*events, Finished(self._response(calls))]

    @property
    def _id(self) -> str:
        found = self._last.get("id")
        return found if isinstance(found, str) else ""

    def _taken_choice(self, choices: object) -> Iterable[StreamEvent]:
        firsts = (as_object(one) for one in as_list(choices))
        choice = next((one for one in firsts if not one.get("index")), as_object(None))
        if not choice:
            return ()
        whole = choice.get("message")
        delta = as_object(choice.get("delta") if whole is None else whole)
        self._answered = True
        if not KNOWN_IN_CHOICE.issuperset(choice):
            self._choice.update({key: value for key, value in choice.items() if value or key not in self._choice})
        reason = choice.get("finish_reason")
        if reason:
            self._reason = str(reason)
            stop = choice.get("stop_reason")
            self._stop = stop if isinstance(stop, str) else None
        if choice.get("logprobs"):
            self._logprobs += as_list(as_object(choice["logprobs"]).get("content"))
        return self._taken_delta(delta, whole=whole is not None) if delta else ()

    def _taken_delta(self, delta: Mapping[str, Any], *, whole: bool) -> Iterator[StreamEvent]:
        if not KNOWN_IN_MESSAGE.issuperset(delta):
            gather(self._further, delta)
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if reasoning:
            yield from self._speech.think(text_in(reasoning))
        content = delta.get("content")
        if content:
            yield from self._speech.say(content)
        if delta.get("refusal"):
            self._refusal.append(text_in(delta["refusal"]))
        for call in as_list(delta.get("tool_calls")):
            yield from self._speech.pause()
            yield from self._calls.take(call, whole=whole, answer_id=self._id)
        for annotation in as_list(delta.get("annotations")):
            yield from self._cited(as_object(as_object(annotation).get("url_citation")))

    def _cited(self, raw: Mapping[str, Any]) -> Iterator[StreamEvent]:
        found = [raw.get(key) if isinstance(raw.get(key), str) else None for key in ("url", "title", "content")]
        citation = Citation(*found)
        if citation.url and citation.url not in {known.url for known in self._citations}:
            self._citations.append(citation)
            yield citation

    def _late_citations(self) -> Iterator[StreamEvent]:
        """Take the sources that services list beside the choices."""
        for source in sources_in(self._last):
            yield from self._cited(source)

    def _response(self, calls: list[ToolCall]) -> ChatResponse:
        model = self._last.get("model")
        return ChatResponse(
            content=self._speech.text,
            tool_calls=calls,
            usage=None if self._usage is None else self._usage.totals(),
            model=model if isinstance(model, str) else None,
            finish_reason=self._finish_reason(calls),
            metadata=self._metadata(),
            parts=self._speech.parts,
            usage_detail=self._usage,
        )

    def _finish_reason(self, calls: list[ToolCall]) -> FinishReason | None:
        """Name the reason; one that nobody knows is none, and stands in the metadata."""
        reason = _REASONS.get(self._reason or "")
        if reason is FinishReason.STOP and calls:
            return FinishReason.TOOL_CALLS  # forced calls end with "stop"
        return FinishReason.STOP_SEQUENCE if reason is FinishReason.STOP and self._stop else reason

    def _metadata(self) -> dict[str, str]:
        """Keep what else the vendor said, under its own names."""
        found = further_fields(self._last, self._choice) | self._further
        found["stop_sequence"] = self._stop
        found["logprobs"] = self._logprobs or None
        if self._reason not in _REASONS:
            found["finish_reason"] = self._reason
        if self._citations:
            found["citations"] = [{"url": one.url, "title": one.title} for one in self._citations]
        if self._usage is None:
            found["usage"] = self._last.get("usage") or None  # the numbers make no sense; here they are
        return as_metadata(found)
