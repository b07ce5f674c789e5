"""
The seam between adapters and HTTP: requests and responses, streams of events, and what a failure means.

An adapter states its :class:`Wire`, pure functions and a table, and :class:`HttpChatBackend` makes a backend of it.
Below that no HTTP library is to be seen either: one opens a :class:`Transport`, sends :class:`HttpRequest` values,
reads a body through :func:`sse_events` or :func:`ndjson_documents`, and makes errors with :func:`classify`.  Importing
this costs only what is used, since each name is fetched from its module at first use.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from converge_provider.http.adapter import HttpChatBackend
    from converge_provider.http.addresses import canonical_url, host_of
    from converge_provider.http.arguments import checked_arguments
    from converge_provider.http.classifying import classify
    from converge_provider.http.details import one_line
    from converge_provider.http.halves import Halves
    from converge_provider.http.messages import HttpRequest, HttpResponse, HttpStatusError, Limits, Timeouts
    from converge_provider.http.ndjson import ndjson_documents, ndjson_events
    from converge_provider.http.places import is_loopback
    from converge_provider.http.posting import json_bytes, json_post
    from converge_provider.http.relay import NativeRoute
    from converge_provider.http.retry_after import retry_after_s
    from converge_provider.http.rules import ErrorRule, Verdict
    from converge_provider.http.shapes import (
        MOST_TOKENS,
        as_list,
        as_metadata,
        as_object,
        parsed,
        text_in,
        token_count,
        token_limit,
    )
    from converge_provider.http.sse import SseEvent, SseParser, sse_events
    from converge_provider.http.transport import HttpStream, Transport, open_transport
    from converge_provider.http.wires import Answer, Wire
    from converge_provider.http.wishes import answer_format, refuse_unhonoured

_HOMES = {
    "Answer": "wires",
    "ErrorRule": "rules",
    "Halves": "halves",
    "HttpChatBackend": "adapter",
    "HttpRequest": "messages",
    "HttpResponse": "messages",
    "HttpStatusError": "messages",
    "HttpStream": "transport",
    "Limits": "messages",
    "MOST_TOKENS": "shapes",
    "NativeRoute": "relay",
    "SseEvent": "sse",
    "SseParser": "sse",
    "Timeouts": "messages",
    "Transport": "transport",
    "Verdict": "rules",
    "Wire": "wires",
    "answer_format": "wishes",
    "as_list": "shapes",
    "as_metadata": "shapes",
    "as_object": "shapes",
    "canonical_url": "addresses",
    "checked_arguments": "arguments",
    "classify": "classifying",
    "host_of": "addresses",
    "is_loopback": "places",
    "json_bytes": "posting",
    "json_post": "posting",
    "ndjson_documents": "ndjson",
    "ndjson_events": "ndjson",
    "one_line": "details",
    "open_transport": "transport",
    "parsed": "shapes",
    "refuse_unhonoured": "wishes",
    "retry_after_s": "retry_after",
    "sse_events": "sse",
    "text_in": "shapes",
    "token_count": "shapes",
    "token_limit": "shapes",
}

__all__ = (
    "MOST_TOKENS",
    "Answer",
    "ErrorRule",
    "Halves",
    "HttpChatBackend",
    "HttpRequest",
    "HttpResponse",
    "HttpStatusError",
    "HttpStream",
    "Limits",
    "NativeRoute",
    "SseEvent",
    "SseParser",
    "Timeouts",
    "Transport",
    "Verdict",
    "Wire",
    "answer_format",
    "as_list",
    "as_metadata",
    "as_object",
    "canonical_url",
    "checked_arguments",
    "classify",
    "host_of",
    "is_loopback",
    "json_bytes",
    "json_post",
    "ndjson_documents",
    "ndjson_events",
    "one_line",
    "open_transport",
    "parsed",
    "refuse_unhonoured",
    "retry_after_s",
    "sse_events",
    "text_in",
    "token_count",
    "token_limit",
)


def __getattr__(name: str) -> object:
    """Fetch a public name from its module at first use."""
    home = _HOMES.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message, name=name, obj=None)
    value: object = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
