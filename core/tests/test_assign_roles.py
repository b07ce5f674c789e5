"""Roles go to the best backend that meets them, and each role has a record."""

from typing import Any

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings, strategies as st

from converge_provider import (
    BackendDescriptor,
    BackendKind,
    BackendRequirements,
    Capability,
    Certification,
    Claims,
    ComplianceLevel,
    CostClass,
    DataSovereignty,
    Disposition,
    ProviderRequest,
    Role,
    assign,
    assign_roles,
)

law = settings(derandomize=True, database=None, deadline=None, max_examples=100)


@frozen(kw_only=True)
class Desk:
    """A backend; ``None`` is not declared."""

    name: str
    kind: BackendKind = BackendKind.POLICY
    capabilities: tuple[Capability, ...] = (Capability.ACCESS_CONTROL,)
    role_affinity: tuple[str, ...] = ()
    domain_tags: tuple[str, ...] = ()
    cost_class: CostClass | None = CostClass.LOW
    typical_latency_ms: int | None = 10
    data_sovereignty: Any = None
    compliance: Any = None


GATE = Role(
    name="gate",
    requirements=BackendRequirements(kind=BackendKind.POLICY, required_capabilities=(Capability.ACCESS_CONTROL,)),
    domain_tags={"wards", "beds"},
)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        pytest.param({"role_affinity": ("gate",)}, {"domain_tags": ("wards", "beds")}, id="affinity before tags"),
        pytest.param(
            {"domain_tags": ("wards", "beds"), "cost_class": CostClass.HIGH}, {"domain_tags": ("beds",)}, id="more tags"
        ),
        pytest.param(
            {"cost_class": CostClass.FREE, "typical_latency_ms": 900}, {"cost_class": CostClass.LOW}, id="lower cost"
        ),
        pytest.param({"typical_latency_ms": 9}, {"typical_latency_ms": 10}, id="lower latency"),
        pytest.param({"cost_class": CostClass.VERY_HIGH}, {"cost_class": None}, id="undeclared cost is the worst"),
        pytest.param({"typical_latency_ms": 10**9}, {"typical_latency_ms": None}, id="undeclared latency is the worst"),
        pytest.param({}, {}, id="smaller name"),
    ],
)
def test_role_goes_to_the_better_one(better: dict[str, Any], worse: dict[str, Any]) -> None:
    """Affinity, shared tags, cost, latency and name decide, in this order, whatever the order of the backends."""
    good, bad = Desk(name="z" if better or worse else "a", **better), Desk(name="b", **worse)
    for backends in ([good, bad], [bad, good]):
        (decision,) = assign_roles([GATE], backends)

        assert decision.chosen == good.name
        assert [one.disposition for one in decision.candidates] == [Disposition.SELECTED, Disposition.OUTRANKED]


def test_record_says_what_became_of_everybody() -> None:
    """Each candidate has its disposition, its coverage and hits, and what it lacks."""
    backends = [
        Desk(name="search", kind=BackendKind.SEARCH, capabilities=(), domain_tags=("beds",)),
        Desk(name="gate-1", role_affinity=("gate",)),
        Desk(name="gate-2"),
    ]
    first, second = assign_roles([GATE, evolve(GATE, name="other")], backends, each_once=True)

    assert (first.chosen, second.chosen) == ("gate-1", "gate-2")
    assert [(one.name, one.disposition.value) for one in second.candidates] == [
        ("gate-1", "already_selected"),
        ("gate-2", "selected"),
        ("search", "no_coverage"),
    ]
    assert first.candidates[0].has_affinity
    assert first.candidates[2].lacks == ("kind search, policy is asked for", "AccessControl no")
    assert (first.candidates[2].coverage, first.candidates[2].domain_hits) == (0.0, 1)


def test_backend_may_have_several_roles_unless_told_otherwise() -> None:
    """Without the option one backend takes every role that it is the best for."""
    decisions = assign_roles([GATE, evolve(GATE, name="other")], [Desk(name="gate-1")])

    assert [one.chosen for one in decisions] == ["gate-1", "gate-1"]


def test_record_names_what_is_carried_only() -> None:
    """A requirement that the chosen one declares nothing about is named: nobody can hold it to that."""
    wanted = evolve(
        GATE.requirements,
        max_cost_class=CostClass.LOW,
        max_latency_ms=100,
        data_sovereignty=DataSovereignty.EU,
        compliance=ComplianceLevel.GDPR,
    )
    silent = Desk(name="gate-1", cost_class=None, data_sovereignty=frozenset({DataSovereignty.EU}))
    (decision,) = assign_roles([evolve(GATE, requirements=wanted)], [silent])

    assert decision.chosen == "gate-1"
    assert decision.carried == ("max_cost_class", "compliance")


