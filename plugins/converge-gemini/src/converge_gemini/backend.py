"""One model, as the shell of every HTTP adapter wants it."""

from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from attrs import evolve, frozen

from converge_gemini.errors import RULES
from converge_gemini.wire.answers import Assembler
from converge_gemini.wire.dialect import Dialect
from converge_gemini.wire.requests import to_wire
from converge_provider.http import HttpRequest, json_post

if TYPE_CHECKING:
    from collections.abc import Sequence

    from converge_provider import ChatRequest
    from converge_provider.http import ErrorRule

__all__ = ("GenerateContent",)


@frozen(kw_only=True)
class GenerateContent:
    """How a model is asked and its answers are read; :class:`~converge_provider.http.Wire` says what it owes."""

    dialect: Dialect
    template: HttpRequest
    """The address, the headers and the timeouts of every request."""
    rules: "Sequence[ErrorRule]" = RULES
    framing: Literal["sse"] = "sse"

    def request(self, request: "ChatRequest", *, stream: bool) -> HttpRequest:
        """Make the whole HTTP request."""
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return json_post(self.template, to_wire(request, self.dialect), url=f"{self._url}:{method}", stream=stream)

    def health(self) -> HttpRequest:
        """Make the request whose success says that the service is well, the key good and the model there."""
        return evolve(self.template, method="GET", url=self._url)

    def answer(self) -> Assembler:
        """Start an answer."""
        return Assembler(self.template.secrets)

    @property
    def _url(self) -> str:
        model = self.dialect.model
        return f"{self.template.url}/{quote(model if '/' in model else f'models/{model}')}"
