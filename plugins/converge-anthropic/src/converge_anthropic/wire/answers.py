"""The answer: JSON, whole or in pieces → the contract's values, through one and the same code."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from converge_anthropic.wire.gathering import (
    AnswerBlock,
    AnyBlock,
    CallBlock,
    OtherBlock,
    TextBlock,
    ThinkingBlock,
)
from converge_anthropic.wire.structure import ANSWER_TOOL
from converge_anthropic.wire.usage import usage_from_wire
from converge_provider import (
    ChatResponse,
    ContentFiltered,
    Finished,
    FinishReason,
    ProviderError,
    ReasoningPart,
    Secret,
    StreamEvent,
    TextPart,
    UsageReported,
)
from converge_provider.http import as_list, as_metadata, as_object, one_line

if TYPE_CHECKING:
    from converge_provider import UsageDetail

__all__ = ("Assembler",)

_REASONS = {
    "end_turn": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "stop_sequence": FinishReason.STOP_SEQUENCE,
    "tool_use": FinishReason.TOOL_CALLS,
    "refusal": FinishReason.CONTENT_FILTER,
    "model_context_window_exceeded": FinishReason.LENGTH,
}
_PLAIN = frozenset({"end_turn", "max_tokens", "stop_sequence", "tool_use"})
_READ_ELSEWHERE = frozenset({"content", "model", "role", "stop_reason", "type", "usage"})
_MOST_BLOCKS = 10_000


class Assembler:
    """
    Makes events, and in the end the answer, of the events of one stream; a whole answer is taken as such events.

    Example:
        >>> answer = Assembler().whole({"content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"})
        >>> answer[-1].response.content
        'Hi'

    """

    def __init__(self, *, secrets: Sequence[Secret] = ()) -> None:
        """Start with an empty answer; an error must not repeat the credentials of the request."""
        self._secrets = secrets
        self._blocks: list[AnyBlock] = []
        self._open: dict[int, AnyBlock] = {}
        self._calls: list[CallBlock] = []
        self._ids: set[str] = set()
        self._usage: dict[str, Any] = {}
        self._top: dict[str, Any] = {}
        self._reason: str | None = None
        self._is_over = False

    @property
    def is_complete(self) -> bool:
        """Whether the server has said why the answer ended."""
        return self._reason is not None

    @property
    def is_over(self) -> bool:
        """Whether the server has said that nothing more comes."""
        return self._is_over

    def error(self, document: Mapping[str, Any], *, event: str | None) -> bool:
        """Say whether a document is an error."""
        return document.get("type") == "error" or event == "error" or bool(as_object(document.get("error")))

    def whole(self, document: Mapping[str, Any]) -> list[StreamEvent]:
        """
        Take an answer that came at once.

        Raises:
            ContentFiltered: The model, or a filter before it, declined.
            ProviderError: It is no answer.

        """
        if not isinstance(document.get("content"), list):
            message = "the answer holds no list of content"
            raise ProviderError(message)
        events = [*self._begin(document)]
        for index, block in enumerate(as_list(document["content"])):
            events += self._start(index, as_object(block))
            events += self._stop(index)
        self._end(document)
        return [*events, *self.finish()]

    def take(self, document: Mapping[str, Any], *, event: str | None = None) -> list[StreamEvent]:
        """
        Take one event of a stream; one that nobody knows is passed over, as the vendor asks.

        Raises:
            ProviderError: The event has no shape that any server is known to send.

        """
        index = document.get("index")
        index = index if type(index) is int else 0
        match document.get("type") or event:
            case "message_start":
                return [*self._begin(as_object(document.get("message")))]
            case "content_block_start":
                return [*self._start(index, as_object(document.get("content_block")))]
            case "content_block_delta":
                return [*self._continue(index, as_object(document.get("delta")))]
            case "content_block_stop":
                return [*self._stop(index)]
            case "message_delta":
                self._end(as_object(document.get("delta")))
                return [*self._count(document.get("usage"))]
            case "message_stop":
                self._is_over = True
                return []
            case _:
                return []  # a ping, or what a later version of the API sends

    def finish(self) -> list[StreamEvent]:
        """
        Close the answer.

        Raises:
            ContentFiltered: The model, or a filter before it, declined.
            ProviderError: There was no answer.

        """
        if self._reason is None:
            message = "the answer does not say why it ended"
            raise ProviderError(message)
        events = [event for index in sorted(self._open) for event in self._stop(index)]
        response = self._response()
        if self._reason == "refusal" and not (response.content or response.tool_calls):
            raise ContentFiltered(self._declined())
        return [*events, Finished(response)]

    def _begin(self, message: Mapping[str, Any]) -> Iterator[StreamEvent]:
        self._top.update(message)
        yield from self._count(message.get("usage"))

    def _count(self, usage: object) -> Iterator[StreamEvent]:
        """Take counts; later ones are of the whole answer so far, and replace earlier ones."""
        news = {name: value for name, value in as_object(usage).items() if value is not None}
        self._usage.update(news)
        detail = usage_from_wire(self._usage) if news else None
        if detail is not None:
            yield UsageReported(detail)

    def _end(self, delta: Mapping[str, Any]) -> None:
        self._top.update({name: value for name, value in delta.items() if value is not None})
        reason = delta.get("stop_reason")
        if isinstance(reason, str) and reason:
            self._reason = reason

    def _start(self, index: int, raw: Mapping[str, Any]) -> Iterator[StreamEvent]:
        yield from self._stop(index)
        block = self._made(raw)
        self._add(index, block)
        yield from block.start(raw)

    def _continue(self, index: int, delta: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Take a piece; the pieces that other blocks cut in two make two blocks, so that the order stays."""
        block = self._open.get(index)
        if block is None or (isinstance(block, TextBlock) and self._blocks[-1] is not block):
            if block is not None:
                yield from block.stop()
            block = _block_of(delta)
            self._add(index, block)
        yield from block.take(delta)

    def _stop(self, index: int) -> Iterator[StreamEvent]:
        block = self._open.pop(index, None)
        if block is not None:
            yield from block.stop()

    def _add(self, index: int, block: AnyBlock) -> None:
        if len(self._blocks) >= _MOST_BLOCKS:
            message = f"the answer has more than {_MOST_BLOCKS} blocks"
            raise ProviderError(message)
        self._blocks.append(block)
        self._open[index] = block

    def _made(self, raw: Mapping[str, Any]) -> AnyBlock:
        match raw.get("type"):
            case "text":
                return TextBlock()
            case "thinking" | "redacted_thinking":
                return ThinkingBlock()
            case "tool_use" if raw.get("name") == ANSWER_TOOL:
                return AnswerBlock()
            case "tool_use":
                return self._made_call(raw)
            case _:
                return OtherBlock()

    def _made_call(self, raw: Mapping[str, Any]) -> CallBlock:
        """Name a call, uniquely: results are sent back under that name."""
        name, stated = raw.get("name"), raw.get("id")
        place = len(self._calls)
        made = stated if isinstance(stated, str) and stated and stated not in self._ids else self._own_id(place)
        self._ids.add(made)
        self._calls.append(CallBlock(place=place, id=made, name=name if isinstance(name, str) else ""))
        return self._calls[-1]

    def _own_id(self, place: int) -> str:
        made = f"call_{self._top.get('id') or 'answer'}_{place}"
        return made if made not in self._ids else f"{made}_{len(self._ids)}_"

    def _response(self) -> ChatResponse:
        usage: UsageDetail | None = usage_from_wire(self._usage) if self._usage else None
        model = self._top.get("model")
        spoken = [block.part for block in self._blocks if isinstance(block, TextBlock | ThinkingBlock)]
        calls = [block.call for block in self._calls if block.call is not None]
        return ChatResponse(
            content="".join(part.text for part in spoken if isinstance(part, TextPart)),
            tool_calls=calls,
            usage=None if usage is None else usage.totals(),
            model=model if isinstance(model, str) else None,
            finish_reason=self._finish_reason(has_calls=bool(calls)),
            metadata=self._metadata(is_counted=usage is not None),
            parts=_parts(spoken),
            usage_detail=usage,
        )

    def _finish_reason(self, *, has_calls: bool) -> FinishReason | None:
        """Name the reason; what the contract has no name for is none, and stands in the metadata."""
        if self._reason == "tool_use" and not has_calls:
            return FinishReason.STOP  # the call was the answer
        reason = _REASONS.get(self._reason or "")
        is_cut = reason is FinishReason.STOP and bool(self._top.get("stop_sequence"))  # as llama.cpp's server says it
        return FinishReason.STOP_SEQUENCE if is_cut else reason

    def _declined(self) -> str:
        details = as_object(self._top.get("stop_details"))
        said = details.get("explanation") or details.get("category")
        return one_line(str(said or "the model declined to answer"), self._secrets)

    def _metadata(self, *, is_counted: bool) -> dict[str, str]:
        """Keep what else the vendor said, under its own names."""
        found: dict[str, Any] = {key: value for key, value in self._top.items() if key not in _READ_ELSEWHERE}
        found["finish_reason"] = None if self._reason in _PLAIN else self._reason
        found["citations"] = [one for block in self._blocks if isinstance(block, TextBlock) for one in block.citations]
        found["blocks"] = [block.raw for block in self._blocks if isinstance(block, OtherBlock)]
        if is_counted:
            found |= {f"usage.{name}": value for name, value in _flat(self._usage)}
        else:
            found["usage"] = self._usage  # the numbers make no sense; here they are
        return as_metadata({name: value for name, value in found.items() if value not in ([], {})})


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give what the buckets leave out: whatever is no sum of tokens at the top."""
    for name, value in values.items():
        inner = as_object(value)
        yield from ((f"{name}.{key}", member) for key, member in inner.items())
        if not inner and not name.endswith("tokens"):
            yield name, value


def _block_of(delta: Mapping[str, Any]) -> AnyBlock:
    """Make the block of a piece that nothing announced."""
    match delta.get("type"):
        case "text_delta" | "citations_delta":
            return TextBlock()
        case "thinking_delta" | "signature_delta":
            return ThinkingBlock()
        case _:
            return OtherBlock(raw=dict(delta))


def _parts(spoken: list[TextPart | ReasoningPart]) -> tuple[TextPart | ReasoningPart, ...]:
    """Give what was said and thought, in order; nothing when there was no thought, since the text says it all."""
    if not any(isinstance(part, ReasoningPart) for part in spoken):
        return ()
    return tuple(part for part in spoken if isinstance(part, ReasoningPart) or part.text)
