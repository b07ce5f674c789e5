"""The policy: a score for the size of the context window."""

from attrs import field, frozen
from attrs.validators import ge, gt, le

from converge_provider import CandidateView, Scores, policy

__all__ = ("TemplateScoreOptions", "template_score")


@frozen(kw_only=True)
class TemplateScoreOptions:
    """What counts as room enough, and what a model is worth of which nobody has stated how much it has."""

    enough_tokens: int = field(default=131_072, validator=gt(0))
    """The context window that is worth 1; a larger one is worth no more."""
    unknown: float = field(default=0.0, validator=[ge(0.0), le(1.0)])
    """A model whose context window is unknown, from 0 (avoid) to 1 (prefer)."""


@policy(options=TemplateScoreOptions, monotone={"context_tokens": "+"})
def template_score(view: CandidateView, options: TemplateScoreOptions) -> Scores:
    """Score by the share of the wanted context window."""
    windows = view.column("context_tokens")
    values = [options.unknown if one is None else min(1.0, one / options.enough_tokens) for one in windows]
    words = ["its context window is unknown" if one is None else f"it reads {one} tokens" for one in windows]
    return Scores(values=values, explain=lambda row: words[row])
