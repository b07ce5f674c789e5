"""What is asked of a chat backend."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

from attrs import field
from attrs.converters import optional

from converge_provider.values.classes import frozen
from converge_provider.values.freezing import frozen_texts, own_texts
from converge_provider.values.messages import ChatMessage, JsonObject, JsonValue, ToolDefinition, own_json
from converge_provider.values.scalars import I64, U32, IntRange
from converge_provider.values.vocabulary import Word

__all__ = ("CacheHint", "CacheLifetime", "ChatRequest", "ReasoningEffort", "ResponseFormat", "ToolChoice")


class ResponseFormat(Word):
    """The format of the answer's text."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"
    YAML = "yaml"
    TOML = "toml"

    @classmethod
    def default_structured(cls) -> "ResponseFormat":
        """Give the structured format to use where the host has no wish: models keep to yaml best."""
        return cls.YAML

    def fallback(self) -> "ResponseFormat | None":
        """Give the format to try when this one was not kept, or ``None``."""
        return ResponseFormat.JSON if self in _FALL_BACK else None

    def system_instruction(self) -> str | None:
        """Give the sentence that demands this format of a model, or ``None`` for text."""
        return _INSTRUCTIONS.get(self)


_FALL_BACK = frozenset({ResponseFormat.MARKDOWN, ResponseFormat.YAML, ResponseFormat.TOML})
_INSTRUCTIONS = {
    ResponseFormat.MARKDOWN: "Answer in Markdown only, and do not put the whole answer inside a code fence.",
    ResponseFormat.JSON: "Answer with one valid JSON document and nothing else: no prose around it, no code fence.",
    ResponseFormat.YAML: (
        "Answer with one valid YAML document and nothing else: no prose around it, no code fence, "
        "no anchors, no aliases and no custom tags."
    ),
    ResponseFormat.TOML: (
        "Answer with one valid TOML document and nothing else: no prose around it, no code fence, "
        "and no inline tables for complex data."
    ),
}


@frozen
class ToolChoice:
    """
    Whether, and which, tool the model should call.

    Example:
        >>> ToolChoice.named("weather").name, ToolChoice.REQUIRED.mode
        ('weather', 'required')

    """

    AUTO: ClassVar["ToolChoice"]
    """As the model sees fit."""
    NONE: ClassVar["ToolChoice"]
    """No tool."""
    REQUIRED: ClassVar["ToolChoice"]
    """Some tool."""

    mode: str
    """``auto``, ``none``, ``required`` or ``named``."""
    name: str | None = None
    """The tool, when the mode is ``named``."""

    @classmethod
    def named(cls, name: str) -> "ToolChoice":
        """Demand this tool."""
        return cls("named", name)


ToolChoice.AUTO = ToolChoice("auto")
ToolChoice.NONE = ToolChoice("none")
ToolChoice.REQUIRED = ToolChoice("required")


class ReasoningEffort(Word):
    """How hard the model should think."""

    NONE = "none"
    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class CacheLifetime(Word):
    """How long a vendor should keep a prefix."""

    FIVE_MINUTES = "5m"
    ONE_HOUR = "1h"


@frozen(kw_only=True)
class CacheHint:
    """A place up to which the vendor should cache the prompt."""

    after_message: Annotated[int, IntRange(-1, 2**32 - 1)] = -1
    """The index of the last message of the prefix; -1: the system text and the tools alone."""
    lifetime: CacheLifetime = CacheLifetime.FIVE_MINUTES


@frozen(kw_only=True)
class ChatRequest:
    """
    One question to a chat backend.

    The fields from :attr:`tool_choice` on extend the contract; a backend that cannot honour one that is set refuses
    before it does any I/O, and selection does not choose it.

    Mappings are copied when the request is made, and count for equality but not for the hash.

    Example:
        >>> ChatRequest.of("Why is the sky blue?").messages[0].content
        'Why is the sky blue?'

    """

    messages: Sequence[ChatMessage] = field(converter=tuple[ChatMessage, ...])
    """The conversation so far, oldest first."""
    system: str | None = None
    """The system text, before all messages."""
    tools: Sequence[ToolDefinition] = field(default=(), converter=tuple[ToolDefinition, ...])
    response_format: ResponseFormat = ResponseFormat.TEXT
    max_tokens: U32 | None = None
    """The longest answer, in tokens; ``None``: as the backend pleases."""
    temperature: float | None = None
    """0 (the likeliest answer) to 2 (anything); ``None``: as the backend pleases."""
    stop_sequences: Sequence[str] = field(default=(), converter=frozen_texts)
    """Texts that end the answer and are not part of it."""
    model: str | None = None
    """Restricts the candidates to this model or backend id."""

    tool_choice: ToolChoice | None = field(default=None, metadata={"omit_empty": True})
    parallel_tool_calls: bool | None = field(default=None, metadata={"omit_empty": True})
    """Whether several tools may be called at once."""
    response_schema: JsonObject | None = field(
        default=None, converter=optional(own_json), hash=False, metadata={"omit_empty": True}
    )
    """The JSON Schema that the answer must satisfy."""
    seed: I64 | None = field(default=None, metadata={"omit_empty": True})
    """The seed of the sampling, for an answer that can be had again."""
    top_p: float | None = field(default=None, metadata={"omit_empty": True})
    """Sample from the likeliest tokens that make up this share, above 0 up to 1."""
    reasoning_effort: ReasoningEffort | None = field(default=None, metadata={"omit_empty": True})
    cache_hints: Sequence[CacheHint] = field(default=(), converter=tuple[CacheHint, ...], metadata={"omit_empty": True})
    metadata: Mapping[str, str] = field(
        factory=dict[str, str], converter=own_texts, hash=False, metadata={"omit_empty": True}
    )
    """The host's own labels; they stay in the record and are not sent."""
    extra: JsonObject = field(
        factory=dict[str, JsonValue], converter=own_json, hash=False, metadata={"omit_empty": True}
    )
    """Fields of the vendor's own, put into the wire's body as they are."""

    @classmethod
    def of(cls, text: str, *, system: str | None = None) -> "ChatRequest":
        """Ask one thing as the user."""
        return cls(messages=(ChatMessage.user(text),), system=system)
