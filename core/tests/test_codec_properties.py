"""The laws of the codec, tried on whatever hypothesis can think of."""

import functools
import json
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, get_args, get_origin

import attrs
import pytest
from hypothesis import given, settings, strategies as st

from converge_provider import (
    AgentRequirements,
    AudioPart,
    AuthDenied,
    BackendDescriptor,
    BackendError,
    BackendErrorKind,
    BackendRequirements,
    BackendSwitched,
    CacheHint,
    Capability,
    CapabilityAssignment,
    ChatBackendCapabilities,
    ChatBackendDescriptor,
    ChatBackendSelectionConfig,
    ChatMessage,
    ChatRequest,
    ChatResponse,
    ChatRole,
    Citation,
    Claims,
    ContentFiltered,
    ContextLengthExceeded,
    ContextWindowTokens,
    Conversation,
    Cost,
    DocumentPart,
    Finished,
    ImagePart,
    InvalidRequest,
    JsonObject,
    LatencyMillis,
    LlmError,
    ModelName,
    ModelNotFound,
    NetworkError,
    Part,
    PolicyChoice,
    Prices,
    ProviderAssignment,
    ProviderError,
    ProviderName,
    ProviderRequest,
    QualityScore,
    RateLimited,
    ReasoningBlock,
    ReasoningDelta,
    ReasoningPart,
    RequiredCapabilities,
    ResponseFormat,
    ResponseFormatMismatch,
    SelectionCriteria,
    StreamEvent,
    TextDelta,
    TextPart,
    Timeout,
    TokenUsage,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallMalformed,
    ToolCallStarted,
    ToolChoice,
    ToolDefinition,
    UsageDetail,
    UsageReported,
    codec,
)
from converge_provider.codec import DocumentError, Problem
from converge_provider.values.identity import OpenName
from converge_provider.values.messages import text_of
from converge_provider.values.scalars import IntRange

load: Any = codec.load
"""The same function, for annotations that a type checker would not let pass."""
SAME_EVERY_TIME = settings(derandomize=True, deadline=None, max_examples=40)
OFTEN = settings(derandomize=True, deadline=None, max_examples=400)

CLASSES: tuple[Any, ...] = (
    AgentRequirements,
    AudioPart,
    BackendDescriptor,
    BackendRequirements,
    BackendSwitched,
    CacheHint,
    CapabilityAssignment,
    ChatBackendCapabilities,
    ChatBackendDescriptor,
    ChatBackendSelectionConfig,
    ChatMessage,
    ChatRequest,
    ChatResponse,
    Citation,
    Claims,
    Conversation,
    Cost,
    DocumentPart,
    Finished,
    ImagePart,
    PolicyChoice,
    Prices,
    ProviderAssignment,
    ProviderRequest,
    ReasoningBlock,
    ReasoningDelta,
    ReasoningPart,
    RequiredCapabilities,
    SelectionCriteria,
    TextDelta,
    TextPart,
    TokenUsage,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallMalformed,
    ToolCallStarted,
    ToolDefinition,
    UsageDetail,
    UsageReported,
)
EACH_CLASS = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers() | NUMBERS | st.text(max_size=20)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
NAMES = st.text(min_size=1, max_size=10).filter(lambda text: text.strip() == text != "")
SECONDS = st.floats(0, 1e9)
TEXTS = st.text(max_size=20)


def _known_or_other(cls: type[Capability]) -> st.SearchStrategy[OpenName]:
    return st.sampled_from(cls.all_known()) | st.builds(cls.other, TEXTS)


def _message() -> st.SearchStrategy[ChatMessage]:
    """Give messages with and without parts: with parts the content is their text; results of tools may be errors."""
    kinds = _kinds(ChatMessage)
    fields = {name: _strategy(kinds[name]) for name in kinds.keys() - {"parts", "is_error"}}
    results = {**fields, "role": st.just(ChatRole.TOOL), "is_error": st.booleans()}
    plain = st.builds(ChatMessage, **fields) | st.builds(ChatMessage, **results)
    parts: st.SearchStrategy[Sequence[Part]] = st.lists(_strategy(Part), min_size=1, max_size=3)
    return plain | st.builds(_with_parts, plain, parts)


