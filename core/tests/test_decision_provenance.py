"""A record says who states the facts that decided, and what was carried that nothing enforces."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from converge_provider import (
    CandidateView,
    Catalogue,
    ChatBackendCapabilities,
    ChatRequest,
    Claims,
    Configuration,
    Constraints,
    CostClass,
    EnabledPolicy,
    Jurisdiction,
    PluginRegistry,
    Prices,
    RequiredCapabilities,
    RiskTier,
    RoutingPolicy,
    SelectionCriteria,
    codec,
    policy,
)
from converge_provider.engine.journal.rows import decision_row
from converge_provider.selection import Carried, Decision, decide
from converge_provider.selection.replaying import replay
from converge_provider.testing import ScriptedBackend, ScriptedProviderType


def model(name: str, quality: float) -> ScriptedBackend:
    """Make a backend that says where its price comes from."""
    prices = Prices(input_usd_per_mtok=Decimal(1))
    return ScriptedBackend(
        id=f"acme/{name}",
        cost_class=CostClass.LOW,
        typical_latency_ms=300,
        quality=quality,
        capabilities=ChatBackendCapabilities(tool_use=True),
        claims=Claims(prices=prices, source="the price list", as_of=date(2026, 5, 1)),
    )


def catalogue() -> Catalogue:
    """Build two backends, of which the operator has tested one."""
    claims = {"acme/poor": Claims(quality=0.3, source="our own tests", as_of=date(2026, 11, 2))}
    plugin = ScriptedProviderType("acme", model("swift", 0.75), model("poor", 0.2))
    return PluginRegistry.of(plugin).catalogue(Configuration(claims=claims))


def test_record_says_who_states_the_facts_that_decided() -> None:
    """Of the chosen one it tells of what the score reads, of a rejected one of what its gate compares."""
    decision = decide(catalogue(), criteria=SelectionCriteria())

    assert {fact: str(said) for fact, said in decision.sources["acme/swift"].items()} == dict.fromkeys(
        ["cost_class", "quality", "typical_latency_ms"], "adapter"
    )
    assert {fact: str(said) for fact, said in decision.sources["acme/poor"].items()} == {
        "quality": "configuration, 2026-11-02, our own tests"
    }
    assert "    quality 0.3 < 0.6 [by configuration, 2026-11-02, our own tests]" in decision.explain().splitlines()
    assert "Facts about acme/swift\n  cost_class by adapter\n" in decision.explain()


def test_record_tells_of_the_columns_that_policies_read() -> None:
    """A policy that reads prices makes them facts that decide; what explaining reads later does not."""

    @policy(name="frugal")
    def frugal(view: CandidateView, _options: object) -> list[float]:
        view.column("tool_use")
        return [0.5 if price else 0.1 for price in view.column("input_usd_per_mtok")]

    decision = decide(catalogue(), policies=(EnabledPolicy(frugal),))

    assert decision.chosen is not None
    assert {fact: str(said) for fact, said in decision.sources[decision.chosen].items()} == {
        "capabilities.ToolUse": "adapter",
        "prices": "adapter, 2026-05-01, the price list",
    }


def test_gate_on_a_flag_names_the_capability() -> None:
    """The flag of the contract is the capability of the claims."""
    criteria = SelectionCriteria(capabilities=RequiredCapabilities(vision=True))
    decision = decide(catalogue(), criteria=criteria)

    assert "vision no [by adapter]" in decision.explain()
    assert set(decision.sources["acme/swift"]) == {"capabilities.ImageUnderstanding"}


def test_gate_on_several_facts_names_each() -> None:
    """A price follows from prices and from the longest answer, so both are told with whose they are."""
    claims = Claims(prices=Prices(input_usd_per_mtok=Decimal(1), output_usd_per_mtok=Decimal(1)), max_output_tokens=90)
    registered = ScriptedBackend(id="acme/dear", claims=claims).registered
    demands = Constraints(max_usd_per_request="0.00001")
    decision = decide(Catalogue.of(registered), request=ChatRequest.of("Hi"), constraints=demands)

    assert "> $0.00001 [prices by adapter; max_output_tokens by adapter]" in decision.explain()


def test_sources_go_into_the_journal_and_through_documents() -> None:
    """What a journal keeps says who stated the facts about the candidates that it tells of."""
    decision = decide(catalogue(), criteria=SelectionCriteria())
    kept = codec.load(Decision, json.loads(json.dumps(codec.dump(decision_row(decision).decision))))

    assert kept.sources == decision.sources
    assert kept.explain().count("[by configuration, 2026-11-02, our own tests]") == 1


CARRIED = [
    pytest.param(
        {"criteria": SelectionCriteria(user_country="SE", user_region="EU")},
        {
            "criteria.user_country": "the jurisdiction Unrestricted does not ask where the user is",
            "criteria.user_region": "the jurisdiction Unrestricted does not ask where the user is",
        },
        id="nobody asks where",
    ),
    pytest.param(
        {"criteria": SelectionCriteria(jurisdiction=Jurisdiction.SAME_REGION, user_country="SE", user_region="EU")},
        {"criteria.user_country": "the jurisdiction SameRegion compares user_region"},
        id="region is compared",
    ),
    pytest.param(
        {"criteria": SelectionCriteria(jurisdiction=Jurisdiction.SAME_COUNTRY, user_country="SE")}, {}, id="compared"
    ),
    pytest.param(
        {"constraints": Constraints(max_usd_per_request="0.1")},
        {"constraints.max_usd_per_request": "there is no request whose price could be compared"},
        id="no request",
    ),
    pytest.param(
        {"constraints": Constraints(max_usd_per_request="0.1"), "request": ChatRequest.of("Hi")}, {}, id="a request"
    ),
    pytest.param(
        {"constraints": Constraints(risk_tier=RiskTier.MEDIUM)},
        {"constraints.risk_tier": "the routing policy has no list for Medium, so it admits everybody"},
        id="no list",
    ),
    pytest.param({"constraints": Constraints(risk_tier=RiskTier.HIGH)}, {}, id="a list"),
    pytest.param(
        {"constraints": Constraints(routing=RoutingPolicy(risk_tiers={RiskTier.LOW: {"acme"}}))},
        {"constraints.routing": "neither a risk tier nor a data classification is stated"},
        id="lists for nobody",
    ),
    pytest.param(
        {"request": evolve(ChatRequest.of("Hi"), metadata={"team": "wards"}, extra={"beta": True})},
        {
            "request.metadata.team": "a label of the request, which no gate reads",
            "request.extra.beta": "goes to the backend as it is; no gate knows who takes it",
        },
        id="labels",
    ),
]


@pytest.mark.parametrize(("question", "expected"), CARRIED)
def test_carried_is_what_nothing_enforces(question: dict[str, Any], expected: dict[str, str]) -> None:
    """The record names each field that decides nothing, and why; what a gate compares is not among them."""
    decision = decide(catalogue(), **question)

    assert {one.what: one.text for one in decision.carried} == expected
    assert all(f"  {what}: {text}" in decision.explain() for what, text in expected.items())


def test_carried_holds_no_values_and_few_names() -> None:
    """Values of labels never enter the record, names are cut, and of many only the first are named."""
    labels = {f"label-{i:03}{'x' * 100}": "a secret of a ward" for i in range(30)}
    decision = decide(catalogue(), request=evolve(ChatRequest.of("Hi"), metadata=labels))

    assert len(decision.carried) == 21
    assert decision.carried[-1] == Carried("request.metadata", "10 more like these")
    assert max(len(one.what) for one in decision.carried) < 90
    assert "a secret of a ward" not in json.dumps(codec.dump(decision))


def test_carried_is_replayed_without_the_request() -> None:
    """What the request carried stands in the record, and is there again when it is replayed."""
    request = evolve(ChatRequest.of("Hi"), metadata={"team": "wards"})
    decision = decide(catalogue(), request=request, criteria=SelectionCriteria(user_country="SE"))
    again = replay(codec.load(Decision, json.loads(json.dumps(codec.dump(decision)))), catalogue(), {})

    assert again.carried == decision.carried
    assert codec.dump(again) == codec.dump(decision)
