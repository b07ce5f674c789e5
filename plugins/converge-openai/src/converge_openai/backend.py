"""One model of one service, as the shell of every HTTP adapter wants it."""

from typing import TYPE_CHECKING, Literal
from urllib.parse import urljoin

from attrs import evolve, frozen

from converge_openai.wire.answers import Assembler
from converge_openai.wire.dialect import Dialect
from converge_openai.wire.requests import to_wire
from converge_provider.http import HttpRequest, json_post

if TYPE_CHECKING:
    from collections.abc import Sequence

    from converge_provider import ChatRequest
    from converge_provider.http import ErrorRule

__all__ = ("ChatCompletions",)


@frozen(kw_only=True)
class ChatCompletions:
    """How a model is asked and its answers are read; :class:`~converge_provider.http.Wire` says what it owes."""

    dialect: Dialect
    template: HttpRequest
    """The base URL, the headers and the timeouts of every request."""
    chat_url: str
    """Where chats are posted."""
    health_path: str = "models"
    """What is asked to see whether the service is well, below the base URL; empty: whether anybody answers there."""
    rules: "Sequence[ErrorRule]" = ()
    framing: Literal["sse"] = "sse"

    def request(self, request: "ChatRequest", *, stream: bool) -> HttpRequest:
        """Make the whole HTTP request."""
        document = to_wire(request, self.dialect, stream=stream)
        return json_post(self.template, document, url=self.chat_url, stream=stream)

    def health(self) -> HttpRequest:
        """Make the request whose success says that the service is well."""
        method = "GET" if self.health_path else "HEAD"
        return evolve(self.template, method=method, url=urljoin(f"{self.template.url}/", self.health_path))

    def answer(self) -> Assembler:
        """Start an answer."""
        return Assembler(think_tags=self.dialect.think_tags, secrets=self.template.secrets)
