"""The answer: JSON, whole or in pieces → the contract's values, through one and the same code."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from converge_ollama.wire.reporting import reported
from converge_provider import (
    ChatResponse,
    Finished,
    FinishReason,
    ProviderError,
    ReasoningBlock,
    ReasoningDelta,
    ReasoningPart,
    StreamEvent,
    TextDelta,
    TextPart,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallMalformed,
    ToolCallStarted,
    UsageDetail,
    UsageReported,
)
from converge_provider.http import Halves, as_list, as_object, checked_arguments, text_in, token_count

__all__ = ("Assembler",)

_REASONS = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}
_MOST_CALLS = 1_000


class Assembler:
    """
    Makes events, and in the end the answer, of the documents of one stream; a whole answer is a stream of one document.

    The model thinks first, then speaks or calls tools; each call comes whole.

    Example:
        >>> assembler = Assembler()
        >>> assembler.take({"message": {"content": "Hi"}, "done": True, "done_reason": "stop"}, event=None)
        [TextDelta(text='Hi')]
        >>> assembler.finish()[-1].response.content
        'Hi'

    """

    def __init__(self) -> None:
        """Start with an empty answer."""
        self._text: list[str] = []
        self._blocks: list[list[str]] = []
        self._is_thinking = False
        self._halves = Halves()
        self._calls: list[ToolCall] = []
        self._logprobs: list[Any] = []
        self._usage: UsageDetail | None = None
        self._last: dict[str, Any] = {}
        self._message: dict[str, Any] = {}

    @property
    def is_complete(self) -> bool:
        """Whether the server has said that the answer is done."""
        return self._last.get("done") is True

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.is_complete

    def error(self, document: Mapping[str, Any], *, event: str | None) -> bool:
        """Say whether a document is an error in place of an answer."""
        del event  # lines have no names
        return bool(document.get("error"))

    def whole(self, document: Mapping[str, Any]) -> Sequence[StreamEvent]:
        """Take an answer that came at once."""
        return [*self.take(document, event=None), *self.finish()]

    def take(self, document: Mapping[str, Any], *, event: str | None) -> Sequence[StreamEvent]:
        """
        Take one document of a stream.

        Raises:
            ProviderError: It has no shape that the server is known to send.

        """
        del event
        self._last.update(document)
        message = as_object(document.get("message"))
        self._message.update(message)
        self._logprobs += as_list(document.get("logprobs"))
        thought, said = (text_in(message.get(name) or "") for name in ("thinking", "content"))
        events = [*self._thought(thought), *self._said(said)]
        for raw in as_list(message.get("tool_calls")):
            events += [*self._pause(), *self._called(as_object(raw))]
        if document.get("done") is True:
            events += self._counted(document)
        return events

    def finish(self) -> Sequence[StreamEvent]:
        """
        Close the answer.

        Raises:
            ProviderError: There was no answer.

        """
        if not self.is_complete or not self._message:
            message = "the answer holds no message that is done"
            raise ProviderError(message)
        return [*self._pause(), Finished(self._response())]

    def _thought(self, piece: str) -> Iterator[StreamEvent]:
        if piece and not self._is_thinking:
            yield from self._pause()
            self._is_thinking = True
            self._blocks.append([])
        yield from self._shown(piece)

    def _said(self, piece: str) -> Iterator[StreamEvent]:
        if piece and self._is_thinking:
            yield from self._pause()
        yield from self._shown(piece)

    def _shown(self, piece: str) -> Iterator[StreamEvent]:
        """Show a piece, but for half a character at its end."""
        yield from self._kept(self._halves.whole(piece) if piece else "")

    def _kept(self, text: str) -> Iterator[StreamEvent]:
        if text:
            (self._blocks[-1] if self._is_thinking else self._text).append(text)
            yield ReasoningDelta(text) if self._is_thinking else TextDelta(text)

    def _pause(self) -> Iterator[StreamEvent]:
        """Close what was thought or said, when something else follows."""
        yield from self._kept(self._halves.rest())
        if self._is_thinking:
            self._is_thinking = False
            yield ReasoningBlock("".join(self._blocks[-1]))

    def _called(self, raw: Mapping[str, Any]) -> Iterator[StreamEvent]:
        place, function = len(self._calls), as_object(raw.get("function"))
        if place >= _MOST_CALLS:
            message = f"the answer calls more than {_MOST_CALLS} tools"
            raise ProviderError(message)
        name = function.get("name")
        arguments, problem = checked_arguments(_written(function.get("arguments")))
        call = ToolCall(id=self._id(raw, place), name=name if isinstance(name, str) else "", arguments=arguments)
        problem = problem if call.name else "the call names no tool"
        self._calls.append(call)
        yield ToolCallStarted(place, call.id, call.name)
        yield ToolCallDelta(place, call.arguments)
        yield ToolCallMalformed(place, call, problem) if problem else ToolCallFinished(place, call)

    def _id(self, raw: Mapping[str, Any], place: int) -> str:
        """Keep the server's id; make one of the time and the place where it gives none, or one that is taken."""
        found = raw.get("id")
        if isinstance(found, str) and found and found not in {call.id for call in self._calls}:
            return found
        created = self._last.get("created_at")
        return f"call_{created if isinstance(created, str) else 'answer'}_{place}"

    def _counted(self, document: Mapping[str, Any]) -> Iterator[StreamEvent]:
        prompt, answer = (token_count(document.get(name)) for name in ("prompt_eval_count", "eval_count"))
        if prompt is not None and answer is not None and {"prompt_eval_count", "eval_count"} & document.keys():
            self._usage = UsageDetail(input_uncached=prompt, output=answer)
            yield UsageReported(self._usage)

    def _response(self) -> ChatResponse:
        text, model = "".join(self._text), self._last.get("model")
        reason = _REASONS.get(str(self._last.get("done_reason")))
        if reason is FinishReason.STOP and self._calls:
            reason = FinishReason.TOOL_CALLS
        thought = [ReasoningPart(text="".join(block)) for block in self._blocks]
        return ChatResponse(
            content=text,
            tool_calls=self._calls,
            usage=None if self._usage is None else self._usage.totals(),
            model=model if isinstance(model, str) else None,
            finish_reason=reason,
            metadata=reported(self._last, self._message, self._logprobs, counted=self._usage is not None),
            parts=[*thought, TextPart(text=text)] if thought else (),
            usage_detail=self._usage,
        )


def _written(arguments: object) -> str:
    """Give arguments as text; they come as an object."""
    if arguments is None:
        return ""
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
