"""Policies: weighed and added up; what is of no use is refused, and says which policy and which candidate."""

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest

from converge_provider import (
    BackendDescriptor,
    CandidateView,
    Catalogue,
    ChatMessage,
    ChatRequest,
    Claims,
    CostClass,
    EnabledPolicy,
    Policy,
    PolicyError,
    Prices,
    RegisteredChatBackend,
    Scores,
    SelectionCriteria,
    policy,
)
from converge_provider.selection import FITNESS, Decision, Reason, Term, decide
from converge_provider.testing import ScriptedBackend, catalogue_of


def backend(name: str, *, quality: float = 0.5, last_resort: bool | None = None) -> RegisteredChatBackend:
    """Register a backend of provider ``test``."""
    return RegisteredChatBackend(
        BackendDescriptor(
            provider="test",
            model=name,
            cost_class=CostClass.LOW,
            typical_latency_ms=500,
            quality=quality,
            claims=Claims(last_resort=last_resort),
        ),
        ScriptedBackend(),
    )


THREE = Catalogue.of(backend("a", quality=0.25), backend("b", quality=0.5), backend("c", quality=0.75))


def giving(values: Any, *, name: str = "given", **traits: Any) -> Policy:
    """Make a policy that always gives the same."""

    def give(_view: CandidateView, _options: object) -> Any:
        return values

    return policy(name=name, **traits)(give)


def raising(*, may_veto: bool = False) -> Policy:
    """Make a policy that fails."""

    @policy(name="broken", may_veto=may_veto)
    def broken(_view: CandidateView, _options: object) -> Sequence[float]:
        message = "no such column"
        raise KeyError(message)

    return broken


def choose(*policies: EnabledPolicy, catalogue: Catalogue = THREE, **question: Any) -> Decision:
    """Decide by some policies."""
    return decide(catalogue, policies=policies, **question)


def test_total_is_the_weighted_mean() -> None:
    """The total is the sum of weight times score over the sum of the weights, and each term says its part."""
    decision = choose(
        EnabledPolicy(giving([1.0, 0.5, 0.0], name="x"), 3.0), EnabledPolicy(giving([0.0, 1.0, 1.0], name="y"), 1.0)
    )

    assert [(row.id, row.total) for row in decision.ranking] == [("test/a", 0.75), ("test/b", 0.625), ("test/c", 0.25)]
    assert decision.ranking[1].terms == (Term("x", 0.5, 3.0, 0.375), Term("y", 1.0, 1.0, 0.25))
    assert decision.margin == 0.125


def test_policy_of_weight_zero_counts_nothing_but_is_run() -> None:
    """A weight of zero takes a policy out of the total; its term stays in the record."""
    decision = choose(FITNESS, EnabledPolicy(giving([1.0, 0.0, 0.0]), 0.0))

    assert decision.chosen == "test/c"
    assert [term.contribution for term in decision.ranking[2].terms][1] == 0.0


def test_no_policies_mean_fitness() -> None:
    """A host that enables nothing gets the contract's score."""
    assert choose().policies == choose(FITNESS).policies
    assert [row.total for row in choose().ranking] == [row.total for row in choose(FITNESS).ranking]


def test_fitness_with_another_weight_ranks_the_same() -> None:
    """The weight of the only policy changes nothing."""
    halved = choose(EnabledPolicy(FITNESS.policy, 0.5))

    assert [row.id for row in halved.ranking] == [row.id for row in choose(FITNESS).ranking]
    assert halved.policies[0].weight == 0.5


def test_fitness_with_another_weight_is_rounded_as_written() -> None:
    """The total is weight times score over weight for a single policy too, so that anybody gets the same bits."""
    many = Catalogue.of(*(backend(f"m{i}", quality=i / 97) for i in range(97)))
    scores = {row.id: row.total for row in choose(FITNESS, catalogue=many).ranking}
    weighed = {row.id: row.total for row in choose(EnabledPolicy(FITNESS.policy, 0.7), catalogue=many).ranking}

    assert weighed == {backend_id: 0.7 * score / 0.7 for backend_id, score in scores.items()}
    assert weighed != scores


