"""The decision: expanded when it is read, equal to what was written down, and clear about what to do next."""

import copy
import json
import pickle
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from attrs import evolve, field, fields, frozen

from converge_provider import (
    BackendDescriptor,
    CandidateView,
    Catalogue,
    CatalogueEntry,
    ChatBackendCapabilities,
    ChatRequest,
    Claims,
    ComplianceLevel,
    CostClass,
    EnabledPolicy,
    Jurisdiction,
    PolicyError,
    ProviderError,
    RegisteredChatBackend,
    RequiredCapabilities,
    SelectionCriteria,
    codec,
    policy,
)
from converge_provider.registry import ProviderState
from converge_provider.selection import FITNESS, Decision, RankedCandidate, Reason, decide
from converge_provider.testing import ScriptedBackend


def described(provider: str, model: str, *, quality: float = 0.7, cost: CostClass = CostClass.LOW) -> BackendDescriptor:
    """Describe a backend."""
    return BackendDescriptor(
        provider=provider, model=model, cost_class=cost, typical_latency_ms=500, quality=quality, claims=Claims()
    )


def catalogue_of(*descriptors: BackendDescriptor) -> Catalogue:
    """Register backends."""
    return Catalogue.of(*(RegisteredChatBackend(each, ScriptedBackend()) for each in descriptors))


MIXED = catalogue_of(
    described("acme", "good", quality=0.9),
    described("acme", "fair"),
    described("acme", "dear", cost=CostClass.HIGH),
    described("zeta", "poor", quality=0.1, cost=CostClass.VERY_HIGH),
)
ASKED = SelectionCriteria()
TIME = "2026-11-20T12:00:00Z"
LARGE = ChatBackendCapabilities(context_tokens=100_000)


def make(**question: Any) -> Decision:
    """Decide among the mixed ones."""
    inputs: dict[str, Any] = {"criteria": ASKED, "time": TIME, **question}
    return decide(MIXED, **inputs)


def test_decision_names_who_was_chosen_and_by_how_much() -> None:
    """The best total is chosen; the margin is what it has over the second."""
    decision = make()

    assert decision.chosen == decision.require() == "acme/good"
    assert decision.margin == decision.ranking[0].total - decision.ranking[1].total
    assert decision.remedy is None
    assert [row.rank for row in decision.ranking] == [1, 2]


def test_decision_lists_the_nearest_rejected_first() -> None:
    """Rejected candidates come by the number of gates they fail; the counts say how many fail each."""
    decision = make()

    assert [(row.id, [reason.gate for reason in row.reasons]) for row in decision.rejected] == [
        ("acme/dear", ["cost"]),
        ("zeta/poor", ["cost", "quality"]),
    ]
    assert decision.nearest() == decision.rejected[0]
    assert decision.counts == {"cost": 2, "quality": 1}


def test_decision_nearest_is_one_that_the_host_names() -> None:
    """Whoever the host names is nearer than anybody else, however many gates it fails."""
    nearest = make(provider="zeta").nearest()

    assert nearest is not None
    assert nearest.id == "zeta/poor"
    assert len(nearest.reasons) == 2


def test_decision_has_nobody_near_when_nobody_was_rejected() -> None:
    """Without a rejection there is no nearest one, and with one candidate there is no margin."""
    alone = decide(catalogue_of(described("acme", "good")))

    assert (alone.nearest(), alone.margin, alone.chosen) == (None, None, "acme/good")


@pytest.mark.parametrize("count", [-1, 0, 1, 2, 3, 99])
def test_decision_first_is_the_head_of_the_ranking(count: int) -> None:
    """``first`` gives the best ones, whether or not the ranking was expanded before."""
    fresh, read = make(), make()
    head = read.ranking[: max(count, 0)]

    assert tuple(fresh.first(count)) == tuple(read.first(count)) == head
    assert tuple(codec.load(Decision, codec.dump(read)).first(count)) == head


