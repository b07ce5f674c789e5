"""The answer: JSON, whole or in pieces → the contract's values, through one and the same code."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from converge_gemini.wire.calls import Calls
from converge_gemini.wire.citing import citations_in
from converge_gemini.wire.reporting import reported
from converge_gemini.wire.signatures import Signature
from converge_gemini.wire.speech import Speech
from converge_gemini.wire.usage import usage_from_wire
from converge_provider import (
    ChatResponse,
    ContentFiltered,
    Finished,
    FinishReason,
    InvalidRequest,
    ProviderError,
    StreamEvent,
    UsageReported,
)
from converge_provider.http import as_list, as_object, one_line, text_in

if TYPE_CHECKING:
    from converge_provider import Citation, Secret, UsageDetail

__all__ = ("Assembler",)

_FILTERED = frozenset({
    "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "ESCALATION", "MODEL_ARMOR",
    "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION",
})  # fmt: skip
_REASONS = {
    "STOP": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    "CONTINUATION": FinishReason.LENGTH,
    **dict.fromkeys(_FILTERED, FinishReason.CONTENT_FILTER),
}
_FAILURES = frozenset({"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE"})
_KNOWN_PARTS = frozenset({"text", "thought", "thoughtSignature", "functionCall"})


class Assembler:
    """
    Makes events, and in the end the answer, of the documents of one stream; a whole answer is a stream of one document.

    Example:
        >>> assembler = Assembler()
        >>> part = {"text": "Hi"}
        >>> assembler.take({"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]}, event=None)
        [TextDelta(text='Hi')]
        >>> assembler.finish()[-1].response.content
        'Hi'

    """

    is_over = False
    """Whether nothing more will come: only the end of the stream tells."""

    def __init__(self, secrets: Sequence["Secret"] = ()) -> None:
        """
        Start with an empty answer.

        Args:
            secrets: Credentials, which errors must not repeat when the service does.

        """
        self._secrets = secrets
        self._speech = Speech()
        self._calls = Calls()
        self._citations: list[Citation] = []
        self._further: list[Mapping[str, Any]] = []
        self._usage: UsageDetail | None = None
        self._last: dict[str, Any] = {}
        self._candidate: dict[str, Any] = {}

    @property
    def is_complete(self) -> bool:
        """Whether the service has said why the answer ended, or why there is none."""
        return bool(self._reason or self._block)

    def error(self, document: Mapping[str, Any], *, event: str | None) -> bool:
        """Say whether a document is an error in place of an answer."""
        return bool(document.get("error")) or event == "error"

    def whole(self, document: Mapping[str, Any]) -> Sequence[StreamEvent]:
        """Take an answer that came at once."""
        return [*self.take(document, event=None), *self.finish()]

    def take(self, document: Mapping[str, Any], *, event: str | None) -> Sequence[StreamEvent]:
        """
        Take one document of a stream.

        Raises:
            ProviderError: It has no shape that the service is known to send.

        """
        del event  # the service names none
        self._last.update(document)
        events: list[StreamEvent] = []
        candidate = _first(as_list(document.get("candidates")))
        if candidate:
            self._candidate.update(candidate)
            for part in as_list(as_object(candidate.get("content")).get("parts")):
                events += self._taken(as_object(part))
            events += self._cited(candidate)
        events += self._counted(as_object(document.get("usageMetadata")))
        return events

    def finish(self) -> Sequence[StreamEvent]:
        """
        Close the answer.

        Raises:
            ContentFiltered: The prompt, or all of the answer, was withheld.
            InvalidRequest: The conversation lacks signatures.
            ProviderError: There was no answer, or the model failed to give one.

        """
        if self._block:
            raise ContentFiltered(self._why("the prompt was blocked", self._block, self._feedback))
        if not self._reason:
            message = "the answer holds no candidate that was finished"
            raise ProviderError(message)
        self._refuse_failure()
        return [*self._speech.pause(), Finished(self._response())]

    @property
    def _reason(self) -> str:
        found = self._candidate.get("finishReason")
        return found if isinstance(found, str) else ""

    @property
    def _feedback(self) -> Mapping[str, Any]:
        return as_object(self._last.get("promptFeedback"))

    @property
    def _block(self) -> str:
        found = self._feedback.get("blockReason")
        return found if isinstance(found, str) else ""

    @property
    def _id(self) -> str:
        found = self._last.get("responseId")
        return found if isinstance(found, str) else ""

    @property
    def _is_empty(self) -> bool:
        return not (self._speech.text or self._calls.done or self._further)

    def _refuse_failure(self) -> None:
        """Raise what ended the answer, where that is no answer."""
        reason = self._reason
        if reason in _FILTERED and self._is_empty:
            raise ContentFiltered(self._why("the answer was withheld", reason, self._candidate))
        if reason == "MISSING_THOUGHT_SIGNATURE":
            message = "a call in the conversation lacks the signature that came with it; send parts back as they came"
            raise InvalidRequest(message)
        if reason in _FAILURES or (reason not in _REASONS and self._is_empty):
            raise ProviderError(self._why("the model gave no usable answer", reason, self._candidate))

    def _why(self, what: str, reason: str, source: Mapping[str, Any]) -> str:
        """Say what happened, in the service's words where it has some."""
        told = source.get("finishMessage") or source.get("blockReasonMessage")
        rated = [as_object(one) for one in as_list(source.get("safetyRatings"))]
        named = ", ".join(str(one.get("category")) for one in rated if one.get("blocked"))
        details = [one for one in (named, told if isinstance(told, str) else "") if one]
        return one_line(f"{what}: {reason}{''.join(f' ({one})' for one in details)}", self._secrets)

    def _taken(self, part: Mapping[str, Any]) -> Iterator[StreamEvent]:
        signature = part.get("thoughtSignature")
        signature = signature if isinstance(signature, str) and signature else None
        if "functionCall" in part:
            yield from self._speech.pause()
            yield from self._calls.take(as_object(part["functionCall"]), answer_id=self._id)
            if signature is not None:
                yield from self._speech.sign_call(Signature(signature, self._calls.done[-1].id))
            return
        text = text_in(part.get("text", ""))
        yield from self._speech.take(text, is_thought=part.get("thought") is True, signature=signature)
        if not part.keys() <= _KNOWN_PARTS:
            self._further.append(part)

    def _cited(self, candidate: Mapping[str, Any]) -> Iterable[StreamEvent]:
        known = {one.url for one in self._citations}
        new = {one.url: one for one in citations_in(candidate) if one.url not in known}
        self._citations += new.values()
        return new.values()

    def _counted(self, usage: Mapping[str, Any]) -> Iterator[StreamEvent]:
        found = usage_from_wire(usage) if usage else self._usage
        if usage and found is None:
            self._usage = None
        elif found != self._usage and found is not None:
            self._usage = found
            yield UsageReported(found)

    def _response(self) -> ChatResponse:
        model = self._last.get("modelVersion")
        reason = _REASONS.get(self._reason)
        if reason is FinishReason.STOP and self._calls.done:
            reason = FinishReason.TOOL_CALLS
        return ChatResponse(
            content=self._speech.text,
            tool_calls=self._calls.done,
            usage=None if self._usage is None else self._usage.totals(),
            model=model if isinstance(model, str) else None,
            finish_reason=reason,
            metadata=self._metadata(),
            parts=self._speech.parts,
            usage_detail=self._usage,
        )

    def _metadata(self) -> dict[str, str]:
        """Keep what else the service said, under its own names."""
        found = {
            "finish_reason": self._reason if _REASONS.get(self._reason) is not FinishReason.STOP else None,
            "citations": [{"url": one.url, "title": one.title} for one in self._citations] or None,
            "parts": self._further or None,
        }
        return reported(self._last, self._candidate, with_counts=self._usage is None, own=found)


def _first(candidates: Sequence[Any]) -> Mapping[str, Any]:
    """Give the candidate that the answer is made of: of several, the first."""
    found = (as_object(one) for one in candidates)
    return next((one for one in found if not one.get("index")), as_object(None))
