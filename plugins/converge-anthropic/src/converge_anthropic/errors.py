"""Which words of this wire mean which error, beyond what holds everywhere."""

from converge_provider.http import ErrorRule, Verdict

__all__ = ("RULES",)

RULES = (
    # the message is the model's name and nothing else
    ErrorRule(verdict=Verdict.MODEL_NOT_FOUND, statuses={404}, codes={"not_found_error"}, words=("model:",)),
    # the prompt alone would fit, but not together with max_tokens
    ErrorRule(verdict=Verdict.CONTEXT_LENGTH_EXCEEDED, statuses={400}, words=("exceed context limit",)),
    # a limit on spending that the customer set: other keys may go on, this one may not
    ErrorRule(verdict=Verdict.PROVIDER_ERROR, statuses={400}, words=("specified api usage limits",), code="402"),
    ErrorRule(verdict=Verdict.PROVIDER_ERROR, codes={"billing_error"}, code="402"),
    # inside a stream there is no other status than 200
    ErrorRule(verdict=Verdict.AUTH_DENIED, statuses={200}, codes={"permission_error"}),
    ErrorRule(verdict=Verdict.PROVIDER_ERROR, statuses={200}, codes={"api_error"}, code="500"),
    ErrorRule(verdict=Verdict.PROVIDER_ERROR, statuses={200}, codes={"timeout_error"}, code="504"),
)
