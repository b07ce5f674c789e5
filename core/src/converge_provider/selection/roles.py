"""Giving roles to backends of any kind: the best of those that meet a role, and a record for each role."""

from collections.abc import Iterable, Sequence
from enum import Enum
from math import inf

from attrs import evolve, field

from converge_provider.contract.backends import Backend, has_capability
from converge_provider.selection.envelope import Declared, carried_by, lacks
from converge_provider.values.classes import frozen
from converge_provider.values.freezing import frozen_names
from converge_provider.values.requirements import BackendRequirements
from converge_provider.values.vocabulary import CostClass

__all__ = ("Disposition", "Role", "RoleCandidate", "RoleDecision", "assign_roles")


@frozen(kw_only=True)
class Role:
    """A part that one backend is to play."""

    name: str
    requirements: BackendRequirements
    domain_tags: frozenset[str] = field(default=frozenset(), converter=frozen_names)
    """What the work is about: ``finance``, ``wards``, …; who shares more of them comes first."""


class Disposition(Enum):
    """What became of a backend for one role."""

    SELECTED = "selected"
    OUTRANKED = "outranked"
    """It meets the role, and another one is better."""
    ALREADY_SELECTED = "already_selected"
    """It meets the role, and has another one."""
    NO_COVERAGE = "no_coverage"
    """It does not meet the role."""


@frozen(kw_only=True)
class RoleCandidate:
    """One backend that was looked at for a role."""

    name: str
    disposition: Disposition
    coverage: float
    """The share of the required capabilities that it has, from 0 to 1; 1 when none is required."""
    has_affinity: bool
    """Whether it says that the role is its own (``role_affinity``)."""
    domain_hits: int
    """How many of the role's tags it has (``domain_tags``)."""
    lacks: tuple[str, ...] = ()
    """What it does not meet, one phrase each."""


@frozen(kw_only=True)
class RoleDecision:
    """Who got one role, and what became of everybody else."""

    role: str
    chosen: str | None
    """The backend's name; ``None``: nobody meets the role."""
    candidates: tuple[RoleCandidate, ...]
    """Every backend, the best first; those that do not meet the role behind, by name."""
    carried: tuple[str, ...] = ()
    """The requirements that the chosen one declares nothing about, so that nobody can hold it to them."""


def assign_roles(
    roles: Iterable[Role], backends: Sequence[Backend], *, each_once: bool = False
) -> tuple[RoleDecision, ...]:
    """
    Give each role to the best backend that meets its requirements.

    Who meets a role is told by kind, capabilities, replay and offline, and by cost, latency (0: no limit), residence
    and certificate wherever a backend declares them.  Among those, in this order: whose ``role_affinity`` names the
    role, who shares more domain tags, the lower cost class, the lower latency, the smaller name; what is not declared
    counts as the worst.

    Args:
        roles: What is to be done, in the order in which it is given away.
        backends: Who is there; their order carries no meaning.
        each_once: Whether a backend that has a role gets no other.

    Returns:
        One record for each role, in the order of the roles.

    """
    taken: set[str] = set()
    decisions: list[RoleDecision] = []
    for role in roles:
        decision = _decide(role, backends, taken if each_once else set())
        decisions.append(decision)
        if decision.chosen is not None:
            taken.add(decision.chosen)
    return tuple(decisions)


def _decide(role: Role, backends: Sequence[Backend], taken: set[str]) -> RoleDecision:
    ranked = sorted(backends, key=lambda backend: _rank(role, backend))
    found = [_candidate(role, backend) for backend in ranked]
    able = [one for one in found if not one.lacks]
    chosen = next((one.name for one in able if one.name not in taken), None)
    candidates = [_disposed(one, chosen, taken) for one in (*able, *sorted(_unable(found), key=lambda one: one.name))]
    wearer = next((backend for backend in ranked if backend.name == chosen), None)
    carried = () if wearer is None else carried_by(wearer, role.requirements)
    return RoleDecision(role=role.name, chosen=chosen, candidates=tuple(candidates), carried=carried)


def _unable(found: Iterable[RoleCandidate]) -> Iterable[RoleCandidate]:
    return (one for one in found if one.lacks)


def _rank(role: Role, backend: Backend) -> tuple[bool, int, int, float, str]:
    declared = Declared.of(backend)
    cost = CostClass.VERY_HIGH.rank + 1 if declared.cost_class is None else declared.cost_class.rank
    latency = inf if declared.latency_ms is None else declared.latency_ms
    return not _has_affinity(role, backend), -_hits(role, backend), cost, latency, backend.name


def _has_affinity(role: Role, backend: Backend) -> bool:
    return role.name in _names(backend, "role_affinity")


def _hits(role: Role, backend: Backend) -> int:
    return len(role.domain_tags & _names(backend, "domain_tags"))


def _names(backend: Backend, attribute: str) -> frozenset[str]:
    return frozen_names(getattr(backend, attribute, ()))


def _candidate(role: Role, backend: Backend) -> RoleCandidate:
    slots = role.requirements.required_capabilities
    missing = tuple(lacks(backend, role.requirements, slots))
    covered = sum(has_capability(backend, slot) for slot in slots)
    return RoleCandidate(
        name=backend.name,
        disposition=Disposition.NO_COVERAGE if missing else Disposition.OUTRANKED,
        coverage=covered / len(slots) if slots else 1.0,
        has_affinity=_has_affinity(role, backend),
        domain_hits=_hits(role, backend),
        lacks=missing,
    )


def _disposed(one: RoleCandidate, chosen: str | None, taken: set[str]) -> RoleCandidate:
    if one.lacks:
        return one
    if one.name == chosen:
        return evolve(one, disposition=Disposition.SELECTED)
    return evolve(one, disposition=Disposition.ALREADY_SELECTED) if one.name in taken else one
