"""What a conversation is made of: messages, tools and calls of tools."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from attrs import field

from converge_provider.values.classes import frozen
from converge_provider.values.parts import Part, TextPart
from converge_provider.values.vocabulary import Word

__all__ = (
    "MAX_JSON_DEPTH",
    "ChatMessage",
    "ChatRole",
    "JsonObject",
    "JsonValue",
    "ToolCall",
    "ToolDefinition",
    "own_json",
    "text_of",
)

JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
"""Anything a JSON document may hold."""

JsonObject: TypeAlias = Mapping[str, JsonValue]
"""A JSON object."""

MAX_JSON_DEPTH = 100
"""How deeply any JSON that a value holds may be nested."""


def own_json(value: JsonObject) -> JsonObject:
    """
    Copy a JSON object to the ground, so that nobody who holds the original changes a value through it.

    Tuples become lists, as a document has them; what is no JSON is left for the codec to refuse.

    Raises:
        ValueError: It is nested more than 100 levels deep, or contains itself.

    """
    return {key: _own(member, MAX_JSON_DEPTH - 1) for key, member in value.items()}


def _own(value: JsonValue, depth: int) -> JsonValue:
    if isinstance(value, str | bytes) or not isinstance(value, Mapping | Sequence):
        return value
    if depth == 0:
        message = f"JSON is nested more than {MAX_JSON_DEPTH} levels deep"
        raise ValueError(message)
    if isinstance(value, Mapping):
        return {key: _own(member, depth - 1) for key, member in value.items()}
    return [_own(member, depth - 1) for member in value]


class ChatRole(Word):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@frozen(kw_only=True)
class ToolDefinition:
    """A tool that the model may call."""

    name: str
    description: str
    parameters: JsonObject = field(converter=own_json, hash=False)
    """The JSON Schema of the arguments."""


@frozen(kw_only=True)
class ToolCall:
    """The model's wish to call a tool."""

    id: str
    """The vendor's name for this call; the result is sent back under it."""
    name: str
    arguments: str
    """The arguments as JSON text, as the model wrote it; it may be malformed."""


def text_of(parts: Sequence[Part]) -> str:
    """Concatenate the text among some parts, without separators."""
    return "".join(part.text for part in parts if isinstance(part, TextPart))


@frozen(kw_only=True)
class ChatMessage:
    """
    One message of a conversation.

    With :attr:`parts`, the content is their concatenated text: leave it out, or give exactly that.

    Example:
        >>> ChatMessage.user("hello").role
        <ChatRole.USER: 'user'>

    """

    role: ChatRole
    content: str = ""
    tool_calls: Sequence[ToolCall] = field(default=(), converter=tuple[ToolCall, ...], metadata={"omit_empty": True})
    """The calls an assistant message makes."""
    tool_call_id: str | None = field(default=None, metadata={"omit_empty": True})
    """The call that a tool message answers."""
    parts: Sequence[Part] = field(default=(), converter=tuple[Part, ...], metadata={"omit_empty": True})
    """Text, images, documents, audio and reasoning, in order."""
    is_error: bool = field(default=False, metadata={"omit_empty": True})
    """Whether a tool message gives an error; its text says so, too, since not every wire has a place for it."""

    def __attrs_post_init__(self) -> None:
        if self.is_error and self.role is not ChatRole.TOOL:
            message = f"is_error is said of the result of a tool, not of a message of the {self.role}"
            raise ValueError(message)
        if not self.parts:
            return
        text = text_of(self.parts)
        if self.content not in ("", text):
            message = "content must be the concatenated text of the parts"
            raise ValueError(message)
        object.__setattr__(self, "content", text)

    @classmethod
    def system(cls, content: str) -> "ChatMessage":
        """Say something as the system."""
        return cls(role=ChatRole.SYSTEM, content=content)

    @classmethod
    def user(cls, content: str) -> "ChatMessage":
        """Say something as the user."""
        return cls(role=ChatRole.USER, content=content)

    @classmethod
    def assistant(cls, content: str, *, tool_calls: Sequence[ToolCall] = ()) -> "ChatMessage":
        """Say something as the model."""
        return cls(role=ChatRole.ASSISTANT, content=content, tool_calls=tool_calls)

    @classmethod
    def tool(cls, tool_call_id: str, content: str, *, is_error: bool = False) -> "ChatMessage":
        """Give the result of a tool, or say why it has none."""
        return cls(role=ChatRole.TOOL, content=content, tool_call_id=tool_call_id, is_error=is_error)
