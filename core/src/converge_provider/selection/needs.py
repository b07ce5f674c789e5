"""What a request needs by itself, whatever its host states."""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from attrs import field

from converge_provider.selection.rows import Derived
from converge_provider.values.classes import frozen
from converge_provider.values.messages import ChatMessage, ChatRole
from converge_provider.values.parts import AudioPart, DocumentPart, ImagePart, ReasoningPart
from converge_provider.values.requests import ChatRequest

__all__ = ("FEATURES", "NOTHING", "Needs", "estimate_tokens", "measure")

FEATURES = (
    "tool_choice",
    "parallel_tool_calls",
    "response_schema",
    "seed",
    "top_p",
    "reasoning_effort",
    "cache_hints",
)
"""The optional fields of a request that a backend must honour when they are set."""

_UNSET: tuple[object, ...] = (None, ())
_NONE_SET = (None,) * (len(FEATURES) - 1) + ((),)
_values_of: Callable[[ChatRequest], tuple[Any, ...]] = attrgetter(*FEATURES)
_QUARTERS = 4
_DIGITS = b"0123456789"
_MORE_PER_DIGIT = 3
_TOKENS_PER_MESSAGE = 4
_TOKENS_PER_MEDIUM = 1_000
_MEDIA: dict[type, tuple[str, str]] = {
    ImagePart: ("vision", "an image"),
    DocumentPart: ("documents", "a document"),
    AudioPart: ("audio", "a recording"),
}


_NO_COUNTS: Mapping[str, int] = {}


@frozen(slots=False)
class Needs:
    """What a request needs by itself."""

    flags: Mapping[str, str] = field(factory=dict[str, str])
    """Gates (``tool_use``, ``vision``, ``structured_output``, ``documents``, ``audio``), and what sets each."""
    features: tuple[str, ...] = ()
    """Optional fields that are set."""
    input_tokens: int = 0
    """Tokens of the request itself, estimated."""
    answer_tokens: int = 0
    """Tokens of the answer, as the request limits it."""
    counted: Mapping[str, int] = field(default=_NO_COUNTS, metadata={"omit_empty": True})
    """Tokens of the request itself by each tokeniser that was asked, because the estimate left a doubt."""

    @classmethod
    def of(cls, request: ChatRequest | None) -> "Needs":
        """Derive what a request needs; nothing when there is none."""
        if request is None:
            return NOTHING
        return cls(_flags(request), _features(request), estimate_tokens(request), request.max_tokens or 0)

    @property
    def context_tokens(self) -> int:
        """Tokens of input and answer together."""
        return self.input_tokens + self.answer_tokens

    @property
    def least_context_tokens(self) -> int:
        """The same by whoever counts the fewest."""
        return min((self.input_tokens, *self.counted.values())) + self.answer_tokens

    def in_words(self) -> tuple[Derived, ...]:
        """Say all of it, and what in the request needs it."""
        if self is NOTHING:
            return ()
        answer = f", and up to {self.answer_tokens} of answer" if self.answer_tokens else ""
        counted = "".join(f", {tokens} by {name}" for name, tokens in self.counted.items())
        return (
            *(Derived(need, text) for need, text in self.flags.items()),
            *(Derived(name, f"the request sets {name}") for name in self.features),
            Derived("context", f"about {self.input_tokens} tokens of input, estimated{counted}{answer}"),
        )


NOTHING = Needs()
"""What is needed where there is no request."""


def _features(request: ChatRequest) -> tuple[str, ...]:
    values = _values_of(request)
    if values == _NONE_SET:  # as most requests are
        return ()
    return tuple([name for name, value in zip(FEATURES, values, strict=True) if value not in _UNSET])


def _flags(request: ChatRequest) -> dict[str, str]:
    found: dict[str, str] = {}
    if request.tools:
        count = len(request.tools)
        found["tool_use"] = f"the request offers {count} tool{'' if count == 1 else 's'}"
    for number, message in enumerate(request.messages):
        if message.parts or message.tool_calls or message.role is ChatRole.TOOL:
            _look_at(message, number, found)
    if request.response_schema is not None:
        found["structured_output"] = "the request has a response schema"
    return found


def _look_at(message: ChatMessage, number: int, found: dict[str, str]) -> None:
    if message.tool_calls or message.role is ChatRole.TOOL:
        found.setdefault("tool_use", f"message {number} calls a tool or answers a call")
    for part in message.parts:
        if type(part) in _MEDIA:
            need, noun = _MEDIA[type(part)]
            found.setdefault(need, f"message {number} holds {noun}")


def estimate_tokens(request: ChatRequest) -> int:
    """
    Estimate how many tokens a request is.

    Of all text, tools and schema: a quarter for each byte of ASCII, half for each other byte of UTF-8, one for each
    digit; 4 for each message, 1 000 for each image, document or recording.  That is from 0.7 to 1.45 times what a small
    vocabulary of 49 152 entries counts for prose in seven languages, code and numbers; larger ones count fewer tokens.

    Returns:
        Tokens, ≥ 0.

    """
    text, around = measure(request)
    return -(-_quarters(text) // _QUARTERS) + around


def measure(request: ChatRequest) -> tuple[str, int]:
    """Give all the text of a request, tools and schema among it, and the tokens that come on top."""
    texts = [request.system or ""]
    media = 0
    for message in request.messages:
        texts.append(message.content)
        texts += [call.name + call.arguments for call in message.tool_calls]
        for part in message.parts:
            if isinstance(part, ReasoningPart):
                texts.append(part.text)
            elif type(part) in _MEDIA:
                media += 1
    texts.append(_documents(request))
    return "".join(texts), _TOKENS_PER_MESSAGE * len(request.messages) + _TOKENS_PER_MEDIUM * media


def _quarters(text: str) -> int:
    """Give the quarters of tokens that a text takes."""
    encoded = text.encode("utf-8", "surrogatepass")
    size = len(encoded)
    quarters = size + _MORE_PER_DIGIT * (size - len(encoded.translate(None, _DIGITS)))
    return quarters if text.isascii() else quarters + size - len(text.encode("ascii", "ignore"))


def _documents(request: ChatRequest) -> str:
    """Give tools and schema, roughly as they go over the wire."""
    if not request.tools and request.response_schema is None:
        return ""
    import json

    documents: list[object] = [[tool.name, tool.description, tool.parameters] for tool in request.tools]
    if request.response_schema is not None:
        documents.append(request.response_schema)
    return json.dumps(documents, default=str, ensure_ascii=False)