def test_decision_expands_only_what_is_read() -> None:
    """Neither rows nor reasons nor the id are made before somebody reads them."""
    decision = make()
    unread = {"ranking", "rejected", "id", "counts", "policies"} - vars(decision).keys()
    rows = decision.first(2)

    assert unread == {"ranking", "rejected", "id", "counts", "policies"}
    assert "ranking" not in vars(decision)
    assert "terms" not in vars(rows[0])
    assert decision.ranking == rows
    assert vars(decision)["ranking"] is decision.ranking


@pytest.mark.parametrize(
    "question",
    [
        pytest.param({}, id="chosen"),
        pytest.param({"criteria": None}, id="no criteria"),
        pytest.param({"provider": "nobody"}, id="nobody"),
        pytest.param({"request": ChatRequest(messages=(), seed=1, max_tokens=5)}, id="derived"),
        pytest.param({"barred": {"acme/good": Reason("breaker", "open")}, "seed": 7}, id="barred"),
    ],
)
def test_decision_survives_being_written_down(question: Mapping[str, Any]) -> None:
    """A decision that was dumped, printed as JSON and loaded equals the one that was made, and says the same."""
    decision = make(**question)
    loaded = codec.load(Decision, json.loads(json.dumps(codec.dump(decision))))

    assert loaded == decision
    assert hash(loaded) == hash(decision)
    assert loaded.explain() == decision.explain()
    assert loaded.nearest() == decision.nearest()


def test_decision_survives_pickling_and_copying() -> None:
    """A pickled, copied or evolved decision holds the values and no catalogue."""
    decision = make()
    pickled: Decision = pickle.loads(pickle.dumps(decision))

    assert pickled == decision == copy.deepcopy(decision)
    assert vars(pickled).keys() == {each.name for each in fields(Decision)}
    assert evolve(decision, ranking=decision.ranking[:1]).ranking == decision.ranking[:1]
    assert pickle.loads(pickle.dumps(decision.ranking[0])) == decision.ranking[0]


def test_decision_has_no_field_that_it_does_not_have() -> None:
    """Reading what does not exist raises ``AttributeError``, and an unread decision can be printed."""
    decision = make()

    assert not hasattr(decision, "chosenn")
    assert not hasattr(decision.first(1)[0], "_expand_terms")
    assert "chosen='acme/good'" in repr(decision)
    for name in ("chosen", "invented"):
        with pytest.raises(AttributeError):
            setattr(decision, name, "somebody else")


BASE: dict[str, Any] = {"criteria": ASKED, "time": TIME, "seed": 1}
OTHER: dict[str, dict[str, Any]] = {
    "criteria": {"criteria": SelectionCriteria.batch()},
    "no criteria": {"criteria": None},
    "time": {"time": "2026-11-20T12:00:01Z"},
    "seed": {"seed": 2},
    "provider": {"provider": "acme"},
    "backend": {"backend": "acme/good"},
    "request": {"request": ChatRequest.of("a")},
    "another request": {"request": ChatRequest.of("b")},
    "weight": {"policies": (EnabledPolicy(FITNESS.policy, 2.0),)},
    "barred": {"barred": {"acme/good": Reason("breaker", "open")}},
    "barred for another reason": {"barred": {"acme/good": Reason("breaker", "closed")}},
}


def test_decision_id_depends_on_every_input() -> None:
    """Each input that differs gives another id; the same inputs give the same."""
    ids = {name: make(**{**BASE, **change}).id for name, change in OTHER.items()}
    elsewhere = decide(catalogue_of(described("acme", "good", quality=0.8)), **BASE).id

    assert len({*ids.values(), elsewhere, make(**BASE).id}) == len(OTHER) + 2
    assert make(**BASE).id == make(**BASE).id == evolve(make(**BASE)).id


