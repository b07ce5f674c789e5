"""One model, as the shell of every HTTP adapter wants it."""

from typing import TYPE_CHECKING, Literal

from attrs import frozen

from converge_ollama.errors import RULES
from converge_ollama.wire.answers import Assembler
from converge_ollama.wire.dialect import Dialect
from converge_ollama.wire.requests import to_wire
from converge_provider.http import HttpRequest, json_post

if TYPE_CHECKING:
    from collections.abc import Sequence

    from converge_provider import ChatRequest
    from converge_provider.http import ErrorRule

__all__ = ("Chat",)

_LINES = "application/x-ndjson"


@frozen(kw_only=True)
class Chat:
    """How a model is asked and its answers are read; :class:`~converge_provider.http.Wire` says what it owes."""

    dialect: Dialect
    template: HttpRequest
    """The address, the headers and the timeouts of every request."""
    rules: "Sequence[ErrorRule]" = RULES
    framing: Literal["ndjson"] = "ndjson"

    def request(self, request: "ChatRequest", *, stream: bool) -> HttpRequest:
        """Make the whole HTTP request."""
        document = to_wire(request, self.dialect, stream=stream)
        return json_post(self.template, document, url=f"{self.template.url}/api/chat", stream=stream, accept=_LINES)

    def health(self) -> HttpRequest:
        """Make the request whose success says that the server is well and has the model; it loads nothing."""
        document = {"model": self.dialect.model}
        return json_post(self.template, document, url=f"{self.template.url}/api/show", stream=False)

    def answer(self) -> Assembler:
        """Start an answer."""
        return Assembler()
