"""What is asked: what the host states, joined by what the request needs."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from attrs import evolve, field

from converge_provider.selection.needs import NOTHING, Needs
from converge_provider.selection.rows import Carried, Reason
from converge_provider.values.classes import frozen
from converge_provider.values.constraints import Constraints
from converge_provider.values.criteria import SelectionCriteria
from converge_provider.values.measured import LatencyRule, Measured, StateView
from converge_provider.values.requests import ChatRequest
from converge_provider.values.requirements import AgentRequirements
from converge_provider.values.selection_config import ChatBackendSelectionConfig
from converge_provider.values.vocabulary import CostClass, DataSovereignty, Jurisdiction

if TYPE_CHECKING:
    from converge_provider.registry import Catalogue

__all__ = ("ASSUMED_CONTEXT_TOKENS", "Question")

ASSUMED_CONTEXT_TOKENS = 2_048
"""The window that a backend is taken to have at least, where nobody states one and the host does not ask for one."""

_UNSTATED = AgentRequirements(max_cost_class=CostClass.VERY_HIGH, max_latency_ms=300_000, min_quality=0.0)
"""What a host that states no criteria asks for: any cost, any quality; the latency is only the scale of its score."""

_CONTRACT_FLAGS = frozenset({"tool_use", "vision", "structured_output"})


@frozen(kw_only=True, eq=False, slots=False)
class Question:
    """Everything that the gates of one selection depend on beside the catalogue."""

    criteria: SelectionCriteria | None
    """What the host states; ``None``: nothing."""
    requirements: AgentRequirements
    """The same in numbers, joined by what the request needs."""
    stated_context: int | None
    """The context window that the host asks for, in tokens."""
    needs: Needs = NOTHING
    constraints: Constraints | None = None
    """What the host demands beyond the criteria; ``None``: nothing."""
    contract_only: bool = False
    """Whether only the contract's own gates are asked."""
    request: ChatRequest | None = None
    request_digest: str | None = None
    """The hash of a request of which only its needs are on record."""
    carried: Sequence[Carried] = ()
    """What such a request carried that no gate enforces."""
    provider: str | None = None
    """The only provider to consider, in any ASCII case."""
    backend: str | None = None
    """The only backend or model to consider, an alias replaced."""
    model: str | None = None
    """The same, as the request says."""
    replaced: Mapping[str, str] = field(factory=dict[str, str])
    """The aliases that were replaced."""
    barred: Mapping[str, Reason] = field(factory=dict[str, Reason])
    """The caller's own rejections."""
    state: StateView | None = None
    """What was measured; ``None``: nothing is known of that."""
    slow: Mapping[str, Measured] = field(factory=dict[str, Measured])
    """Those whose measured latency is above what is asked, by id."""

    @classmethod
    def of_config(cls, config: ChatBackendSelectionConfig) -> "Question":
        """Ask what the contract's registry is asked."""
        stated = _stated(config.criteria)
        return cls(
            criteria=config.criteria,
            requirements=stated,
            stated_context=stated.min_context_tokens,
            provider=config.provider_override,
            contract_only=True,
        )

    @classmethod
    def of(
        cls,
        catalogue: "Catalogue",
        *,
        request: ChatRequest | None,
        criteria: SelectionCriteria | None,
        provider: str | None,
        backend: str | None,
        barred: Mapping[str, Reason],
        constraints: Constraints | None = None,
        state: StateView | None = None,
    ) -> "Question":
        """Ask what :func:`~converge_provider.selection.decide` is asked."""
        needs = Needs.of(request)
        stated = _UNSTATED if criteria is None else _located(criteria)
        model = None if request is None else request.model
        aliases = catalogue.aliases
        return cls(
            criteria=criteria,
            requirements=stated if needs is NOTHING else _joined(stated, needs),
            stated_context=stated.min_context_tokens,
            needs=needs,
            constraints=constraints,
            request=request,
            provider=provider,
            backend=backend if backend is None else aliases.get(backend, backend),
            model=model if model is None else aliases.get(model, model),
            replaced=_replaced(aliases, backend, model) if aliases else _NONE,
            barred=barred,
            state=state,
            slow=_NOBODY if state is None or criteria is None else _slow(state, stated.max_latency_ms),
        )

    def otherwise(self, *, criteria: SelectionCriteria | None, needs: Needs) -> "Question":
        """Ask the same with other criteria, or as if the request needed something else."""
        stated = _UNSTATED if criteria is None else _located(criteria)
        return evolve(
            self,
            criteria=criteria,
            requirements=stated if needs is NOTHING else _joined(stated, needs),
            stated_context=stated.min_context_tokens,
            needs=needs,
        )

    @property
    def latency_rule(self) -> LatencyRule | None:
        """When a measured latency speaks."""
        return None if self.state is None else self.state.latency_rule

    @property
    def has_request(self) -> bool:
        """Whether there is a request, be it only on record."""
        return self.request is not None or self.request_digest is not None

    @property
    def names_somebody(self) -> bool:
        """Whether the host names a provider, a backend or a model."""
        return self.provider is not None or self.backend is not None or self.model is not None


_NONE: Mapping[str, str] = {}
_NOBODY: Mapping[str, Measured] = {}


def _slow(state: StateView, limit_ms: int) -> Mapping[str, Measured]:
    rule = state.latency_rule
    if rule is None:
        return _NOBODY
    enough, limit_s, seconds = rule.samples, limit_ms / 1e3, attrgetter(rule.column)
    measured = [(name, one) for name, one in state.measured.items() if one.latency_samples >= enough]
    return {name: one for name, one in measured if (latency_s := seconds(one)) is not None and latency_s > limit_s}


def _replaced(aliases: Mapping[str, str], *names: str | None) -> Mapping[str, str]:
    return {name: aliases[name] for name in names if name is not None and name in aliases}


@lru_cache(maxsize=256)
def _stated(criteria: SelectionCriteria) -> AgentRequirements:
    """Derive the numbers, once for equal criteria."""
    return criteria.to_agent_requirements()


@lru_cache(maxsize=256)
def _located(criteria: SelectionCriteria) -> AgentRequirements:
    """
    Derive the numbers where countries are compared.

    The contract can only ask for the premises where the user's own country is meant; the gate ``jurisdiction`` compares
    the countries themselves, if the user's is known.
    """
    stated = _stated(criteria)
    if criteria.jurisdiction is Jurisdiction.SAME_COUNTRY and criteria.user_country:
        return evolve(stated, data_sovereignty=DataSovereignty.ANY)
    return stated


def _joined(stated: AgentRequirements, needs: Needs) -> AgentRequirements:
    """Add what the request needs, so that whoever is eligible satisfies the result."""
    changes: dict[str, Any] = {f"requires_{flag}": True for flag in needs.flags if flag in _CONTRACT_FLAGS}
    least = stated.min_context_tokens
    taken_for_granted = ASSUMED_CONTEXT_TOKENS if least is None else least
    needed = needs.least_context_tokens if needs.counted else needs.input_tokens + needs.answer_tokens
    if needed > taken_for_granted:
        changes["min_context_tokens"] = needed
    return evolve(stated, **changes) if changes else stated
