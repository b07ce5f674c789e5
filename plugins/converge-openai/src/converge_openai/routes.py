"""Where requests are relayed to as they are."""

from typing import TYPE_CHECKING

from attrs import evolve

from converge_openai.wire.usage import usage_from_wire
from converge_provider import WireFormat
from converge_provider.http import NativeRoute

if TYPE_CHECKING:
    from collections.abc import Sequence

    from converge_openai.services import Service
    from converge_provider.http import HttpRequest

__all__ = ("routes_of",)

_MESSAGES_VERSION = {"anthropic-version": "2023-06-01"}


def routes_of(service: "Service", template: "HttpRequest", chat_url: str) -> "Sequence[NativeRoute]":
    """
    Give the routes of a service: Chat Completions, and Messages where it takes them.

    Args:
        service: The service.
        template: The base URL, the headers and the timeouts of every request.
        chat_url: Where chats are posted.

    """
    chats = NativeRoute(format=WireFormat.OPENAI, template=template, url=chat_url, usage=usage_from_wire)
    if not service.messages_path:
        return (chats,)
    return chats, NativeRoute(
        format=WireFormat.ANTHROPIC,
        template=evolve(template, headers={**template.headers, **_MESSAGES_VERSION}),
        url=f"{template.url}/{service.messages_path}",
    )