def test_decision_id_depends_on_the_options_of_a_policy() -> None:
    """The same policy with other options is another question."""

    @frozen(kw_only=True)
    class Options:
        share: float = 0.5

    @policy(options=Options)
    def even(view: CandidateView, options: Options) -> list[float]:
        return [options.share] * len(view)

    half, default = (make(policies=(EnabledPolicy(even, 1.0, options),)) for options in (Options(), None))
    third = make(policies=(EnabledPolicy(even, 1.0, Options(share=0.3)),))

    assert half.id == default.id != third.id
    assert third.policies[0].options == {"share": 0.3}


def test_decision_refuses_options_that_cannot_be_written_down() -> None:
    """Options without a document form make the record impossible, and the message names the policy."""

    @frozen(kw_only=True)
    class Options:
        thing: object = field(factory=object)

    @policy(options=Options)
    def odd(view: CandidateView, options: Options) -> list[float]:
        return [1.0] * len(view)

    with pytest.raises(PolicyError, match="the options of policy 'odd' cannot be written into the record"):
        _ = make(policies=(EnabledPolicy(odd),)).policies


def test_decision_does_not_hold_the_prompt() -> None:
    """Neither the document nor the text nor the printed form shows what was asked."""
    decision = make(request=ChatRequest.of("attack at dawn", system="attack at dusk"))
    text = json.dumps(codec.dump(decision)) + decision.explain() + repr(decision)

    assert "attack" not in text


def test_decision_replaces_an_alias_and_says_so() -> None:
    """An alias of the catalogue stands for its backend, in the pin and in the request."""
    named = Catalogue(entries=MIXED.entries, aliases={"house": "acme/fair"})
    pinned = decide(named, backend="house")
    requested = decide(named, request=ChatRequest(messages=(), model="house"))

    assert (pinned.chosen, pinned.backend) == ("acme/fair", "acme/fair")
    assert (requested.chosen, requested.model) == ("acme/fair", "acme/fair")
    assert pinned.notes[0] == requested.notes[0] == "'house' is an alias of 'acme/fair'."


def test_require_raises_the_contracts_error() -> None:
    """When nobody is eligible, the error has the contract's text, the decision and a remedy."""
    nobody = make(provider="nobody")
    with pytest.raises(ProviderError) as caught:
        nobody.require()

    message = "provider error: No registered chat backend satisfied the selection criteria for provider nobody"
    assert str(caught.value) == message
    assert caught.value.decision is nobody
    assert caught.value.remedy == nobody.remedy
    with pytest.raises(ProviderError, match=r"satisfied the selection criteria$"):
        make(backend="nobody").require()


def late(model: str, quality: float) -> BackendDescriptor:
    """Describe a last resort."""
    return evolve(described("acme", model, quality=quality), claims=Claims(last_resort=True))


@pytest.mark.parametrize(
    ("catalogue", "line"),
    [
        pytest.param(
            catalogue_of(described("acme", "a", quality=0.75), described("acme", "b", quality=0.5)),
            "Next: acme/b, total 0.7695, behind by 0.0750",
            id="behind",
        ),
        pytest.param(
            catalogue_of(described("acme", "a"), described("acme", "b")),
            "Next: acme/b, with the same total; provider and model decide by their names",
            id="tie",
        ),
        pytest.param(
            catalogue_of(described("acme", "a", quality=0.5), late("b", 0.75)),
            "Next: acme/b, total 0.8445, behind because it is a last resort",
            id="last resort",
        ),
        pytest.param(
            catalogue_of(late("a", 0.75), late("b", 0.5)),
            "Next: acme/b, total 0.7695, behind by 0.0750",
            id="two last resorts",
        ),
    ],
)
def test_explain_says_why_the_second_is_second(catalogue: Catalogue, line: str) -> None:
    """The text names the second, and what put it behind."""
    assert decide(catalogue).explain().splitlines()[2] == line


