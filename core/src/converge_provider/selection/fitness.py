"""The policy that is built in: the contract's score."""

from typing import TYPE_CHECKING

from converge_provider.contract.policies import CandidateView, EnabledPolicy, NoOptions, Scores
from converge_provider.values.classes import frozen
from converge_provider.values.descriptors import COST_FITNESS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ("FITNESS", "FitnessPolicy")


@frozen
class FitnessPolicy:
    """
    Score by cost, latency and quality as the contract does, to the last bit.

    ``0.4·cost + 0.3·latency + 0.3·quality``, from 0 to 1, greater is better.  What nobody has stated counts as the
    contract's worst value.
    """

    name: str = "fitness"
    options: type[NoOptions] = NoOptions
    may_veto: bool = False

    def score(self, view: CandidateView, options: NoOptions) -> Scores:  # noqa: ARG002 - it has none
        """Give the contract's score of each candidate."""
        scores: Sequence[float] = view.column("fitness")
        return Scores(values=scores, explain=lambda row: _explain(view, row))


def _explain(view: CandidateView, row: int) -> str:
    """Take the contract's score of one candidate apart."""
    descriptor, scale = view.descriptors[row], view.requirements.max_latency_ms
    cost, latency_ms, quality = (view.column(name)[row] for name in ("cost_class", "typical_latency_ms", "quality"))
    latency = 1.0 - min(1.0, descriptor.typical_latency_ms / scale)
    return (
        f"0.4 · cost {COST_FITNESS[descriptor.cost_class]} ({_or_unknown(cost)}) "
        f"+ 0.3 · latency {latency:.4g} ({_or_unknown(latency_ms)} of {scale} ms) "
        f"+ 0.3 · quality {descriptor.quality:.4g}{'' if quality is not None else ' (unknown)'}"
    )


def _or_unknown(fact: object) -> str:
    return "unknown" if fact is None else str(fact)


FITNESS = EnabledPolicy(FitnessPolicy())
"""The contract's score with weight 1: what ranks where a host enables nothing else."""
