"""What was asked and answered, for journals that want it: cut to size, and never taken otherwise."""

from typing import TYPE_CHECKING

from converge_provider.values.classes import frozen

if TYPE_CHECKING:
    from converge_provider.values.replies import ChatResponse
    from converge_provider.values.requests import ChatRequest

__all__ = ("CONTENT_BYTES", "Content", "content_of")

CONTENT_BYTES = 16 * 2**10
"""How much of a prompt and of an answer is kept when a configuration asks for content."""


@frozen(kw_only=True)
class Content:
    """What was said, as far as it fits."""

    prompt: str
    """The end of the conversation, a line with the role before each message; attachments are left out."""
    answer: str | None
    """The beginning of the answer's text, or ``None``: there was no answer."""


def content_of(request: "ChatRequest", response: "ChatResponse | None", most: int) -> Content:
    """Take what was said: the last bytes of what was asked, the first of what was answered."""
    turns = [] if request.system is None else [f"system: {request.system}"]
    turns += [f"{message.role}: {message.content}" for message in request.messages]
    asked = "\n".join(turns).encode("utf-8", "replace")
    answered = None if response is None else response.content.encode("utf-8", "replace")[:most]
    return Content(
        prompt=asked[-most:].decode("utf-8", "ignore"),
        answer=None if answered is None else answered.decode("utf-8", "ignore"),
    )