def test_equal_totals_are_ordered_by_name() -> None:
    """Where policies see no difference, provider, model and id decide, and the margin is nothing."""
    decision = choose(EnabledPolicy(giving([0.5, 0.5, 0.5])))

    assert [row.id for row in decision.ranking] == ["test/a", "test/b", "test/c"]
    assert decision.margin == 0.0


class Numberish:
    """Something that is a number because it says so, like a scalar of a numeric library."""

    def __float__(self) -> float:
        return 0.75


def test_scores_may_be_whatever_becomes_a_float() -> None:
    """Integers and the scalars of other libraries count by their value."""
    decision = choose(EnabledPolicy(giving((0, 1, Numberish()))))

    assert [(row.id, row.total) for row in decision.ranking] == [("test/b", 1.0), ("test/c", 0.75), ("test/a", 0.0)]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        pytest.param([0.5, math.nan, 0.5], "'test/b' the score nan", id="nan"),
        pytest.param([0.5, 0.5, math.inf], "'test/c' the score inf", id="inf"),
        pytest.param([-math.inf, 0.5, math.inf], "'test/a' the score -inf", id="both infinities"),
        pytest.param([1.0000001, 0.5, 0.5], "'test/a' the score 1.0000001", id="above one"),
        pytest.param([0.5, -1e-9, 0.5], "'test/b' the score -1e-09", id="below zero"),
        pytest.param([0.5, "0.5", 0.5], "'test/b' the score '0.5'", id="text"),
        pytest.param([0.5, None, 0.5], "'test/b' the score None", id="none"),
        pytest.param([0.5, 1j, 0.5], "'test/b' the score 1j", id="complex"),
        pytest.param([0.5, 10**400, 0.5], "0000; a number from 0 to 1 is expected", id="huge integer"),
        pytest.param([0.5, 10**5000, 0.5], "the score ", id="integer too huge to print"),
    ],
)
def test_useless_score_is_refused_naming_policy_and_candidate(values: list[object], text: str) -> None:
    """A score that is no number from 0 to 1 fails the selection, and the message names policy, candidate and score."""
    with pytest.raises(PolicyError) as caught:
        choose(FITNESS, EnabledPolicy(giving(values)))

    assert str(caught.value).startswith("policy 'given' gave ")
    assert text in str(caught.value)
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    ("values", "text"),
    [
        pytest.param([0.5, 0.5], "policy 'given' gave 2 scores for 3 candidates; one each is expected", id="too few"),
        pytest.param([0.5] * 4, "policy 'given' gave 4 scores for 3 candidates; one each is expected", id="too many"),
        pytest.param(
            0.5, "policy 'given' must give a sequence with one score per candidate, got a float", id="a single one"
        ),
        pytest.param(
            (0.5 for _ in range(3)),
            "policy 'given' must give a sequence with one score per candidate, got a generator",
            id="generator",
        ),
        pytest.param(
            {0: 0.1, 1: 0.2, 2: 0.3},
            "policy 'given' must give a sequence with one score per candidate, got a dict",
            id="mapping",
        ),
        pytest.param("012", "policy 'given' must give a sequence with one score per candidate, got a str", id="text"),
        pytest.param(
            None, "policy 'given' must give a sequence with one score per candidate, got a NoneType", id="none"
        ),
    ],
)
def test_useless_scores_are_refused_naming_the_policy(values: object, text: str) -> None:
    """What is not one score per candidate fails the selection in one line."""
    with pytest.raises(PolicyError) as caught:
        choose(EnabledPolicy(giving(values)))

    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        pytest.param([-1.0], "the weight of policy 'p0' must be a finite number, 0 or more, got -1.0", id="negative"),
        pytest.param([math.nan], "the weight of policy 'p0' must be a finite number, 0 or more, got nan", id="nan"),
        pytest.param(
            [1.0, math.inf], "the weight of policy 'p1' must be a finite number, 0 or more, got inf", id="inf"
        ),
        pytest.param(["2"], "the weight of policy 'p0' must be a finite number, 0 or more, got '2'", id="text"),
        pytest.param([True], "the weight of policy 'p0' must be a finite number, 0 or more, got True", id="bool"),
        pytest.param(
            [0.0, 0],
            "the weights of the enabled policies ('p0', 'p1') add up to 0; one at least must be above 0",
            id="zeros",
        ),
        pytest.param(
            [1e308, 1e308],
            "the weights of the enabled policies ('p0', 'p1') add up to inf; one at least must be above 0",
            id="too large together",
        ),
    ],
)
def test_useless_weights_are_refused(weights: list[Any], text: str) -> None:
    """Weights by which nothing can be ranked fail the selection, even when nobody is eligible."""
    enabled = [EnabledPolicy(giving([1.0] * 3, name=f"p{i}"), weight) for i, weight in enumerate(weights)]

    for catalogue in (THREE, Catalogue.of()):
        with pytest.raises(PolicyError) as caught:
            choose(*enabled, catalogue=catalogue)
        assert str(caught.value) == text


