"""Failures: each becomes the one error of the contract's family that says what to do, at once or under way."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from converge_provider.errors import (
    AuthDenied,
    ContentFiltered,
    ContextLengthExceeded,
    InvalidRequest,
    LlmError,
    ModelNotFound,
    NetworkError,
    ProviderError,
    RateLimited,
    Timeout,
)
from converge_provider.http.messages import HttpResponse, Timeouts
from converge_provider.testing.canned import HANG, RESET, CannedRequest, Step
from converge_provider.testing.conformance.answers import CannedAnswer, CannedFailure, Failure
from converge_provider.testing.conformance.checks.check import check, expect, fail
from converge_provider.testing.conformance.checks.requests import HELLO
from converge_provider.testing.conformance.trials import Cut, Desk, Rendered, Trial, whole_steps

__all__ = ("FAILURES", "error_of")

E = TypeVar("E", bound=LlmError)

_MANY: Final = CannedAnswer(pieces=[f"piece {number}, " for number in range(20)])
_SHORT: Final = Timeouts(connect_s=1.0, first_byte_s=0.2, between_bytes_s=0.2, total_s=0.4)


async def error_of(call: Callable[[], Awaitable[object]], wanted: type[E], circumstance: str) -> E:
    """Give the error that a call raises, which must be of one kind."""
    try:
        await call()
    except wanted as exc:
        return exc
    except Exception as exc:  # noqa: BLE001 - whatever is raised is a finding
        fail(f"{circumstance}: expected {wanted.__name__}, got {type(exc).__name__}: {exc}")
    return fail(f"{circumstance}: expected {wanted.__name__}, and nothing was raised")


async def _errors(trial: Trial, failure: CannedFailure, wanted: type[E]) -> Sequence[E]:
    """Give the errors that a refusal leads to, at once and streamed, each after one attempt."""
    found: list[E] = []
    async with trial.desk(failure) as desk:
        calls: dict[str, Callable[[], Awaitable[object]]] = {"chat": lambda: desk.chat(HELLO)}
        if hasattr(desk.backend, "stream"):
            calls["stream"] = lambda: desk.stream(HELLO)
        for name, call in calls.items():
            before = len(desk.asked)
            found.append(await error_of(call, wanted, f"{name}, {failure.kind}"))
            attempts = len(desk.asked) - before
            expect(attempts == 1, f"{attempts} requests arrived for one call of {name}: an adapter never retries")
    return found


@check("errors.bad-key", "errors")
async def _bad_key(trial: Trial) -> None:
    """A key that the service does not know is AuthDenied, which nobody retries."""
    for error in await _errors(trial, CannedFailure(kind=Failure.BAD_KEY), AuthDenied):
        expect(not error.retryable, "it counts as worth another attempt")


@check("errors.forbidden", "errors")
async def _forbidden(trial: Trial) -> None:
    """A key that may not do this is AuthDenied."""
    await _errors(trial, CannedFailure(kind=Failure.FORBIDDEN), AuthDenied)


@check("errors.model-not-found", "errors")
async def _model_not_found(trial: Trial) -> None:
    """A model that the service does not know is ModelNotFound, with its name."""
    model = str(trial.subject.descriptor.model)
    for error in await _errors(trial, CannedFailure(kind=Failure.MODEL_NOT_FOUND, model=model), ModelNotFound):
        expect(error.model == model, f"the model {model!r} was asked for, the error names {error.model!r}")


@check("errors.rate-limited", "errors")
async def _rate_limited(trial: Trial) -> None:
    """Too many calls are RateLimited, with the service's own hint when to come back."""
    for error in await _errors(trial, CannedFailure(kind=Failure.RATE_LIMITED, retry_after_s=7), RateLimited):
        expect(error.retry_after_known, "the service's hint counts as unknown")
        near = 5.5 < error.retry_after_s <= 7.5
        expect(near, f"the service says to come back in 7 s, the error in {error.retry_after_s:g} s")


