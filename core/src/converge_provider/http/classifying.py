"""One answer of a server in, one member of the contract's family of errors out."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import urljoin

from converge_provider.errors import (
    AuthDenied,
    ContentFiltered,
    ContextLengthExceeded,
    InvalidRequest,
    LlmError,
    ModelNotFound,
    ProviderError,
    RateLimited,
)
from converge_provider.http.details import Details, details_of, one_line
from converge_provider.http.messages import HttpResponse
from converge_provider.http.places import place_of
from converge_provider.http.retry_after import retry_after_s
from converge_provider.http.rules import COMMON_RULES, ErrorRule, Verdict

__all__ = ("classify",)

_REQUEST_IDS = ("x-request-id", "request-id", "apim-request-id", "x-amzn-requestid", "cf-ray")
_MOST = (
    re.compile(r"(?:context (?:length|size|window)|prompt length|limit|maximum|allowed)[a-z ,'()]{0,40}?(\d{2,9})"),
    re.compile(r"(?:>|<=|with) (\d{2,9})"),
)
_ASKED = (
    re.compile(
        r"(?:requested|resulted in|contains?|has|given:|current length is|count \(|too long:|context limit:)"
        r"[a-z ]{0,20}?(\d{1,9})"
    ),
)
_BUSY = frozenset({503, 529})


def classify(
    response: HttpResponse,
    rules: Sequence[ErrorRule] = (),
    *,
    provider: str,
    backend: str,
    model: str,
    now: float,
    key: str = "the API key",
    address: str = "the base URL",
) -> LlmError:
    """
    Make the error that an answer stands for.

    The first row that holds decides: the wire's own rows, then the common ones.  The message is the vendor's, on one
    line, at most 2 KiB long, with the request's credentials masked; never the whole body.

    Args:
        response: The answer, whatever its status; an error inside a stream is given as the body of the stream's answer.
        rules: The wire's own rows, the most specific first.
        provider: The provider that was called.
        backend: The backend that was called, ``provider/model``.
        model: The model that was asked for.
        now: The time, in seconds since 1970 (UTC).
        key: What the user has set as the key, for the remedy.
        address: What the user has set as the address, for the remedy.

    Returns:
        The error, with status, vendor's code and request id in its attributes.

    """
    details = details_of(response.body, response.secrets)
    status = response.status if response.status >= 300 else details.status or response.status
    rule = next((rule for rule in (*rules, *COMMON_RULES) if rule.holds(status, details)), _OTHERWISE)
    message = details.message or _spoken(status)
    wait_s = retry_after_s(response.headers, response.body, now=now)
    error = _build(rule, details, status=status, message=message, model=model, wait_s=wait_s)
    named = (response.headers[name] for name in _REQUEST_IDS if name in response.headers)
    error.annotate(
        provider=provider,
        backend=backend,
        status=response.status,
        vendor_code=next((code for code in details.codes if not code.isdigit()), next(iter(details.codes), None)),
        request_id=details.request_id or next(named, None),
    )
    own = rule.remedy and rule.remedy.replace("{model}", model)
    return error.with_remedy(own or _remedy(response, error, key=key, address=address))


_OTHERWISE = ErrorRule(verdict=Verdict.PROVIDER_ERROR)


def _build(
    rule: ErrorRule, details: Details, *, status: int, message: str, model: str, wait_s: float | None
) -> LlmError:
    match rule.verdict:
        case Verdict.RATE_LIMITED:
            return _rate_limited(wait_s, message)
        case Verdict.AUTH_DENIED:
            return AuthDenied(message)
        case Verdict.INVALID_REQUEST:
            return InvalidRequest(message)
        case Verdict.CONTENT_FILTERED:
            return ContentFiltered(message)
        case Verdict.MODEL_NOT_FOUND:
            return _with_note(ModelNotFound(model), message)
        case Verdict.CONTEXT_LENGTH_EXCEEDED:
            return _with_note(_overflow(details), message)
        case Verdict.PROVIDER_ERROR:
            if status in _BUSY and wait_s is not None:
                return _rate_limited(wait_s, message)  # the one variant that carries the wait
            return ProviderError(message, rule.code or (str(status) if status >= 300 else None))


def _with_note(error: LlmError, message: str) -> LlmError:
    """Keep the vendor's words where the contract's text has no room for them."""
    error.add_note(message)
    return error


def _rate_limited(wait_s: float | None, message: str) -> RateLimited:
    error = RateLimited(wait_s or 0.0, message)
    error.retry_after_known = wait_s is not None
    return error


def _overflow(details: Details) -> ContextLengthExceeded:
    numbers, message = details.numbers, details.message.lower().replace(",", "")
    most = numbers.get("n_ctx") or _number(_MOST, message)
    asked = numbers.get("n_prompt_tokens") or _number(_ASKED, message)
    return ContextLengthExceeded(most, asked)


def _number(patterns: Sequence[re.Pattern[str]], message: str) -> int:
    found = next((found for found in (pattern.search(message) for pattern in patterns) if found), None)
    return int(found[1]) if found else 0


def _spoken(status: int) -> str:
    """Name a status of which the body says nothing."""
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"


def _remedy(response: HttpResponse, error: LlmError, *, key: str, address: str) -> str | None:
    place = response.url or "the configured URL"
    if isinstance(error, AuthDenied):
        return f"Check {key}, and that it may use this model."
    if 300 <= response.status < 400:
        return f"Redirects are not followed: {place} leads to {_target(response)}; set {address} to where it leads."
    if isinstance(error, ProviderError) and response.status in {404, 405, 501}:
        return f"Nothing that speaks this protocol answers at {place}; check {address}, with or without /v1."
    return None


def _target(response: HttpResponse) -> str:
    """Give what may be shown of where a redirect leads."""
    try:
        return one_line(place_of(urljoin(response.url, response.headers.get("location", ""))), response.secrets)
    except ValueError:  # brackets that hold no address
        return "no URL that makes sense"