def test_failing_policy_is_left_out_and_recorded() -> None:
    """A policy that raises and may not veto does not count, and the record says so."""
    decision = choose(FITNESS, EnabledPolicy(raising(), 5.0))

    assert decision.ranking == choose(FITNESS).ranking
    assert decision.policies[1].left_out == "it failed: KeyError: 'no such column'"
    assert decision.notes[-1] == "Policy 'broken' was left out: it failed: KeyError: 'no such column'."


def test_failing_policy_is_quoted_in_one_short_line() -> None:
    """However much a policy says when it fails, the record keeps one line of it."""

    @policy
    def loud(_view: CandidateView, _options: object) -> Sequence[float]:
        raise ValueError("no\n" * 1000)

    left_out = choose(FITNESS, EnabledPolicy(loud)).policies[1].left_out

    assert left_out is not None
    assert left_out.startswith("it failed: ValueError: no no no")
    assert (len(left_out) < 240, "\n" in left_out) == (True, False)


def test_failing_policy_that_stood_alone_gives_way_to_fitness() -> None:
    """When no policy is left that counts, the contract's score ranks, and the record says that too."""
    decision = choose(EnabledPolicy(raising()), EnabledPolicy(giving([1.0, 0.0, 0.0]), 0.0))

    assert [row.total for row in decision.ranking] == [row.total for row in choose(FITNESS).ranking]
    assert decision.notes[-1] == "No enabled policy is left that counts, so the contract's fitness decides."


def test_failing_policy_that_may_veto_fails_the_selection() -> None:
    """A policy that may veto must have its say: its failure is the selection's, with the cause."""
    with pytest.raises(PolicyError, match="policy 'broken', which may veto, failed: KeyError") as caught:
        choose(FITNESS, EnabledPolicy(raising(may_veto=True), 0.0))

    assert isinstance(caught.value.__cause__, KeyError)


def test_veto_takes_a_candidate_out_with_its_reason() -> None:
    """A vetoed candidate is rejected by a gate of the policy's name, and the others are ranked without it."""
    guard = giving(Scores(values=[1.0] * 3, vetoes={2: "forbidden on Fridays"}), name="guard", may_veto=True)
    decision = choose(FITNESS, EnabledPolicy(guard, 0.0))

    assert [row.id for row in decision.ranking] == ["test/b", "test/a"]
    assert decision.rejected[0].id == "test/c"
    assert decision.rejected[0].reasons == (Reason("policy guard", "forbidden on Fridays"),)
    assert decision.counts == {"policy guard": 1}


def test_veto_of_everybody_leaves_nobody() -> None:
    """When every candidate is vetoed, nobody is chosen, and each has its reason."""
    guard = giving(Scores(values=[1.0] * 3, vetoes=dict.fromkeys(range(3), "no")), name="guard", may_veto=True)
    decision = choose(EnabledPolicy(guard))

    assert (decision.chosen, decision.ranking, len(decision.rejected)) == (None, (), 3)
    assert decision.remedy == "The nearest is test/a, which fails 1 gate: no."


