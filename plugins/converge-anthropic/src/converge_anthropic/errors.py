"""Which words of this wire mean which error, beyond what holds everywhere."""

from converge_provider.http import ErrorRule, Verdict

__all__ = ("RULES",)

_PAY = "Look after credits and billing of this account in the Claude Console."

RULES = (
    # the message is the model's name and nothing else
    ErrorRule(verdict=Verdict.MODEL_NOT_FOUND, statuses={404}, codes={"not_found_error"}, words=("model:",)),
    # the prompt alone would fit, but not together with max_tokens
    ErrorRule(
        verdict=Verdict.CONTEXT_LENGTH_EXCEEDED,
        statuses={400},
        words=("exceed context limit",),
        remedy="Shorten the request, or set a smaller max_tokens: both together must fit into the window.",
    ),
    # limits on spending, the customer's own and the vendor's: other accounts may go on, this one may not
    ErrorRule(
        verdict=Verdict.PROVIDER_ERROR,
        statuses={400},
        words=("specified api usage limits",),
        code="402",
        remedy="Raise the limit on spending in the Claude Console, or wait until it begins anew.",
    ),
    ErrorRule(
        verdict=Verdict.PROVIDER_ERROR, statuses={400}, words=("credit balance is too low",), code="402", remedy=_PAY
    ),
    ErrorRule(verdict=Verdict.PROVIDER_ERROR, codes={"billing_error"}, code="402", remedy=_PAY),
    # inside a stream there is no other status than 200
    ErrorRule(verdict=Verdict.AUTH_DENIED, statuses={200}, codes={"permission_error"}),
    ErrorRule(verdict=Verdict.PROVIDER_ERROR, statuses={200}, codes={"api_error"}, code="500"),
    ErrorRule(verdict=Verdict.PROVIDER_ERROR, statuses={200}, codes={"timeout_error"}, code="504"),
)