@check("errors.rate-limited-without-hint", "errors")
async def _without_hint(trial: Trial) -> None:
    """Without a hint the wait is 0 and marked unknown."""
    for error in await _errors(trial, CannedFailure(kind=Failure.RATE_LIMITED), RateLimited):
        told = (error.retry_after_s, error.retry_after_known)
        expect(told == (0.0, False), f"the service gives no hint, the error says {told[0]:g} s, known: {told[1]}")


@check("errors.overloaded", "errors")
async def _overloaded(trial: Trial) -> None:
    """A service that has too much to do is an error that is worth another attempt."""
    for error in await _errors(trial, CannedFailure(kind=Failure.OVERLOADED), LlmError):
        kinds = ProviderError | RateLimited
        expect(isinstance(error, kinds), f"expected ProviderError or RateLimited, got {type(error).__name__}")
        expect(error.retryable, "it does not count as worth another attempt")


@check("errors.server-error", "errors")
async def _server_error(trial: Trial) -> None:
    """A service that fails by itself is a ProviderError with its code, worth another attempt."""
    for error in await _errors(trial, CannedFailure(kind=Failure.SERVER_ERROR), ProviderError):
        expect(error.code, "it names no code")
        expect(error.retryable, "it does not count as worth another attempt")


@check("errors.overflow", "overflow")
async def _overflow(trial: Trial) -> None:
    """A request that is too long is ContextLengthExceeded."""
    await _errors(trial, CannedFailure(kind=Failure.OVERFLOW), ContextLengthExceeded)


@check("errors.filtered", "filtering")
async def _filtered(trial: Trial) -> None:
    """A refusal to speak of something is ContentFiltered."""
    await _errors(trial, CannedFailure(kind=Failure.FILTERED), ContentFiltered)


@check("errors.invalid-request", "errors")
async def _invalid(trial: Trial) -> None:
    """A field that the service does not accept is InvalidRequest, with the service's words."""
    failure = CannedFailure(kind=Failure.INVALID_REQUEST, message="marker-words")
    for error in await _errors(trial, failure, InvalidRequest):
        expect("marker-words" in str(error), f"the service's words are not in the error: {error}")


@check("errors.named", "errors")
async def _named(trial: Trial) -> None:
    """An error names the backend and the HTTP status."""
    backend = trial.subject.descriptor.id
    for error in await _errors(trial, CannedFailure(kind=Failure.SERVER_ERROR), ProviderError):
        expect(error.backend == backend, f"the error names the backend {error.backend!r}, expected {backend!r}")
        expect(error.status is not None and error.status >= 400, f"the error's status is {error.status}")


@check("errors.timeout", "errors")
async def _timeout(trial: Trial) -> None:
    """A service that does not answer in time is a Timeout."""
    async with trial.desk(respond=lambda _request: [HANG], timeouts=_SHORT) as desk:
        await error_of(lambda: desk.chat(HELLO), Timeout, "the service says nothing for longer than the timeouts allow")


