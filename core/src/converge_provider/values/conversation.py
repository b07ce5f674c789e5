"""A conversation as one value: it grows by what is said, and is saved and restored through the codec."""

from collections.abc import Sequence
from typing import Any

from attrs import evolve, field

from converge_provider.values.classes import frozen
from converge_provider.values.messages import ChatMessage, ChatRole, text_of
from converge_provider.values.parts import Part, TextPart
from converge_provider.values.replies import ChatResponse
from converge_provider.values.requests import ChatRequest

__all__ = ("Conversation",)


@frozen(kw_only=True)
class Conversation:
    """
    The system text and the messages so far; adding to it gives a new one.

    Example:
        >>> conversation = Conversation(system="Be brief.").user("What is the capital of France?")
        >>> conversation = conversation.answered(ChatResponse(content="Paris.")).user("And of Italy?")
        >>> [message.content for message in conversation.request().messages]
        ['What is the capital of France?', 'Paris.', 'And of Italy?']

    """

    messages: Sequence[ChatMessage] = field(default=(), converter=tuple[ChatMessage, ...])
    """What was said, oldest first."""
    system: str | None = None
    """The system text, before all messages."""

    def add(self, *messages: ChatMessage) -> "Conversation":
        """Say something more, in any role."""
        return evolve(self, messages=(*self.messages, *messages))

    def user(self, content: str = "", *, parts: Sequence[Part] = ()) -> "Conversation":
        """Say something as the user; with parts, the content is their text."""
        return self.add(ChatMessage(role=ChatRole.USER, content=content, parts=parts))

    def answered(self, response: ChatResponse) -> "Conversation":
        """Take the model's answer, with its calls of tools and the parts that must be sent back as they are."""
        parts = response.parts
        if parts and response.content and not text_of(parts):
            parts = (*parts, TextPart(text=response.content))
        content = "" if parts else response.content
        return self.add(
            ChatMessage(role=ChatRole.ASSISTANT, content=content, tool_calls=response.tool_calls, parts=parts)
        )

    def tool(self, tool_call_id: str, content: str, *, is_error: bool = False) -> "Conversation":
        """Give the result of a tool that the model called, or say why there is none."""
        return self.add(ChatMessage.tool(tool_call_id, content, is_error=is_error))

    def request(self, **fields: Any) -> ChatRequest:  # noqa: ANN401 - the fields of ChatRequest
        """
        Ask for the next message.

        Args:
            fields: Further fields of the request: ``tools``, ``max_tokens``, …

        """
        return ChatRequest(messages=self.messages, system=self.system, **fields)
