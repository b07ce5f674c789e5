"""The complete, serialisable record of one selection."""

from collections.abc import Mapping, Sequence
from typing import cast

from attrs import field

from converge_provider.errors import ProviderError
from converge_provider.selection.lazily import Lazily
from converge_provider.selection.needs import NOTHING, Needs
from converge_provider.selection.rows import (
    Carried,
    Counterfactual,
    Derived,
    PolicyUse,
    RankedCandidate,
    Reason,
    Rejection,
    StateUse,
)
from converge_provider.values.claims import FactSource
from converge_provider.values.classes import frozen
from converge_provider.values.constraints import Constraints
from converge_provider.values.criteria import SelectionCriteria
from converge_provider.values.requirements import AgentRequirements

__all__ = ("Decision",)


@frozen(slots=False, kw_only=True)
class Decision(Lazily):
    """
    What was asked, who was chosen, who came behind, and who was rejected, each with every reason.

    Made by :func:`~converge_provider.selection.decide`, which keeps masks and totals; what is read is expanded then.
    ``codec.dump`` writes it and ``codec.load`` gives an equal one back.
    """

    id: str
    """The hash of all inputs and of the time given: the same question at the same time has the same id."""
    time: str
    """When it was made, as the caller's clock says, ISO 8601; empty when it gave none."""
    seed: int
    catalogue_number: int
    catalogue_digest: str
    criteria: SelectionCriteria | None
    """What the host stated; ``None``: nothing, and cost, latency and quality are no gates."""
    provider: str | None
    """The only provider to consider, in any ASCII case."""
    backend: str | None
    """The only backend or model to consider."""
    model: str | None
    """The only backend or model to consider, as the request says."""
    requirements: AgentRequirements
    """What was asked for in numbers, the derived needs included."""
    derived: tuple[Derived, ...]
    """What of it the request itself needs."""
    policies: tuple[PolicyUse, ...]
    """The policies that were enabled."""
    notes: tuple[str, ...]
    """What else a reader must know, one sentence each."""
    chosen: str | None
    """The backend's id, or ``None`` when nobody was eligible."""
    margin: float | None
    """
    How far the chosen one's total is ahead of the second's; ``None`` when there is no second.

    Where there are several tiers: in the tier that decided between the two.
    """
    remedy: str | None
    """What to do about it when nobody was eligible."""
    counts: Mapping[str, int]
    """How many candidates fail each gate; only gates that somebody fails."""
    ranking: tuple[RankedCandidate, ...] = field(repr=False)
    """Every eligible candidate, best first."""
    rejected: tuple[Rejection, ...] = field(repr=False)
    """Every other candidate, the nearest to being eligible first."""
    counterfactuals: tuple[Counterfactual, ...] = field(default=(), eq=False, repr=False, metadata={"omit_empty": True})
    """
    For the first twenty of the rejected candidates: the smallest set of changes that would make each eligible.

    It follows from the rest, so two decisions are equal whether or not it is kept; a journal does not.
    """
    relaxation: Counterfactual | None = field(default=None, metadata={"omit_empty": True})
    """
    Where nobody was eligible: the smallest change of what the host states that makes somebody so.

    ``None`` when somebody is eligible, and when no criteria let anybody in.
    """
    constraints: Constraints | None = field(default=None, metadata={"omit_empty": True})
    """What the host demanded beyond the criteria; ``None``: nothing."""

    needs: Needs = field(default=NOTHING, metadata={"omit_empty": True})
    """What the request needs by itself, in numbers."""
    request_digest: str | None = field(default=None, metadata={"omit_empty": True})
    """A hash of the request, from which no prompt can be read; ``None``: there was none."""
    barred: Mapping[str, Reason] = field(factory=dict[str, Reason], metadata={"omit_empty": True})
    """The caller's own rejections by backend id."""
    replaced: Mapping[str, str] = field(factory=dict[str, str], metadata={"omit_empty": True})
    """The aliases that were replaced."""
    carried: tuple[Carried, ...] = field(default=(), metadata={"omit_empty": True})
    """What was stated and could not be enforced; of the request only names of fields, no values."""
    sources: Mapping[str, Mapping[str, FactSource]] = field(
        factory=dict[str, Mapping[str, FactSource]], eq=False, repr=False, metadata={"omit_empty": True}
    )
    """
    Who states the facts that decided, and since when, by backend id and the fact's name: of the chosen backend those
    that policies looked at, of the first twenty rejected ones those of the gates that they fail.

    It is no part of what decides, so two decisions are equal whoever says so.
    """
    versions: Mapping[str, str] = field(factory=dict[str, str], metadata={"omit_empty": True})
    """The distributions that made the catalogue, and their versions."""
    state: StateUse | None = field(default=None, metadata={"omit_empty": True})
    """What was measured and mattered; ``None``: nothing of it did."""

    def __hash__(self) -> int:
        """Hash the id, which all inputs are in."""
        return hash(self.id)

    def first(self, count: int) -> Sequence[RankedCandidate]:
        """Give the best candidates, at most so many, without expanding the others."""
        if "ranking" in self.__dict__:
            return self.ranking[: max(count, 0)]
        return cast("Sequence[RankedCandidate]", self._source.expand("first", count))

    def nearest(self) -> Rejection | None:
        """Give the rejected candidate that lacks least, or ``None`` when nobody was rejected."""
        return self.rejected[0] if self.rejected else None

    def require(self) -> str:
        """
        Give the id of the chosen backend.

        Raises:
            ProviderError: Nobody was eligible; it carries the decision, and a remedy in one line.

        """
        if self.chosen is not None:
            return self.chosen
        whose = "" if self.provider is None else f" for provider {self.provider}"
        error = ProviderError(f"No registered chat backend satisfied the selection criteria{whose}")
        error.decision = self
        raise error.with_remedy(self.remedy)

    def explain(self) -> str:
        """Tell a person who was chosen and why, who came next, and why the others were not eligible."""
        from converge_provider.selection.explaining import explain  # only for people

        return explain(self)
