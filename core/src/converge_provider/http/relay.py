"""Relaying a request as it is: the caller's JSON out, the server's bytes back."""

import time
from collections.abc import Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from attrs import evolve

from converge_provider.errors import InvalidRequest, NetworkError, ProviderError
from converge_provider.http.messages import HttpRequest, HttpResponse, HttpStatusError
from converge_provider.http.metering import Meter, stated_usage
from converge_provider.http.posting import json_post
from converge_provider.values.classes import frozen
from converge_provider.values.jobs import Job, JobResult, WireFormat, checked_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from converge_provider.contract.jobs import JobSink
    from converge_provider.errors import LlmError
    from converge_provider.http.transport import Transport
    from converge_provider.values.messages import JsonObject, JsonValue
    from converge_provider.values.usage import UsageDetail

__all__ = ("NativeRoute", "relay", "relayed_document")

_MS = 1_000
_MAX_REQUEST_BYTES = 64 * 2**20


@frozen(kw_only=True)
class NativeRoute:
    """Where a service takes requests of one wire format as they are, without anybody translating."""

    format: WireFormat
    template: HttpRequest
    """The headers and the timeouts of every request."""
    url: str
    """Where requests of this format are posted."""
    usage: "Callable[[Mapping[str, Any]], UsageDetail | None]" = stated_usage
    """How the service's counts are sorted into disjoint buckets."""


def relayed_document(job: Job) -> "JsonObject":
    """
    Give the request as it is posted: streamed, and with what it lacks.

    Example:
        >>> dict(relayed_document(Job(id="j", model="m", request={"top_k": 3}, format="anthropic")))
        {'top_k': 3, 'model': 'm', 'stream': True}

    Raises:
        InvalidRequest: It names another model than the job.

    """
    document: dict[str, JsonValue] = {**checked_job(job).request, "model": job.model, "stream": True}
    if job.format is WireFormat.OPENAI:
        options = document.get("stream_options")
        if options is None or isinstance(options, Mapping):
            document["stream_options"] = {"include_usage": True, **(options or {})}
    return document


async def relay(
    job: Job,
    sink: "JobSink",
    *,
    route: NativeRoute,
    transport: "Transport",
    classified: "Callable[[HttpResponse], LlmError]",
    wrong_place: str,
) -> JobResult:
    """
    Post a job's request, and hand the answer to a sink byte for byte.

    Args:
        job: The request.
        sink: Who takes the answer.
        route: Where the request goes.
        transport: What carries it.
        classified: Makes an error of an answer that is one.
        wrong_place: What to do when something else answers there.

    Raises:
        LlmError: The call failed, or the answer ended before its own end.

    """
    began_s, sent_bytes = time.monotonic(), 0
    post = _posted(job, route)
    async with aclosing(transport.stream(post)) as pieces:
        try:
            await pieces.start()
        except HttpStatusError as exc:
            raise classified(exc.response) from None
        head = HttpResponse(status=pieces.status, headers=pieces.headers, url=post.url, secrets=post.secrets)
        if head.content_type == "text/html":
            message = f"{post.url} answers with a web page"
            raise ProviderError(message).with_remedy(wrong_place)
        meter = Meter(is_whole=head.content_type == "application/json")
        async for piece in pieces:
            await sink.send_chunk(piece)
            sent_bytes += len(piece)
            meter.take(piece)
    meter.end()
    if meter.failure is not None:
        raise classified(evolve(head, body=meter.failure))
    if not (meter.is_complete or meter.is_lost):
        message = f"the stream of {post.url} ended before the answer did"
        raise NetworkError(message)
    detail = meter.usage(route.usage)
    return JobResult(
        usage=None if detail is None else detail.totals(),
        usage_detail=detail,
        duration_ms=round((time.monotonic() - began_s) * _MS),
        sent_bytes=sent_bytes,
    )


def _posted(job: Job, route: NativeRoute) -> HttpRequest:
    post = json_post(route.template, relayed_document(job), url=route.url, stream=True)
    if len(post.body or b"") > _MAX_REQUEST_BYTES:
        message = f"the request is longer than {_MAX_REQUEST_BYTES} bytes; nothing was sent"
        raise InvalidRequest(message)
    allowed_s = post.timeouts.total_s
    total_s = job.deadline_s if allowed_s is None else min(allowed_s, job.deadline_s)
    return evolve(post, timeouts=evolve(post.timeouts, total_s=total_s))