def test_vetoes_of_several_policies_are_all_reported() -> None:
    """A candidate that two policies veto has a reason of each."""
    guards = [
        EnabledPolicy(giving(Scores(values=[1.0] * 3, vetoes={0: name}), name=name, may_veto=True))
        for name in ("one", "two")
    ]

    assert [reason.text for reason in choose(*guards).rejected[0].reasons] == ["one", "two"]


@pytest.mark.parametrize(
    ("vetoes", "may_veto", "text"),
    [
        pytest.param(
            {0: "no"},
            False,
            "policy 'given' vetoed a candidate, but does not say that it may (may_veto is false)",
            id="not allowed",
        ),
        pytest.param({3: "no"}, True, "policy 'given' vetoed candidate 3; there are 3, counted from 0", id="beyond"),
        pytest.param(
            {-1: "no"}, True, "policy 'given' vetoed candidate -1; there are 3, counted from 0", id="negative"
        ),
        pytest.param({"a": "no"}, True, "policy 'given' vetoed candidate 'a'; there are 3, counted from 0", id="name"),
    ],
)
def test_veto_that_makes_no_sense_is_refused(vetoes: dict[Any, str], may_veto: bool, text: str) -> None:
    """A veto by a policy that may not, or of a candidate that is not there, fails the selection."""
    with pytest.raises(PolicyError) as caught:
        choose(EnabledPolicy(giving(Scores(values=[1.0] * 3, vetoes=vetoes), may_veto=may_veto)))

    assert str(caught.value) == text


def test_words_of_a_policy_are_asked_for_only_when_they_are_read() -> None:
    """A policy's explanation of a score is called when its term is read, for that candidate alone."""
    asked: list[int] = []

    def say(row: int) -> str:
        asked.append(row)
        return f"row {row}"

    decision = choose(EnabledPolicy(giving(Scores(values=[0.0, 1.0, 0.5], explain=say))))
    before = list(asked)

    assert decision.first(1)[0].terms[0].text == "row 1"
    assert (before, asked) == ([], [1])


def test_words_that_fail_do_not_spoil_the_record() -> None:
    """When a policy cannot explain a score, the record says that in place of the words."""

    def say(_row: int) -> str:
        raise ZeroDivisionError

    decision = choose(EnabledPolicy(giving(Scores(values=[0.0, 1.0, 0.5], explain=say))))

    assert decision.ranking[0].terms[0].text == "it could not say why: ZeroDivisionError"


LATE = Catalogue.of(backend("tiny", quality=1.0, last_resort=True), backend("big", quality=0.5))


@pytest.mark.parametrize(
    ("question", "order", "note"),
    [
        pytest.param({}, ["big", "tiny"], "A last resort stands behind every other eligible backend", id="as it is"),
        pytest.param({"provider": "test"}, ["tiny", "big"], "The host names whom it wants", id="provider named"),
        pytest.param({"backend": "tiny"}, ["tiny"], "The host names whom it wants", id="backend named"),
        pytest.param(
            {"policies": (FITNESS, EnabledPolicy(giving([0.5, 0.5]), 0.0))},
            ["big", "tiny"],
            "A last resort stands behind every other eligible backend",
            id="another policy",
        ),
        pytest.param(
            {"policies": (FITNESS, EnabledPolicy(giving([0.5, 0.5], decides_last_resort=True), 0.0))},
            ["tiny", "big"],
            "An enabled policy decides about last resorts",
            id="a policy that decides it",
        ),
    ],
)
def test_last_resort_stands_behind_unless_somebody_decides_otherwise(
    question: dict[str, Any], order: list[str], note: str
) -> None:
    """A last resort loses to everybody unless the host names it, or a policy says that it decides this."""
    decision = decide(LATE, **question)

    assert [row.id for row in decision.ranking] == [f"test/{name}" for name in order]
    assert any(one.startswith(note) for one in decision.notes)
    assert [row.last_resort for row in decision.ranking if row.id == "test/tiny"] == [note.startswith("A last")]