@check("errors.timeout-under-way", "streaming")
async def _timeout_under_way(trial: Trial) -> None:
    """A stream that falls silent for too long is a Timeout."""

    def cut(rendered: Rendered) -> Sequence[Step]:
        return [*rendered.events[: len(rendered.events) // 2], HANG]

    async with trial.desk(_MANY, cut=cut, timeouts=_SHORT) as desk:
        await error_of(lambda: desk.stream(HELLO), Timeout, "the stream falls silent")


@check("errors.broken-connection", "errors")
async def _broken(trial: Trial) -> None:
    """A connection that breaks before the answer is a NetworkError, after one attempt."""
    async with trial.desk(respond=lambda _request: [RESET]) as desk:
        await error_of(lambda: desk.chat(HELLO), NetworkError, "the connection is reset")
        expect(len(desk.asked) == 1, f"{len(desk.asked)} requests arrived for one call: an adapter never retries")


@check("errors.nobody-there", "errors")
async def _nobody(trial: Trial) -> None:
    """A service that cannot be reached is a NetworkError."""
    async with trial.desk() as desk:
        desk.close_door()
        await error_of(lambda: desk.chat(HELLO), NetworkError, "nobody listens at the address")


async def _expect_broken_off(trial: Trial, cut: Cut, circumstance: str) -> None:
    async with trial.desk(_MANY, cut=cut) as desk:
        await error_of(lambda: desk.stream(HELLO), NetworkError, circumstance)


@check("errors.truncated-stream", "streaming")
async def _truncated(trial: Trial) -> None:
    """A stream that ends before the answer does is a NetworkError, however clean its end."""
    for events in (1, len(_MANY.pieces) // 2, len(_MANY.pieces)):
        await _expect_broken_off(trial, partial(_first, events), f"the stream ends after {events} events")


def _first(count: int, rendered: Rendered) -> Sequence[Step]:
    """Send the first events, and end the body as HTTP wants it."""
    return rendered.events[:count]


@check("errors.reset-under-way", "streaming")
async def _reset_under_way(trial: Trial) -> None:
    """A stream whose connection breaks is a NetworkError."""
    await _expect_broken_off(
        trial, lambda rendered: [*rendered.events[: len(rendered.events) // 2], 0.05, RESET], "the connection breaks"
    )


@check("errors.failure-under-way", "streaming")
async def _under_way(trial: Trial) -> None:
    """A failure that the service tells in the middle of a stream is raised, and the answer does not count as whole."""
    told = trial.double.failure_event(CannedFailure(kind=Failure.SERVER_ERROR, message="marker-words"))

    def cut(rendered: Rendered) -> Sequence[Step]:
        return [*rendered.events[: len(rendered.events) // 2], told]

    async with trial.desk(_MANY, cut=cut) as desk:
        error = await error_of(lambda: desk.stream(HELLO), LlmError, "the service tells a failure in its stream")
    expect(not isinstance(error, NetworkError), "what the service said was taken for a broken connection")
    expect("marker-words" in str(error), f"the service's words are not in the error: {error}")


@check("errors.failure-inside-200", "errors")
async def _inside_200(trial: Trial) -> None:
    """A failure in the body of a good status is an error all the same."""
    failure = trial.double.failure(CannedFailure(kind=Failure.SERVER_ERROR, message="marker-words"))
    disguised = whole_steps(HttpResponse(status=200, body=failure.body))
    async with trial.desk(respond=lambda _request: disguised) as desk:
        error = await error_of(lambda: desk.chat(HELLO), LlmError, "the body tells a failure, the status is 200")
    expect("marker-words" in str(error), f"the service's words are not in the error: {error}")


@check("errors.nonsense", "errors")
async def _nonsense(trial: Trial) -> None:
    """A body that is no answer at all is an error of the family, whatever it is."""
    for body in (
        b"",
        b"<html>Welcome</html>",
        b"[]",
        b"{}",
        b'{"choices": 1, "content": 2}',
        b"\xff\xfe",
        b'"' + b"[" * 5000,
    ):
        steps = whole_steps(HttpResponse(status=200, body=body))
        async with trial.desk(respond=partial(_whatever, steps)) as desk:
            await _expect_error(desk, body)


def _whatever(steps: Sequence[Step], _request: CannedRequest) -> Sequence[Step]:
    """Answer the same to everything."""
    return steps


async def _expect_error(desk: Desk, body: bytes) -> None:
    shown = repr(body[:30])
    await error_of(lambda: desk.chat(HELLO), LlmError, f"chat, the body is {shown}")
    if hasattr(desk.backend, "stream"):
        await error_of(lambda: desk.stream(HELLO), LlmError, f"stream, the body is {shown}")


FAILURES: Final = (
    _bad_key,
    _forbidden,
    _model_not_found,
    _rate_limited,
    _without_hint,
    _overloaded,
    _server_error,
    _overflow,
    _filtered,
    _invalid,
    _named,
    _timeout,
    _timeout_under_way,
    _broken,
    _nobody,
    _truncated,
    _reset_under_way,
    _under_way,
    _inside_200,
    _nonsense,
)
"""The checks, in the suite's order."""
