"""What an adapter's author writes for the kit: the vendor's side of the wire, as pure functions."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from converge_provider.http.messages import HttpResponse
from converge_provider.http.shapes import as_object
from converge_provider.testing.canned import CannedRequest
from converge_provider.testing.conformance.answers import CannedAnswer, CannedFailure

__all__ = ("NotOnThisWireError", "WireDouble")


class NotOnThisWireError(Exception):
    """The wire has no way to say this; the text says why, and stands in the report."""


class WireDouble(ABC):
    """
    Say canned answers and failures in a vendor's wire, as the bytes that its server sends.

    The kit serves them on a real socket, cuts them, breaks them off and delays them; a double does no I/O.  Whatever
    the wire cannot say raises :class:`NotOnThisWireError` with the reason.
    """

    wire: ClassVar[str]
    """The wire's name, whose floor holds: a table of ``floors.toml``."""
    stream_type: ClassVar[str] = "text/event-stream"
    """The content type of a streamed answer."""
    call_ids: ClassVar[bool] = True
    """Whether the wire gives each call of a tool an id, under which the result is sent back."""

    @abstractmethod
    def whole(self, answer: CannedAnswer) -> bytes:
        """Give the body of an answer that comes at once; its status is 200, its type JSON."""

    @abstractmethod
    def events(self, answer: CannedAnswer) -> Sequence[bytes]:
        """
        Give the same answer as a stream.

        Returns:
            Framed events in order, what terminates the stream last; each piece of the answer is an event of its own.

        """

    @abstractmethod
    def failure(self, failure: CannedFailure) -> HttpResponse:
        """Give status, headers and body of a failure."""

    def failure_event(self, failure: CannedFailure) -> bytes:
        """Give the framed event that stands in a stream, in place of the next one, when the service fails under way."""
        message = f"its streams tell of no failure, such as {failure.kind}"
        raise NotOnThisWireError(message)

    def aside(self, request: CannedRequest, models: Sequence[str]) -> HttpResponse:
        """
        Answer what is no chat: the list of models, a look at the service's health.

        Args:
            request: What was asked.
            models: The models that the service has.

        """
        message = f"it answers nothing but chats, and was asked {request.method} {request.path} about {list(models)}"
        raise NotOnThisWireError(message)

    def is_chat(self, request: CannedRequest) -> bool:
        """Say whether a request asks for an answer of the model; every POST does unless this says otherwise."""
        return request.method == "POST"

    def wants_stream(self, request: CannedRequest) -> bool:
        """Say whether the answer shall come in pieces; the body's ``stream`` says so unless this says otherwise."""
        return as_object(request.document).get("stream") is True