def _with_parts(message: ChatMessage, parts: Sequence[Part]) -> ChatMessage:
    return attrs.evolve(message, content=text_of(parts), parts=parts)


def _media(cls: Any) -> st.SearchStrategy[Any]:
    """Give media with data or with a URL, never both."""
    name = {"name": st.none() | TEXTS} if cls is DocumentPart else {}
    data = st.builds(cls, media_type=TEXTS, data=st.binary(max_size=20), **name)
    return data | st.builds(cls, media_type=TEXTS, url=TEXTS, **name)


SPECIAL: dict[Any, Callable[[], st.SearchStrategy[Any]]] = {
    bool: st.booleans,
    int: st.integers,
    float: lambda: NUMBERS,
    str: lambda: TEXTS,
    bytes: lambda: st.binary(max_size=20),
    date: st.dates,
    Decimal: lambda: st.decimals(-(10**9), 10**9, allow_nan=False, places=6),
    type(None): st.none,
    JsonObject: lambda: st.dictionaries(TEXTS, JSON, max_size=3),
    ProviderName: lambda: st.builds(ProviderName, NAMES),
    ModelName: lambda: st.builds(ModelName, NAMES),
    LatencyMillis: lambda: st.builds(LatencyMillis, st.integers(1, 2**32 - 1)),
    ContextWindowTokens: lambda: st.builds(ContextWindowTokens, st.integers(1, 2**64 - 1)),
    QualityScore: lambda: st.builds(QualityScore, st.floats(0, 1)),
    ToolChoice: lambda: (
        st.sampled_from([ToolChoice.AUTO, ToolChoice.NONE, ToolChoice.REQUIRED]) | st.builds(ToolChoice.named, TEXTS)
    ),
    ChatMessage: _message,
    ImagePart: lambda: _media(ImagePart),
    DocumentPart: lambda: _media(DocumentPart),
    AudioPart: lambda: _media(AudioPart),
}


def _kinds(cls: Any) -> dict[str, Any]:
    return {field.name: field.type for field in attrs.fields(cls)}


@functools.cache
def _strategy(kind: Any) -> st.SearchStrategy[Any]:
    """Give values of an annotation, as the codec's own plan reads it."""
    if kind in SPECIAL:
        return SPECIAL[kind]()
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        limits = next(note for note in args[1:] if isinstance(note, IntRange))
        return st.integers(limits.low, limits.high)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([_strategy(arg) for arg in args])
    if origin is Mapping:
        return st.dictionaries(_strategy(args[0]), _strategy(args[1]), max_size=2)
    if origin is frozenset:
        return st.frozensets(_strategy(args[0]), max_size=3)
    if origin in (Sequence, tuple):
        return st.lists(_strategy(args[0]), max_size=2)
    if issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    if issubclass(kind, OpenName):
        return _known_or_other(typing.cast("type[Capability]", kind))
    return st.builds(kind, **{name: _strategy(inner) for name, inner in _kinds(kind).items()})


