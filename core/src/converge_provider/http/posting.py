"""The one way in which adapters put a document into a request."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from attrs import evolve

from converge_provider.errors import InvalidRequest
from converge_provider.http.messages import HttpRequest, Timeouts

__all__ = ("json_bytes", "json_post")

_STREAMED = "text/event-stream"
_WHOLE = "application/json"


def json_post(
    template: HttpRequest, document: Mapping[str, Any], *, url: str, stream: bool, accept: str = _STREAMED
) -> HttpRequest:
    """
    Post a document as JSON.

    The first byte of an answer that is not streamed comes when all of it is there, so only the limit for everything
    holds for it.

    Args:
        template: The headers and the timeouts of every request to the service.
        document: The body.
        url: Where to.
        stream: Whether the answer shall come in pieces.
        accept: The media type of a streamed answer.

    Raises:
        InvalidRequest: The document holds what JSON has no form for.

    """
    own = {"accept": accept if stream else _WHOLE, "content-type": _WHOLE}
    return HttpRequest(
        method="POST",
        url=url,
        headers={**template.headers, **own},
        body=json_bytes(document),
        timeouts=template.timeouts if stream else _for_all_at_once(template.timeouts),
    )


@lru_cache(16)
def _for_all_at_once(timeouts: Timeouts) -> Timeouts:
    return evolve(timeouts, first_byte_s=None)


def json_bytes(document: Mapping[str, Any]) -> bytes:
    r"""
    Write a document as UTF-8.

    Example:
        >>> json_bytes({"a": "é"}) == '{"a":"é"}'.encode()
        True

    Raises:
        InvalidRequest: It holds what JSON has no form for: half a surrogate pair, a number that is not finite.

    """
    try:
        return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as exc:
        reason = "a text holds half a surrogate pair" if isinstance(exc, UnicodeEncodeError) else str(exc)
        message = f"the request cannot be written as JSON: {reason}"
        raise InvalidRequest(message) from exc
