"""Saboteurs that fail in another way than the service did."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from converge_provider.errors import (
    AuthDenied,
    InvalidRequest,
    LlmError,
    ModelNotFound,
    NetworkError,
    ProviderError,
    RateLimited,
)
from converge_provider.testing.conformance.saboteurs.breaking import Broken, Saboteur, broken, wrapping
from converge_provider.values.events import Finished, StreamEvent, TextDelta
from converge_provider.values.replies import ChatResponse
from converge_provider.values.requests import ChatRequest

__all__ = ("FAILING",)


def _unclear(_exc: LlmError) -> Exception:
    return ProviderError("something went wrong")


def _user_fault(_exc: LlmError) -> Exception:
    return InvalidRequest("something went wrong")


def _final(_exc: LlmError) -> Exception:
    return ProviderError("something went wrong", "400")


def _network(_exc: LlmError) -> Exception:
    return NetworkError("something went wrong")


def _stranger(exc: LlmError) -> Exception:
    return KeyError(str(exc))


def _anonymous(exc: LlmError) -> Exception:
    code = exc.code if isinstance(exc, ProviderError) else None
    return ProviderError("something went wrong", code)


def _without_status(exc: LlmError) -> Exception:
    return ProviderError("something went wrong").annotate(backend=exc.backend)


class _Hopeful(AuthDenied):
    transient = True


def _hopeful(exc: LlmError) -> Exception:
    return _Hopeful(str(exc))


def _impatient(exc: LlmError) -> Exception:
    return RateLimited(0.0, str(exc))


def _sure(exc: LlmError) -> Exception:
    error = RateLimited(0.0, str(exc))
    error.retry_after_known = True
    return error


class _Retries(Broken):
    """Tries again by itself."""

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """Try twice."""
        try:
            return await super().chat(request)
        except LlmError:
            return await super().chat(request)


class _Optimist(Broken):
    """Takes whatever came before a failure for the whole answer."""

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """Answer with nothing."""
        try:
            return await super().chat(request)
        except LlmError:
            return ChatResponse(content="")

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        """End the answer where it broke off."""
        text: list[str] = []
        try:
            async with aclosing(super().stream(request)) as events:
                async for event in events:
                    text += [event.text] if isinstance(event, TextDelta) else []
                    yield event
        except LlmError:
            yield Finished(ChatResponse(content="".join(text)))


FAILING: Final[tuple[Saboteur, ...]] = (
    broken("errors.bad-key", "does not say why", raised=_unclear),
    broken("errors.bad-key", "is full of hope", raised=_hopeful),
    broken("errors.forbidden", "does not say why", raised=_unclear),
    broken("errors.model-not-found", "names another model", raised=lambda _exc: ModelNotFound("another")),
    broken("errors.rate-limited", "loses the hint", raised=_impatient),
    broken("errors.rate-limited", "halves the hint", raised=lambda exc: RateLimited(3.5, str(exc))),
    broken("errors.rate-limited-without-hint", "makes up a hint", raised=_sure),
    broken("errors.overloaded", "calls it final", raised=_final),
    broken("errors.overloaded", "blames the network", raised=_network),
    wrapping("errors.overloaded", "retries by itself", _Retries),
    broken("errors.server-error", "loses the code", raised=_unclear),
    broken("errors.server-error", "calls it final", raised=_final),
    broken("errors.overflow", "calls it the user's fault", raised=_user_fault),
    broken("errors.filtered", "calls it the user's fault", raised=_user_fault),
    broken("errors.invalid-request", "loses the words", raised=_user_fault),
    broken("errors.named", "does not say who failed", raised=_anonymous),
    broken("errors.named", "does not say the status", raised=_without_status),
    broken("errors.timeout", "calls it the network's fault", raised=_network),
    broken("errors.timeout-under-way", "calls it the network's fault", raised=_network),
    broken("errors.broken-connection", "raises what is no error of the family", raised=_stranger),
    wrapping("errors.broken-connection", "retries by itself", _Retries),
    broken("errors.nobody-there", "blames the service", raised=_unclear),
    wrapping("errors.truncated-stream", "takes half for the whole", _Optimist),
    wrapping("errors.reset-under-way", "takes half for the whole", _Optimist),
    broken("errors.failure-under-way", "blames the network", raised=_network),
    broken("errors.failure-under-way", "loses the words", raised=_unclear),
    broken("errors.failure-inside-200", "loses the words", raised=_unclear),
    wrapping("errors.failure-inside-200", "takes it for an empty answer", _Optimist),
    broken("errors.nonsense", "raises what is no error of the family", raised=_stranger),
)
"""One or more for each check of a failure."""
