"""What an adapter states of its wire: pure functions, from requests to bytes and from JSON to events."""

from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:  # what is used is made elsewhere
    from collections.abc import Mapping, Sequence

    from converge_provider.http.messages import HttpRequest
    from converge_provider.http.rules import ErrorRule
    from converge_provider.values.events import StreamEvent
    from converge_provider.values.requests import ChatRequest

__all__ = ("Answer", "Wire")


class Answer(Protocol):
    """
    One answer that is being put together; made anew for every call.

    Whole answers and streamed ones go through the same object, so that both become the same response.
    """

    @property
    def is_complete(self) -> bool:
        """Whether the answer's own end was seen; a stream that ends before that broke off."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come, so that reading stops; false where only the end of the stream tells."""
        ...

    def whole(self, document: "Mapping[str, Any]", /) -> "Sequence[StreamEvent]":
        """
        Take an answer that came at once.

        Returns:
            The events that it would have had as a stream, with ``Finished`` at the end.

        Raises:
            LlmError: It is no answer, or says that there will be none.

        """
        ...

    def take(self, document: "Mapping[str, Any]", /, *, event: str | None) -> "Sequence[StreamEvent]":
        """
        Take one event of a stream.

        Args:
            document: What the event holds; never empty.
            event: What the server calls the event; ``message`` where it names none.

        Raises:
            LlmError: The event has no shape that is known, or says that the answer ends here.

        """
        ...

    def finish(self) -> "Sequence[StreamEvent]":
        """
        Close the answer, after its end was seen.

        Returns:
            What was held back, with ``Finished`` at the end.

        Raises:
            LlmError: There was no answer, or it ended with a failure.

        """
        ...

    def error(self, document: "Mapping[str, Any]", /, *, event: str | None) -> bool:
        """
        Say whether a document is an error in place of an answer; the table of errors then says which.

        Args:
            document: What came.
            event: As for :meth:`take`; ``None`` of an answer that came at once.

        """
        ...


class Wire(Protocol):
    """
    How one model of one service is spoken to: pure, without I/O, shared by concurrent calls.

    :class:`~converge_provider.http.HttpChatBackend` makes a backend of it.
    """

    @property
    def framing(self) -> Literal["sse", "ndjson"]:
        """How a streamed answer is cut into events: server-sent events, or a line of JSON each."""
        ...

    @property
    def rules(self) -> "Sequence[ErrorRule]":
        """The service's own rows of the table of errors; the first that holds decides, the common ones come after."""
        ...

    def request(self, request: "ChatRequest", *, stream: bool) -> "HttpRequest":
        """
        Make the whole HTTP request, as :func:`~converge_provider.http.json_post` does.

        Raises:
            InvalidRequest: The request sets something that this model of this service does not honour.

        """
        ...

    def health(self) -> "HttpRequest":
        """
        Make the request whose success says that the service is well; its timeouts are the shell's.

        A service without a place to ask is asked with ``HEAD``: then any answer short of a server's fault will do.
        """
        ...

    def answer(self) -> Answer:
        """Start an answer."""
        ...