def test_explain_of_one_alone_names_no_second() -> None:
    """Where nobody else is eligible, the text does not speak of a second."""
    assert "Next:" not in decide(catalogue_of(described("acme", "a"))).explain()


def test_explain_of_nobody_begins_with_the_remedy() -> None:
    """When nobody is eligible, the text says so first, then what would help, then who failed what."""
    lines = make(provider="acmee", backend="good").explain().splitlines()

    assert lines[:6] == [
        "Nobody is eligible.",
        "There is no provider 'acmee'; did you mean 'acme'?",
        "",
        "Asked for",
        "  provider acmee",
        "  backend good",
    ]
    assert "  zeta/poor" in lines


def test_explain_says_what_was_stated() -> None:
    """Every kind of need that the criteria state has its line."""
    text = make(
        criteria=SelectionCriteria(
            jurisdiction=Jurisdiction.SAME_COUNTRY,
            compliance=ComplianceLevel.HIPAA,
            capabilities=RequiredCapabilities(code=True, min_context_tokens=9),
        )
    ).explain()

    for line in ("code", "context of 9 tokens", "data sovereignty OnPremises", "compliance HIPAA"):
        assert f"\n  {line}\n" in text


def entry(descriptor: BackendDescriptor, *missing: str) -> CatalogueEntry:
    """Put a backend into a catalogue that lacks something."""
    return CatalogueEntry(id=descriptor.id, descriptor=descriptor, missing=missing, opener=lambda _: ScriptedBackend())


def state(name: str, **changes: Any) -> ProviderState:
    """Make a provider that is known."""
    return ProviderState(name=name, type_name=name, display_name=name.title(), **changes)


ACME = described("acme", "good")
READY = Catalogue(entries=[entry(ACME)], providers={"acme": state("acme")})


@pytest.mark.parametrize("count", [10, 11])
def test_explain_names_the_many_that_only_lack_their_configuration(count: int) -> None:
    """A few are told one by one with what they lack; many are named by provider, and hide nobody with other reasons."""
    lacking = [entry(described(f"vendor{n}", "m"), f"KEY{n}") for n in range(count)]
    both = entry(described("zeta", "poor", quality=0.1), "ZETA_KEY")
    asked = SelectionCriteria(capabilities=RequiredCapabilities(min_context_tokens=9))
    known = [evolve(one, descriptor=evolve(one.descriptor, capabilities=LARGE)) for one in lacking]

    lines = decide(Catalogue(entries=[*known, both]), criteria=asked).explain().splitlines()

    names = ", ".join(sorted(f"vendor{n}" for n in range(count)))
    assert (f"  {count} only lack their configuration, of: {names}" in lines) is (count > 10)
    assert ("    not configured: KEY3 is missing" in lines) is (count <= 10)
    assert f"Rejected ({count + 1})" in lines
    assert "  zeta/poor" in lines


LACKING = Catalogue(entries=[entry(ACME, "ACME_KEY")], providers={"acme": state("acme", missing=("ACME_KEY",))})


def known_only(*states: ProviderState) -> Catalogue:
    """Make a catalogue of providers without models."""
    return Catalogue(providers={each.name: each for each in states})


