"""The policy: a score for what this request is expected to cost."""

from typing import TYPE_CHECKING

from attrs import field, frozen
from attrs.validators import ge, gt, le, optional

from converge_provider import CandidateView, Scores, policy

if TYPE_CHECKING:
    from converge_policy_cost.money import Expectation

_SHARE = [ge(0.0), le(1.0)]
_TOKENS = [ge(0), le(2**32 - 1)]


@frozen(kw_only=True)
class CostOptions:
    """What is expected of a request, and what an amount of money is worth."""

    reference_usd: float = field(default=0.01, validator=[gt(0.0), le(1e9)])
    """The amount that scores one half, in US dollars; what a typical request of yours may cost."""
    output_tokens: int = field(default=500, validator=_TOKENS)
    """Tokens that an answer is expected to take, unless the request or the backend admits fewer."""
    output_share: float | None = field(default=None, validator=optional(_SHARE))
    """Where the request limits its answer: the share of that limit that is expected; None: ``output_tokens``."""
    input_tokens: int = field(default=1_000, validator=_TOKENS)
    """Tokens of a question, where a selection is made without a request."""
    cached_share: float = field(default=0.0, validator=_SHARE)
    """The share of the question that is expected to come out of the backend's cache."""
    unknown: float = field(default=0.0, validator=_SHARE)
    """The score of a backend of which nobody has stated what it charges."""


@policy(options=CostOptions, monotone={"input_usd_per_mtok": "-", "output_usd_per_mtok": "-"})
def cost(view: CandidateView, options: CostOptions) -> Scores:
    """Score by the money that this request is expected to cost."""
    from converge_policy_cost.money import Expectation, expected_usd  # not at registration

    expected = Expectation(
        question=view.input_tokens or options.input_tokens,
        cached_share=options.cached_share,
        answer=_answer_tokens(view, options),
    )
    amounts = expected_usd(view, expected)
    reference = options.reference_usd
    values = [options.unknown if usd is None else reference / (reference + usd) for usd in amounts]

    def explain(row: int) -> str:
        return _words(amounts[row], expected.of(view.column("max_output_tokens")[row]), options)

    return Scores(values=values, explain=explain)


def _answer_tokens(view: CandidateView, options: CostOptions) -> int:
    limit = view.answer_tokens
    if not limit:
        return options.output_tokens
    if options.output_share is None:
        return min(options.output_tokens, limit)
    return round(options.output_share * limit)


def _words(usd: float | None, expected: "Expectation", options: CostOptions) -> str:
    from converge_policy_cost.money import dollars  # only when it is read

    if usd is None:
        return "nobody has stated what it charges for this"
    cached = f" ({options.cached_share:.0%} out of the cache)" if options.cached_share else ""
    tokens = f"{expected.question} tokens of question{cached} and {expected.answer} of answer"
    return f"about {dollars(usd)} for {tokens}; {dollars(options.reference_usd)} scores 0.5"
