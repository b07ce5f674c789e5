"""One model, as the shell of every HTTP adapter wants it."""

from typing import TYPE_CHECKING, Literal

from attrs import evolve, frozen

from converge_anthropic.errors import RULES
from converge_anthropic.wire.answers import Assembler
from converge_anthropic.wire.dialect import Dialect
from converge_anthropic.wire.requests import to_wire
from converge_anthropic.wire.usage import usage_from_wire
from converge_provider import WireFormat
from converge_provider.http import HttpRequest, NativeRoute, json_post

if TYPE_CHECKING:
    from collections.abc import Sequence

    from converge_provider import ChatRequest
    from converge_provider.http import ErrorRule

__all__ = ("Messages", "route_of")


@frozen(kw_only=True)
class Messages:
    """How a model is asked and its answers are read; :class:`~converge_provider.http.Wire` says what it owes."""

    dialect: Dialect
    template: HttpRequest
    """The address, the headers and the timeouts of every request."""
    rules: "Sequence[ErrorRule]" = RULES
    framing: Literal["sse"] = "sse"

    def request(self, request: "ChatRequest", *, stream: bool) -> HttpRequest:
        """Make the whole HTTP request."""
        document = to_wire(request, self.dialect, stream=stream)
        return json_post(self.template, document, url=_url(self.template), stream=stream)

    def health(self) -> HttpRequest:
        """Make the request whose success says that the service is well: the shortest list of models."""
        return evolve(self.template, method="GET", url=f"{self.template.url}/models?limit=1")

    def answer(self) -> Assembler:
        """Start an answer."""
        return Assembler(secrets=self.template.secrets)


def route_of(template: HttpRequest) -> NativeRoute:
    """Say where requests are relayed to as they are."""
    return NativeRoute(format=WireFormat.ANTHROPIC, template=template, url=_url(template), usage=usage_from_wire)


def _url(template: HttpRequest) -> str:
    return f"{template.url}/messages"