def test_last_resort_is_chosen_when_it_is_all_there_is() -> None:
    """A last resort is a resort."""
    assert decide(LATE, barred={"test/big": Reason("breaker", "open")}).chosen == "test/tiny"


def seen(read: Callable[[CandidateView], object], **question: Any) -> list[object]:
    """Give what a policy sees of the catalogue of three."""
    found: list[object] = []

    @policy
    def look(view: CandidateView, _options: object) -> Sequence[float]:
        found.append(read(view))
        return [0.0] * len(view)

    decide(THREE, policies=(EnabledPolicy(look),), **question)
    return found


def test_view_shows_the_eligible_in_columns() -> None:
    """A policy sees those that passed the gates, each the same in every column, unknown facts as ``None``."""
    request = ChatRequest.of("x")
    (view,) = seen(
        lambda view: (
            len(view),
            [one.id for one in view.descriptors],
            list(view.column("quality")),
            list(view.column("model")),
            list(view.column("tool_use")),
            list(view.column("country")),
            list(view.column("fitness")),
            view.request,
            view.requirements.max_latency_ms,
        ),
        request=request,
        criteria=SelectionCriteria.high_volume(),
    )

    assert view == (
        2,
        ["test/b", "test/c"],
        [0.5, 0.75],
        ["b", "c"],
        [False, False],
        [None, None],
        [0.4 * 0.8 + 0.3 * 0.75 + 0.3 * 0.5, 0.4 * 0.8 + 0.3 * 0.75 + 0.3 * 0.75],
        request,
        2_000,
    )


def test_view_shows_what_nobody_has_stated_as_none() -> None:
    """A fact of the contract that is unknown is ``None`` in its column, not the worst value that stands for it."""
    unsure = BackendDescriptor.unstated("test", "a", quality=0.5, unknown=frozenset({"vision"}))
    catalogue = Catalogue.of(RegisteredChatBackend(unsure, ScriptedBackend()))
    found: list[object] = []

    @policy
    def look(view: CandidateView, _options: object) -> Sequence[float]:
        names = ("cost_class", "typical_latency_ms", "quality", "vision", "code", "context_tokens")
        found.extend(view.column(name)[0] for name in names)
        return [1.0]

    decide(catalogue, policies=(EnabledPolicy(look),))

    assert found == [None, None, 0.5, None, False, None]


def test_view_shows_prices_as_numbers() -> None:
    """Each price is a column of floats; without prices, or without that one, it is unknown."""
    priced = Claims(prices=Prices(input_usd_per_mtok=Decimal("2.50")))
    told = (ScriptedBackend(id="test/a", claims=priced), ScriptedBackend(id="test/b"))
    found: list[object] = []

    @policy
    def look(view: CandidateView, _options: object) -> Sequence[float]:
        found.extend(view.column(name) for name in ("input_usd_per_mtok", "output_usd_per_mtok"))
        return [1.0, 1.0]

    decide(catalogue_of(*told), policies=(EnabledPolicy(look),))

    assert found == [(2.5, None), (None, None)]


def test_view_says_how_long_question_and_answer_are() -> None:
    """The tokens of the request are the derived ones; without a request or a limit they are 0."""
    request = ChatRequest(messages=(ChatMessage.user("x" * 400),), max_tokens=50)
    (asked,) = seen(lambda view: (view.input_tokens, view.answer_tokens), request=request)
    (unlimited,) = seen(lambda view: view.answer_tokens, request=ChatRequest.of("x"))
    (nothing,) = seen(lambda view: (view.input_tokens, view.answer_tokens))

    assert (asked, unlimited, nothing) == ((104, 50), 0, (0, 0))


def test_view_suggests_the_nearest_column() -> None:
    """Asking for a column that does not exist raises ``KeyError``, which names the nearest."""

    @policy
    def look(view: CandidateView, _options: object) -> Sequence[float]:
        return view.column("qualty")

    decision = choose(FITNESS, EnabledPolicy(look))

    assert decision.policies[1].left_out is not None
    assert "there is no column 'qualty'; did you mean 'quality'?" in decision.policies[1].left_out
