"""Which words of the service mean which error, beyond what holds everywhere."""

from converge_provider.http import ErrorRule, Verdict

__all__ = ("RULES",)

_RETIRED = "Choose another model: {model} is not, or no longer, offered to this key."

RULES = (
    # the free tier is not offered everywhere, and some projects must be billed
    ErrorRule(verdict=Verdict.AUTH_DENIED, statuses={400}, words=("api key expired", "location is not supported")),
    ErrorRule(verdict=Verdict.AUTH_DENIED, statuses={400}, codes={"failed_precondition"}, words=("billing",)),
    # "models/x is not found for API version v1beta, or is not supported for generateContent"; "is no longer available"
    ErrorRule(
        verdict=Verdict.MODEL_NOT_FOUND, statuses={404}, words=("models/", "no longer available"), remedy=_RETIRED
    ),
    ErrorRule(verdict=Verdict.MODEL_NOT_FOUND, statuses={400}, words=("unexpected model name format",)),
)
