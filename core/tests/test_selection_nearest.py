"""What candidates lack: one claim that nobody has made counts once, whatever gates ask for it."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings, strategies as st

from converge_provider import (
    BackendDescriptor,
    Catalogue,
    Certification,
    ChatRequest,
    Claims,
    ComplianceLevel,
    Constraints,
    CostClass,
    Prices,
    RegisteredChatBackend,
    RiskTier,
    SelectionCriteria,
    codec,
)
from converge_provider.selection import Decision, decide
from converge_provider.selection.columns import columns_of
from converge_provider.selection.replaying import replay
from converge_provider.testing import ScriptedBackend
from converge_provider.values.constraints import DataClassification
from converge_provider.values.usage import UsageDetail

law = settings(derandomize=True, database=None, deadline=None, max_examples=100)


def backend(name: str, claims: Claims) -> RegisteredChatBackend:
    """Register a backend of provider ``test``."""
    described = BackendDescriptor(
        provider="test", model=name, cost_class=CostClass.LOW, typical_latency_ms=500, quality=0.7, claims=claims
    )
    return RegisteredChatBackend(described, ScriptedBackend())


def ask(claims: Sequence[Claims], **question: Any) -> Decision:
    """Decide among backends that differ in their claims only."""
    return decide(Catalogue.of(*(backend(f"m{i}", each) for i, each in enumerate(claims))), **question)


DOLLARS = Constraints(max_usd_per_request="0.01", max_input_usd_per_mtok=1, max_output_usd_per_mtok=1)
HOME = Constraints(offline=True, risk_tier=RiskTier.HIGH, data_classification=DataClassification.RESTRICTED)
WRITTEN = Constraints(certifications={"SOC2"})
SEEDED = evolve(ChatRequest.of("How many beds?"), seed=1, top_p=0.5)


@pytest.mark.parametrize(
    ("question", "claim", "gates"),
    [
        pytest.param(
            {"constraints": DOLLARS, "request": evolve(SEEDED, seed=None, top_p=None, max_tokens=10)},
            "prices",
            ["input_price", "output_price", "request_price"],
            id="prices",
        ),
        pytest.param(
            {"constraints": HOME}, "requires_network", ["offline", "risk_tier", "data_classification"], id="network"
        ),
        pytest.param({"request": SEEDED}, "honours", ["seed", "top_p"], id="honours"),
        pytest.param(
            {"constraints": WRITTEN, "criteria": SelectionCriteria(compliance=ComplianceLevel.GDPR)},
            "certifications",
            ["compliance", "certifications"],
            id="certificates",
        ),
        pytest.param(
            {
                "constraints": Constraints(max_usd_per_request=1, min_output_tokens=5),
                "request": evolve(SEEDED, seed=None, top_p=None),
            },
            "prices",
            ["output", "request_price"],
            id="output and price",
        ),
    ],
)
def test_gates_that_ask_for_one_claim_name_it(question: dict[str, Any], claim: str, gates: list[str]) -> None:
    """Each of the gates names the same claim, and the smallest set of changes states it once."""
    (rejection,) = ask([Claims()], **question).rejected
    (found,) = ask([Claims()], **question).counterfactuals
    keys = {reason.key for reason in rejection.reasons}

    assert [reason.gate for reason in rejection.reasons] == gates
    assert claim in keys
    assert sorted(change.what for change in found.changes) == sorted(key for key in keys if key is not None)


def test_one_unmade_claim_is_nearer_than_two_failures() -> None:
    """Who fails three gates for want of one claim is nearer than who fails two for what is known of it."""
    known = Claims(requires_network=True, trains_on_inputs=True, retention_days=9)
    home = evolve(HOME, no_training=True, max_retention_days=0)
    silent = Claims(trains_on_inputs=False, retention_days=0)
    decision = ask([known, silent], constraints=home)
    nearest = decision.nearest()

    assert nearest is not None
    assert nearest.id == "test/m1"
    assert len(nearest.reasons) == 3


PRICES = st.one_of(
    st.none(),
    st.builds(
        Prices,
        input_usd_per_mtok=st.sampled_from([None, Decimal(0), Decimal("0.5"), Decimal(2)]),
        output_usd_per_mtok=st.sampled_from([None, Decimal(0), Decimal(1), Decimal(8)]),
    ),
)
CLAIMS = st.builds(
    Claims,
    prices=PRICES,
    max_output_tokens=st.sampled_from([None, 0, 4, 4_000]),
    requires_network=st.sampled_from([None, True, False]),
    honours=st.sampled_from([None, frozenset[str](), frozenset({"seed"}), frozenset({"seed", "top_p"})]),
    compliance=st.sampled_from([None, frozenset({ComplianceLevel.GDPR})]),
    certifications=st.sampled_from([None, (), (Certification(name="SOC2"),)]),
    trains_on_inputs=st.sampled_from([None, True, False]),
)
CONSTRAINTS = st.builds(
    Constraints,
    max_usd_per_request=st.sampled_from([None, Decimal("0.00001"), Decimal(1)]),
    max_input_usd_per_mtok=st.sampled_from([None, Decimal(1)]),
    max_output_usd_per_mtok=st.sampled_from([None, Decimal(2)]),
    min_output_tokens=st.sampled_from([None, 5]),
    offline=st.booleans(),
    risk_tier=st.sampled_from([None, RiskTier.HIGH]),
    data_classification=st.sampled_from([None, DataClassification.RESTRICTED]),
    certifications=st.sampled_from([frozenset[str](), frozenset({"SOC2"})]),
    no_training=st.booleans(),
)
REQUESTS = st.sampled_from(
    [None, ChatRequest.of("Hi"), SEEDED, evolve(SEEDED, max_tokens=100), evolve(ChatRequest.of(""), max_tokens=3)]
)
CRITERIA = st.sampled_from([None, SelectionCriteria(compliance=ComplianceLevel.GDPR)])


@law
@given(claims=st.lists(CLAIMS, min_size=1, max_size=6), constraints=CONSTRAINTS, request_=REQUESTS, criteria=CRITERIA)
def test_nearest_first_by_what_is_lacked(
    claims: list[Claims], constraints: Constraints, request_: ChatRequest | None, criteria: SelectionCriteria | None
) -> None:
    """The rejected stand by the number of different things that they lack, in the rows and in the columns alike."""
    decision = ask(claims, constraints=constraints, request=request_, criteria=criteria)
    lacking = [len({reason.key or reason.gate for reason in row.reasons}) for row in decision.rejected]
    columns = columns_of(decision, best=5, nearest=10)

    assert lacking == sorted(lacking)
    assert columns is not None
    assert list(columns.nearest) == list(decision.rejected)


@law
@given(claims=st.lists(CLAIMS, min_size=1, max_size=6), most=st.sampled_from(["0", "0.00002", "0.0008", "1"]))
def test_price_of_a_request_is_that_of_its_usage(claims: list[Claims], most: str) -> None:
    """The gate admits just those whose prices, for the input and the longest answer, are at most what is asked."""
    for request in (evolve(ChatRequest.of("How many beds?"), max_tokens=100), ChatRequest.of("How many beds?")):
        decision = ask(claims, constraints=Constraints(max_usd_per_request=most), request=request)
        gates = {row.id: {reason.gate for reason in row.reasons} for row in decision.rejected}
        for place, each in enumerate(claims):
            if each.max_output_tokens == 0:
                continue  # who answers nothing costs what is asked of it
            longest = min(request.max_tokens or 2**32, each.max_output_tokens or request.max_tokens or 2**32)
            usage = UsageDetail(input_uncached=decision.needs.input_tokens, output=longest)
            bounded = request.max_tokens or each.max_output_tokens is not None
            cost = each.prices.cost_of(usage).usd if each.prices and bounded else None
            passes = cost is not None and cost <= Decimal(most)

            assert ("request_price" not in gates.get(f"test/m{place}", set())) is passes


def test_price_of_a_request_is_replayed() -> None:
    """A record holds the request's size only, and the gate on its price decides the same by that."""
    claims = [Claims(prices=Prices(input_usd_per_mtok=Decimal(2), output_usd_per_mtok=Decimal(2)))]
    request = evolve(ChatRequest.of("How many beds?"), max_tokens=100)
    catalogue = Catalogue.of(backend("m", claims[0]))
    decision = decide(catalogue, request=request, constraints=Constraints(max_usd_per_request="0.0001"))
    again = replay(codec.load(Decision, json.loads(json.dumps(codec.dump(decision)))), catalogue, {})

    assert decision.counts == {"request_price": 1}
    assert again == decision