def test_nobody_who_meets_a_role_leaves_it_open() -> None:
    """Then nobody is chosen, and everybody's lack is told."""
    (decision,) = assign_roles([GATE], [Desk(name="slow", capabilities=())])

    assert decision.chosen is None
    assert [one.lacks for one in decision.candidates] == [("AccessControl no",)]


def suits(limits: dict[str, Any], backend: Any) -> bool:
    """Say whether the contract's assignment gives a backend a role with these limits."""
    wanted = evolve(GATE.requirements, **limits)
    request = ProviderRequest(id="r", required_capabilities=(), backend_requirements=wanted)
    return bool(assign(request, [backend]).assignments)


@pytest.mark.parametrize(
    ("limits", "good", "bad"),
    [
        pytest.param(
            {"compliance": ComplianceLevel.SOC2},
            frozenset({ComplianceLevel.GDPR, ComplianceLevel.SOC2}),
            frozenset({ComplianceLevel.GDPR}),
            id="compliance",
        ),
        pytest.param(
            {"data_sovereignty": DataSovereignty.EU},
            (DataSovereignty.EU, DataSovereignty.SWITZERLAND),
            frozenset[DataSovereignty](),
            id="sovereignty",
        ),
    ],
)
def test_declared_sets_count_member_by_member(limits: dict[str, Any], good: Any, bad: Any) -> None:
    """Who is certified for several rulebooks, or resides in several places, declares a set of them."""
    (name,) = limits

    assert suits(limits, Desk(name="a", **{name: good}))
    assert not suits(limits, Desk(name="a", **{name: bad}))


@frozen(kw_only=True)
class Described:
    """A backend that declares its facts in a descriptor with claims."""

    descriptor: BackendDescriptor
    name: str = "described"
    kind: BackendKind = BackendKind.POLICY
    capabilities: tuple[Capability, ...] = (Capability.ACCESS_CONTROL,)


def test_claims_and_unknown_of_a_descriptor_count() -> None:
    """Claims add to the descriptor's one word, and what the descriptor calls unknown is not declared."""
    claims = Claims(
        compliance=frozenset({ComplianceLevel.GDPR}), certifications=(Certification(name="hipaa"),),
        data_sovereignty=frozenset({DataSovereignty.EU}),
    )  # fmt: skip
    known = BackendDescriptor(
        provider="acme", model="m", cost_class=CostClass.HIGH, typical_latency_ms=500, quality=0.5, claims=claims
    )
    unknown = evolve(known, unknown=frozenset({"cost_class", "typical_latency_ms"}))

    assert suits({"compliance": ComplianceLevel.HIPAA}, Described(descriptor=known))
    assert not suits({"compliance": ComplianceLevel.SOC2}, Described(descriptor=known))
    assert suits({"data_sovereignty": DataSovereignty.EU}, Described(descriptor=known))
    assert not suits({"data_sovereignty": DataSovereignty.US}, Described(descriptor=known))
    for limit in ({"max_cost_class": CostClass.LOW}, {"max_latency_ms": 100}):
        assert not suits(limit, Described(descriptor=known))
        assert suits(limit, Described(descriptor=unknown))


DESKS = st.builds(
    Desk,
    name=st.uuids().map(str),
    capabilities=st.sampled_from([(), (Capability.ACCESS_CONTROL,)]),
    role_affinity=st.sampled_from([(), ("gate",)]),
    domain_tags=st.sampled_from([(), ("wards",), ("wards", "beds")]),
    cost_class=st.sampled_from([None, *CostClass]),
    typical_latency_ms=st.sampled_from([None, 5, 10]),
)


@law
@given(desks=st.lists(DESKS, max_size=6), shuffle=st.randoms(use_true_random=False), once=st.booleans())
def test_roles_do_not_depend_on_the_order_of_the_backends(desks: list[Desk], shuffle: Any, once: bool) -> None:
    """Registering in another order changes no record, and chosen plus rejected are all."""
    roles = [GATE, evolve(GATE, name="other")]
    decisions = assign_roles(roles, desks, each_once=once)
    shuffle.shuffle(desks)

    assert assign_roles(roles, desks, each_once=once) == decisions
    for decision in decisions:
        selected = [one.name for one in decision.candidates if one.disposition is Disposition.SELECTED]
        assert selected == ([] if decision.chosen is None else [decision.chosen])
        assert sorted(one.name for one in decision.candidates) == sorted(desk.name for desk in desks)