ERRORS: st.SearchStrategy[LlmError] = st.one_of(
    st.builds(RateLimited, SECONDS, st.none() | TEXTS),
    st.builds(Timeout, SECONDS, SECONDS),
    *(st.builds(cls, TEXTS) for cls in (AuthDenied, InvalidRequest, ModelNotFound, ContentFiltered, NetworkError)),
    st.builds(ContextLengthExceeded, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    st.builds(ResponseFormatMismatch, st.sampled_from(ResponseFormat), TEXTS),
    st.builds(ProviderError, TEXTS, st.none() | TEXTS),
)
BACKEND_ERRORS = st.builds(BackendError, st.sampled_from(BackendErrorKind), TEXTS, retryable=st.none() | st.booleans())


def through_json(document: object) -> Any:
    """Write a document and read it again."""
    return json.loads(json.dumps(document, allow_nan=False))


def loaded_or_refused(cls: Any, document: object, unknown: str = "refuse") -> tuple[Any, Sequence[Problem]]:
    """Give the value of a document, or the problems, at least one, with which it is refused."""
    try:
        return load(cls, document, unknown=unknown), ()
    except DocumentError as exc:
        return None, exc.problems or pytest.fail("refused without a problem")


@EACH_CLASS
@SAME_EVERY_TIME
@given(data=st.data())
def test_loading_what_was_dumped_gives_the_value(cls: Any, data: st.DataObject) -> None:
    """For every value: load(dump(value)) is the value, also after a way through JSON text."""
    value = data.draw(_strategy(cls))
    back = load(cls, through_json(codec.dump(value)))

    assert back == value
    assert type(back) is type(value)
    assert hash(back) == hash(value)


@EACH_CLASS
@SAME_EVERY_TIME
@given(data=st.data())
def test_dumping_what_was_loaded_gives_the_document(cls: Any, data: st.DataObject) -> None:
    """For every document: dump(load(document)) is the document; a second round changes nothing."""
    document = through_json(codec.dump(data.draw(_strategy(cls))))

    assert through_json(codec.dump(load(cls, document))) == document


@OFTEN
@given(error=ERRORS | BACKEND_ERRORS)
def test_errors_pass_through_documents(error: LlmError | BackendError) -> None:
    """Every error of both families equals itself after a way through JSON, and says the same text."""
    family: Any = LlmError if isinstance(error, LlmError) else BackendError
    back = load(family, through_json(codec.dump(error)))

    assert back == error
    assert (str(back), back.retryable) == (str(error), error.retryable)


@OFTEN
@given(event=_strategy(StreamEvent))
def test_events_tell_themselves_apart(event: object) -> None:
    """Every event of a stream is loaded back as its own class from the union of all."""
    assert load(StreamEvent, through_json(codec.dump(event))) == event


@EACH_CLASS
@SAME_EVERY_TIME
@given(garbage=JSON, unknown=st.sampled_from(["refuse", "ignore"]))
def test_garbage_is_refused_with_problems_and_nothing_else(cls: Any, garbage: object, unknown: str) -> None:
    """Any JSON is either a document of the class or refused with at least one problem."""
    value, problems = loaded_or_refused(cls, garbage, unknown)

    assert all(path.startswith("$") and text for path, text in problems)
    assert problems or load(cls, codec.dump(value)) == value


def _spoil(document: Any, garbage: object, data: st.DataObject) -> Any:
    """Replace one member of a document, however deep, or add or remove a key."""
    if isinstance(document, dict) and document:
        members: dict[str, Any] = typing.cast("dict[str, Any]", document)
        key = data.draw(st.sampled_from(sorted(members)))
        match data.draw(st.sampled_from(["deeper", "replace", "remove", "add"])):
            case "deeper":
                return {**members, key: _spoil(members[key], garbage, data)}
            case "replace":
                return {**members, key: garbage}
            case "remove":
                return {name: value for name, value in members.items() if name != key}
            case _:
                return {**members, data.draw(TEXTS): garbage}
    if isinstance(document, list) and document:
        items: list[Any] = [*document]
        i = data.draw(st.integers(0, len(items) - 1))
        return [*items[:i], _spoil(items[i], garbage, data), *items[i + 1 :]]
    return garbage


@EACH_CLASS
@SAME_EVERY_TIME
@given(data=st.data(), garbage=JSON | st.sampled_from([float("nan"), b"x", object(), 10**400, {1: 2}]))
def test_spoilt_document_is_refused_or_means_what_it_says(cls: Any, data: st.DataObject, garbage: object) -> None:
    """A document with one member replaced, added or removed never breaks the codec, and never changes on the way."""
    document = _spoil(codec.dump(data.draw(_strategy(cls))), garbage, data)
    value, problems = loaded_or_refused(cls, document)

    assert problems or load(cls, through_json(codec.dump(value))) == value


@EACH_CLASS
@SAME_EVERY_TIME
@given(data=st.data())
def test_a_newer_peers_keys_can_be_ignored(cls: Any, data: st.DataObject) -> None:
    """Adding keys to every object that is one of ours changes nothing when unknown keys are ignored."""
    value = data.draw(_strategy(cls))
    document = codec.dump(value)
    newer = {**document, "newer than this": {"a": [1]}}

    assert load(cls, newer, unknown="ignore") == value
    with pytest.raises(DocumentError) as refused:
        load(cls, newer)
    assert [path for path, _ in refused.value.problems] == ["$.newer than this"]