def test_price_of_a_request_ends_where_the_backend_ends_its_answer() -> None:
    """Who gives at most 4 tokens costs no more than those, however many are asked for."""
    prices = Prices(input_usd_per_mtok=Decimal(0), output_usd_per_mtok=Decimal(10))
    request = evolve(ChatRequest.of("How many beds?"), max_tokens=100)
    decision = ask(
        [Claims(prices=prices, max_output_tokens=4), Claims(prices=prices)],
        constraints=Constraints(max_usd_per_request="0.00004"),
        request=request,
    )

    assert {row.id: [reason.gate for reason in row.reasons] for row in decision.rejected} == {
        "test/m0": ["output"],
        "test/m1": ["request_price"],
    }


def test_price_is_compared_anew_for_another_request() -> None:
    """One catalogue judges requests of different sizes, and limits of different heights, each by its own price."""
    prices = Prices(input_usd_per_mtok=Decimal(1), output_usd_per_mtok=Decimal(1))
    catalogue = Catalogue.of(backend("m", Claims(prices=prices)))

    def admits(text: str, tokens: int, most: str) -> bool:
        request = evolve(ChatRequest.of(text), max_tokens=tokens)
        return decide(catalogue, request=request, constraints=Constraints(max_usd_per_request=most)).chosen is not None

    assert admits("Hi", 10, "0.0001")
    assert not admits("Hi", 1_000, "0.0001")
    assert not admits("Hi " * 900, 10, "0.0001")
    assert admits("Hi " * 900, 10, "0.01")
    assert admits("Hi", 10, "0.0001")