@pytest.mark.parametrize(
    ("catalogue", "question", "remedy"),
    [
        pytest.param(
            Catalogue(),
            {"provider": "acme"},
            "No backend is installed. Run: pip install converge-local, for a model on this machine, or "
            "converge-openai; converge doctor says whether a plugin could not be loaded.",
            id="nothing installed",
        ),
        pytest.param(
            READY, {"provider": "amce"}, "There is no provider 'amce'; did you mean 'acme'?", id="provider misspelt"
        ),
        pytest.param(READY, {"provider": "zzz"}, "There is no provider 'zzz'; there are acme.", id="provider unknown"),
        pytest.param(
            LACKING, {"provider": "ACME"}, "Provider 'acme' is not configured: ACME_KEY is missing.", id="no key"
        ),
        pytest.param(
            known_only(state("acme", missing=("ACME_KEY", "ACME_URL"))),
            {"provider": "acme"},
            "Provider 'acme' is not configured: ACME_KEY, ACME_URL are missing.",
            id="no key and no models",
        ),
        pytest.param(
            known_only(state("acme", enabled=False)),
            {"provider": "acme"},
            "Provider 'acme' is switched off in the configuration.",
            id="switched off",
        ),
        pytest.param(
            known_only(state("acme", problem="its models.toml is broken")),
            {"provider": "acme"},
            "Provider 'acme' has no backends: its models.toml is broken.",
            id="problem",
        ),
        pytest.param(
            known_only(state("acme")),
            {"provider": "acme"},
            "Provider 'acme' lists no models; ask it with: converge discover acme.",
            id="no models",
        ),
        pytest.param(
            known_only(state("zeta"), state("acme", missing=("ACME_KEY",))),
            {},
            "Provider 'acme' is not configured: ACME_KEY is missing. "
            "Provider 'zeta' lists no models; ask it with: converge discover zeta.",
            id="nobody has models",
        ),
        pytest.param(
            READY,
            {"backend": "acme/god"},
            "There is no backend or model 'acme/god'; did you mean 'acme/good'?",
            id="backend misspelt",
        ),
        pytest.param(
            READY,
            {"request": ChatRequest(messages=(), model="GOOD")},
            "There is no backend or model 'GOOD'; did you mean 'good'?",
            id="model in capitals",
        ),
        pytest.param(
            LACKING,
            {},
            "The nearest is acme/good, which is only not configured: ACME_KEY is missing.",
            id="nearest lacks its key",
        ),
        pytest.param(
            READY,
            {"criteria": SelectionCriteria.analysis()},
            "The nearest is acme/good, which fails 2 gates: reasoning no; quality 0.7 < 0.8. "
            "The smallest change that admits somebody, acme/good: ask for complexity Generation instead of Reasoning.",
            id="nearest lacks two things",
        ),
        pytest.param(
            MIXED,
            {"provider": "zeta", "criteria": SelectionCriteria(cost=ASKED.cost)},
            "The nearest is zeta/poor, which fails 2 gates: cost class VeryHigh > Medium; quality 0.1 < 0.6. "
            "The smallest change that admits somebody, acme/fair: do not ask for provider zeta.",
            id="provider does not suit",
        ),
    ],
)
def test_remedy_says_in_one_line_what_to_do(catalogue: Catalogue, question: Mapping[str, Any], remedy: str) -> None:
    """When nobody is eligible the record says why, and what would help."""
    decision = decide(catalogue, **question)

    assert (decision.chosen, decision.remedy) == (None, remedy)


def test_remedy_names_a_few_of_many() -> None:
    """A long list of names is cut, and shows that it is."""
    many = catalogue_of(*(described(f"p{i:02}", "m") for i in range(20)))

    assert decide(many, provider="zzz").remedy == (
        "There is no provider 'zzz'; there are p00, p01, p02, p03, p04, p05, p06, p07, …."
    )


def test_ranked_candidate_made_of_values_equals_one_made_of_columns() -> None:
    """A row that somebody builds by hand is equal to the row of a decision."""
    row = make().first(1)[0]
    built = RankedCandidate(id=row.id, rank=row.rank, total=row.total, terms=row.terms)

    assert built == row
    assert hash(built) == hash(row)


def test_decision_of_thousands_is_read_in_part_without_depth() -> None:
    """A large catalogue is no deeper than a small one: nothing recurses over candidates."""
    many = catalogue_of(*(described("acme", f"m{i}", quality=i / 5_000) for i in range(5_000)))
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(200)
        decision = decide(many, criteria=ASKED)
        assert len(decision.ranking) + len(decision.rejected) == 5_000
    finally:
        sys.setrecursionlimit(limit)
