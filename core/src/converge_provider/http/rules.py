"""Which answer of a server means which error: rows that are read from the top, the most specific first."""

from collections.abc import Iterable

from attrs import field

from converge_provider.http.details import Details
from converge_provider.values.classes import frozen
from converge_provider.values.vocabulary import Word

__all__ = ("COMMON_RULES", "ErrorRule", "Verdict")


class Verdict(Word):
    """The variant of the contract's family that a row leads to."""

    RATE_LIMITED = "RateLimited"
    AUTH_DENIED = "AuthDenied"
    INVALID_REQUEST = "InvalidRequest"
    MODEL_NOT_FOUND = "ModelNotFound"
    CONTEXT_LENGTH_EXCEEDED = "ContextLengthExceeded"
    CONTENT_FILTERED = "ContentFiltered"
    PROVIDER_ERROR = "ProviderError"


def _lowered(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(word.lower() for word in words)


def _lowered_set(words: Iterable[str]) -> frozenset[str]:
    return frozenset(_lowered(words))


def _set(statuses: Iterable[int]) -> frozenset[int]:
    return frozenset(statuses)


@frozen(kw_only=True)
class ErrorRule:
    """
    One row: when all that it states holds, its verdict does; what it does not state may be anything.

    Example:
        >>> rule = ErrorRule(verdict=Verdict.CONTENT_FILTERED, statuses={400}, words=("content exists risk",))
        >>> rule.holds(400, Details(message="Content Exists Risk"))
        True

    """

    verdict: Verdict
    statuses: frozenset[int] = field(default=frozenset(), converter=_set)
    """Any of these HTTP statuses; 200 is an error inside a good answer or inside a stream."""
    codes: frozenset[str] = field(default=frozenset(), converter=_lowered_set)
    """Any of these codes or types of the vendor."""
    words: tuple[str, ...] = field(default=(), converter=_lowered)
    """Any of these stretches in the vendor's message, in any case."""
    also: tuple[str, ...] = field(default=(), converter=_lowered)
    """And any of these."""
    code: str | None = None
    """The code of the :class:`~converge_provider.ProviderError`; ``None``: the HTTP status."""
    remedy: str | None = None
    """What to do about it, in place of the usual advice; ``{model}`` in it is the model's name."""

    def holds(self, status: int, details: Details) -> bool:
        """Say whether everything that the row states holds."""
        if self.statuses and status not in self.statuses:
            return False
        if self.codes and self.codes.isdisjoint(details.codes):
            return False
        if not (self.words or self.also):
            return True
        message = details.message.lower()
        return _any(self.words, message) and _any(self.also, message)


def _any(words: tuple[str, ...], message: str) -> bool:
    return not words or any(word in message for word in words)


_FAULTY = {200, 400, 413, 422}

COMMON_RULES = (
    ErrorRule(verdict=Verdict.AUTH_DENIED, statuses={401}),
    ErrorRule(
        verdict=Verdict.CONTEXT_LENGTH_EXCEEDED,
        codes={"context_length_exceeded", "exceed_context_size_error", "model_context_window_exceeded"},
    ),
    ErrorRule(
        verdict=Verdict.CONTEXT_LENGTH_EXCEEDED,
        statuses={*_FAULTY, 500},
        words=(
            "maximum context length",
            "context length exceeded",
            "context_length_exceeded",
            "exceeds the available context size",
            "context size has been exceeded",
            "exceeds the context window",
            "exceeds the model's context",
            "longer than the model's context",
            "loaded with context length of only",
            "maximum prompt length",
            "prompt is too long",
            "input token count",
            "reduce the length of the messages",
            "too large for model with",
            "`inputs` tokens + `max_new_tokens` must be <=",
        ),
    ),
    ErrorRule(
        verdict=Verdict.CONTENT_FILTERED,
        codes={
            "content_filter",
            "content_policy_violation",
            "responsibleaipolicyviolation",
            "data_inspection_failed",
            "datainspectionfailed",
        },
    ),
    ErrorRule(
        verdict=Verdict.CONTENT_FILTERED,
        statuses={200, 400, 403, 422},
        words=("content management policy", "content exists risk", "input was flagged", "content policy violation"),
    ),
    ErrorRule(
        verdict=Verdict.PROVIDER_ERROR,
        codes={
            "insufficient_quota",
            "insufficient_balance",
            "billing_hard_limit_reached",
            "billing_not_active",
            "exceeded_current_quota_error",
        },
        code="402",
    ),
    ErrorRule(
        verdict=Verdict.PROVIDER_ERROR,
        statuses={400, 403, 429},
        words=("insufficient balance", "credit balance is too low", "insufficient credits"),
        code="402",
    ),
    ErrorRule(verdict=Verdict.PROVIDER_ERROR, statuses={402, 413}),
    ErrorRule(verdict=Verdict.RATE_LIMITED, statuses={429}),
    ErrorRule(
        verdict=Verdict.RATE_LIMITED,
        codes={"rate_limit_exceeded", "rate_limit_error", "rate_limited", "too_many_requests", "resource_exhausted"},
    ),
    ErrorRule(verdict=Verdict.MODEL_NOT_FOUND, codes={"model_not_found", "invalid_model", "model_not_available"}),
    ErrorRule(
        verdict=Verdict.MODEL_NOT_FOUND,
        statuses=_FAULTY | {404},
        words=("not a valid model", "no endpoints found for", "model not exist", "invalid model", "unknown model"),
    ),
    ErrorRule(
        verdict=Verdict.MODEL_NOT_FOUND,
        statuses={404},
        words=("model",),
        also=("not found", "not exist", "no such", "unable to access", "not deployed", "not available"),
    ),
    ErrorRule(
        verdict=Verdict.AUTH_DENIED,
        codes={
            "invalid_api_key",
            "api_key_invalid",
            "authentication_error",
            "invalid_authentication_error",
            "unauthenticated",
            "account_deactivated",
        },
    ),
    ErrorRule(verdict=Verdict.AUTH_DENIED, statuses={403}),
    ErrorRule(
        verdict=Verdict.AUTH_DENIED,
        statuses={400},
        words=("api key not valid", "incorrect api key", "invalid api key"),
    ),
    ErrorRule(verdict=Verdict.INVALID_REQUEST, statuses={400, 422}),
    ErrorRule(verdict=Verdict.PROVIDER_ERROR, codes={"overloaded_error"}, code="529"),
    ErrorRule(verdict=Verdict.INVALID_REQUEST, statuses={200}, codes={"invalid_request_error", "badrequesterror"}),
)
"""The rows that hold everywhere, after a wire's own; what none of them names is a ``ProviderError``."""
