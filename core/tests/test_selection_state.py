"""What was measured: policies see it, a gate holds it against a limit, and the record replays it bit for bit."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from hypothesis import given, settings, strategies as st

from converge_provider import (
    CandidateView,
    ChatBackendRegistry,
    ChatBackendSelectionConfig,
    Decision,
    EnabledPolicy,
    LatencyClass,
    LatencyRule,
    Measured,
    Policy,
    RegisteredChatBackend,
    Scores,
    SelectionCriteria,
    StateView,
    codec,
    policy,
)
from converge_provider.selection import decide
from converge_provider.selection.replaying import differences, replay
from converge_provider.selection.scoring import Scored
from converge_provider.testing import ScriptedBackend, catalogue_of, terms_of
from converge_provider.values.measured import MEASURED

if TYPE_CHECKING:
    from collections.abc import Mapping

law = settings(derandomize=True, database=None, deadline=None, max_examples=60)

A, B, C = (ScriptedBackend(id=f"x/{name}") for name in "abc")
FULL = Measured(
    latency_s=1.5,
    latency_p50_s=1.0,
    latency_p95_s=3.0,
    latency_samples=40,
    first_token_s=0.5,
    first_token_p95_s=0.9,
    tokens_per_s=30.0,
    error_rate=0.25,
    in_flight=2,
)
STATE = StateView(
    number=7,
    measured={"x/a": FULL},
    latency_rule=LatencyRule(),
    key="k",
    assigned="x/b",
    remembered={"reader": {"seen": 3}, "stranger": {"secret": 1}},
)
INTERACTIVE = SelectionCriteria(latency=LatencyClass.INTERACTIVE)
"""At most 2 s."""


def reader(*columns: str, late: Sequence[str] = ()) -> tuple[Policy, dict[str, Any]]:
    """Make a policy that reads some columns while scoring, and others while explaining; and what it read."""
    read: dict[str, Any] = {}

    @policy(name="reader")
    def reading(view: CandidateView, _options: object) -> Scores:
        for name in columns:
            read[name] = tuple(view.column(name))
        return Scores(values=[0.5] * len(view), explain=lambda row: str([view.column(name)[row] for name in late]))

    return reading, read


@pytest.mark.parametrize("name", MEASURED)
def test_measured_column_has_the_measured_and_the_stranger(name: str) -> None:
    """Whoever was not measured has the empty measurements, whose numbers are unknown and counts nothing."""
    reading, read = reader(name)
    terms_of(reading, A, B, state=STATE)

    assert read[name] == (getattr(FULL, name), getattr(Measured(), name))


def test_measured_columns_are_unknown_without_a_state() -> None:
    """A selection that is given no state knows not even that nothing runs."""
    reading, read = reader(*MEASURED, "assigned")
    terms_of(reading, A, B)

    assert set(read.values()) == {(None, None)}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (STATE, (False, True)),
        (evolve(STATE, assigned=None), (False, False)),
        (evolve(STATE, assigned="x/gone"), (False, False)),
        (evolve(STATE, key=None, assigned=None), (None, None)),
    ],
    ids=["assigned", "new-key", "gone", "no-key"],
)
def test_assigned_column_says_who_answered_last(state: StateView, expected: tuple[bool | None, ...]) -> None:
    """With a key it is yes or no for everybody; without one nobody knows."""
    reading, read = reader("assigned")
    terms_of(reading, A, B, state=state)

    assert read["assigned"] == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (evolve(STATE, assigned_age_s=7.5), (None, 7.5)),
        (STATE, (None, None)),
        (evolve(STATE, assigned=None), (None, None)),
        (evolve(STATE, key=None, assigned=None), (None, None)),
    ],
    ids=["known", "unknown", "new-key", "no-key"],
)
def test_age_of_an_assignment_is_its_own_fact(state: StateView, expected: tuple[float | None, ...]) -> None:
    """Who answered last did so some seconds ago; of everybody else there is nothing to say."""
    reading, read = reader("assigned_age_s")
    terms_of(reading, A, B, state=state)

    assert read["assigned_age_s"] == expected


@pytest.mark.parametrize(
    ("column", "kept"),
    [("assigned", ("x/b", None)), ("assigned_age_s", ("x/b", 7.5)), ("in_flight", (None, None))],
    ids=["who", "since", "neither"],
)
def test_age_of_an_assignment_is_on_record_where_it_was_asked_for(
    column: str, kept: tuple[str | None, float | None]
) -> None:
    """The record holds whose age it is, too, so that it can be decided again from it."""
    reading, _ = reader(column)
    decision = decide(
        catalogue_of(A, B), policies=(EnabledPolicy(reading),), state=evolve(STATE, assigned_age_s=7.5), time="t"
    )

    assert decision.state is not None
    assert (decision.state.seen.assigned, decision.state.seen.assigned_age_s) == kept
    assert (", 7.5 s ago" in decision.explain()) is (column == "assigned_age_s")


def test_view_tells_seed_time_key_and_memory() -> None:
    """A policy sees what makes one selection different from the next, and what it remembers itself."""
    seen: dict[str, object] = {}

    @policy
    def looking(view: CandidateView, _options: object) -> Sequence[float]:
        seen.update(seed=view.seed, time=view.time, key=view.key, mine=view.remembered("reader"))
        seen.update(nobody=view.remembered("nobody"))
        return [0.5] * len(view)

    terms_of(looking, A, state=STATE, seed=5, time="2026-11-20T07:00:00Z")
    with_state = dict(seen)
    terms_of(looking, A)

    assert with_state == {"seed": 5, "time": "2026-11-20T07:00:00Z", "key": "k", "mine": {"seen": 3}, "nobody": {}}
    assert seen == {"seed": 0, "time": "", "key": None, "mine": {}, "nobody": {}}


def test_misspelt_measured_column_is_named() -> None:
    """The message suggests what may be meant."""
    reading, _ = reader("latency_p59_s")
    decision = decide(catalogue_of(A), policies=(EnabledPolicy(reading),), state=STATE)

    assert "did you mean 'latency_p95_s'?" in str(decision.policies[0].left_out)


def test_state_cannot_be_had_after_scoring() -> None:
    """What a record does not hold must not explain it: a column that only the explanation wants is refused."""
    reading, _ = reader("in_flight", late=["in_flight", "quality"])
    late, _ = reader("in_flight", late=["error_rate"])

    assert terms_of(reading, A, state=STATE)["x/a"].text == "[2, 0.8]"
    assert "'error_rate' was not asked for while scoring" in str(terms_of(late, A, state=STATE)["x/a"].text)


def test_record_holds_what_was_asked_for_and_nothing_else() -> None:
    """Columns of eligible candidates that say something; no other number, key, policy or backend."""
    reading, _ = reader("in_flight", "latency_s")
    state = evolve(STATE, measured={**STATE.measured, "x/b": Measured(error_rate=0.5), "other/gone": FULL})
    decision = decide(catalogue_of(A, B), policies=(EnabledPolicy(reading),), state=state)

    assert decision.state is not None
    assert decision.state.asked == ("in_flight", "latency_s")
    assert decision.state.seen == StateView(number=7, measured={"x/a": Measured(latency_s=1.5, in_flight=2)})


def test_record_holds_key_and_memory_when_asked() -> None:
    """Of the memories only the one that was asked for; who is assigned only when that was."""

    @policy(name="reader")
    def remembering(view: CandidateView, _options: object) -> Sequence[float]:
        return [float(bool(view.key)) * len(view.remembered("reader"))] * len(view)

    decision = decide(catalogue_of(A, B), policies=(EnabledPolicy(remembering),), state=STATE)

    assert decision.state is not None
    assert decision.state.asked == ("key", "remembered reader")
    assert decision.state.seen == StateView(number=7, key="k", remembered={"reader": {"seen": 3}})


def test_record_has_no_state_when_nobody_asked() -> None:
    """A selection by claims alone is the same, to its id, with a state and without."""
    reading, _ = reader("quality")
    enabled = (EnabledPolicy(reading),)

    assert decide(catalogue_of(A), policies=enabled, state=STATE) == decide(catalogue_of(A), policies=enabled)
    assert decide(catalogue_of(A), policies=enabled, state=STATE).state is None


def test_id_changes_with_what_was_seen_and_only_then() -> None:
    """Two selections that saw the same are the same; one number that was asked for makes another."""
    reading, _ = reader("latency_s")
    enabled = (EnabledPolicy(reading),)
    seen, unseen, other = (
        evolve(STATE, measured={"x/a": evolve(FULL, **change)}) for change in ({}, {"in_flight": 9}, {"latency_s": 9.0})
    )
    ids = [decide(catalogue_of(A), policies=enabled, state=state).id for state in (seen, unseen, other)]

    assert ids[0] == ids[1]
    assert ids[0] != ids[2]


def greedy() -> Policy:
    """Make a policy to which everything matters."""

    @policy(name="greedy")
    def greedy(view: CandidateView, _options: object) -> Scores:
        columns = [view.column(name) for name in (*MEASURED, "assigned", "assigned_age_s")]
        words = [repr((view.key, view.seed, view.time, view.remembered("greedy"), row)) for row in zip(*columns)]  # noqa: B905
        return Scores(values=[len(set(text)) / 64 for text in words], explain=words.__getitem__)

    return greedy


NUMBER = st.none() | st.floats(0, 100)
MEASUREMENTS = st.builds(
    Measured,
    latency_s=NUMBER,
    latency_p50_s=NUMBER,
    latency_p95_s=st.floats(0, 10),
    latency_samples=st.integers(0, 40),
    first_token_s=NUMBER,
    first_token_p95_s=NUMBER,
    tokens_per_s=NUMBER,
    error_rate=st.none() | st.floats(0, 1),
    in_flight=st.integers(0, 9),
)
STATES = st.builds(
    StateView,
    number=st.integers(0, 9),
    measured=st.dictionaries(st.sampled_from(["x/a", "x/b", "x/c", "y/z"]), MEASUREMENTS),
    latency_rule=st.none() | st.builds(LatencyRule, percentile=st.just(95), samples=st.sampled_from([1, 20])),
    key=st.sampled_from([None, "k"]),
    assigned=st.sampled_from([None, "x/a", "y/z"]),
    assigned_age_s=NUMBER,
    remembered=st.dictionaries(st.sampled_from(["greedy", "other"]), st.just({"seen": [1, 2.5, None]})),
)


@law
@given(state=STATES, criteria=st.sampled_from([None, INTERACTIVE]))
def test_decision_replays_bit_for_bit(state: StateView, criteria: SelectionCriteria | None) -> None:
    """From its document alone, whatever was measured: ranking, terms, words, rejections, id."""
    catalogue, enabled = catalogue_of(A, B, C), (EnabledPolicy(greedy()),)
    decision = decide(catalogue, criteria=criteria, policies=enabled, state=state, time="t", seed=3)
    written = json.dumps(codec.dump(decision))
    recorded = codec.load(Decision, json.loads(written))
    again = replay(recorded, catalogue, {"greedy": greedy()})

    assert json.dumps(codec.dump(again)) == written
    assert list(differences(recorded, again)) == []


def test_replay_says_that_a_policy_looks_at_something_else() -> None:
    """A policy that now asks for more than is on record cannot be replayed, and the difference is named."""
    before, _ = reader("in_flight")
    after, _ = reader("in_flight", "latency_s")
    catalogue = catalogue_of(A)
    recorded = decide(catalogue, policies=(EnabledPolicy(before),), state=STATE)
    again = replay(recorded, catalogue, {"reader": after})

    assert [one.what for one in differences(recorded, again)] == ["state"]


@law
@given(state=STATES)
def test_measured_gate_is_stricter_and_never_looser(state: StateView) -> None:
    """Whoever is eligible with measurements is so without them; only the gate of that name takes anybody out."""
    catalogue = catalogue_of(A, B, C)
    plain = decide(catalogue, criteria=INTERACTIVE)
    measured = decide(catalogue, criteria=INTERACTIVE, state=state)
    out = {row.id for row in measured.rejected if any(reason.gate == "measured_latency" for reason in row.reasons)}

    assert {row.id for row in measured.ranking} == {row.id for row in plain.ranking} - out
    assert out == {
        name
        for name, one in state.measured.items()
        if name in {row.id for row in plain.ranking}
        and state.latency_rule is not None
        and one.latency_samples >= state.latency_rule.samples
        and one.latency_p95_s is not None
        and one.latency_p95_s > 2.0
    }


P95 = LatencyRule()


def slow(samples: int = 40, rule: LatencyRule | None = P95) -> StateView:
    """Measure one backend as slow."""
    measured = Measured(latency_p50_s=1.8, latency_p95_s=2.44449, latency_samples=samples)
    return StateView(number=3, measured={"x/a": measured}, latency_rule=rule)


def test_slow_backend_is_rejected_in_words() -> None:
    """The reason has the percentile, what it is of, and the limit."""
    decision = decide(catalogue_of(A, B), policies=(), criteria=INTERACTIVE, state=slow())

    assert decision.chosen == "x/b"
    assert decision.rejected[0].reasons[0].text == "measured p95 2.444 s of 40 calls > 2 s"
    assert decision.counts == {"measured_latency": 1}


@pytest.mark.parametrize(
    ("criteria", "state"),
    [
        (INTERACTIVE, slow(samples=19)),
        (INTERACTIVE, slow(rule=None)),
        (INTERACTIVE, slow(rule=LatencyRule(percentile=50))),
        (SelectionCriteria(latency=LatencyClass.BACKGROUND), slow()),
        (None, slow()),
        (INTERACTIVE, None),
    ],
    ids=["few-samples", "no-rule", "median", "patient", "nothing-asked", "no-state"],
)
def test_slow_backend_passes_where_nothing_is_held_against_it(
    criteria: SelectionCriteria | None, state: StateView | None
) -> None:
    """Too few answers, no rule, another percentile, a longer limit, no limit, no measurement."""
    decision = decide(catalogue_of(A), policies=(), criteria=criteria, state=state)

    assert decision.chosen == "x/a"
    assert decision.state is None


def test_slow_backend_is_told_what_would_admit_it() -> None:
    """The counterfactual of a measured latency is a longer one, exact to the class; so is the relaxation."""
    decision = decide(catalogue_of(A), policies=(), criteria=INTERACTIVE, state=slow())
    found = decision.counterfactuals[0]

    assert [(change.what, change.instead) for change in found.changes] == [("latency", "Background")]
    assert decision.relaxation == found
    assert "latency" in str(decision.remedy)


def test_explanation_shows_what_was_measured() -> None:
    """Which state it was, what policies asked for, and what they saw; nothing where nothing was looked at."""
    reading, _ = reader("in_flight", "latency_s", "assigned")
    decision = decide(catalogue_of(A, B), policies=(EnabledPolicy(reading),), criteria=INTERACTIVE, state=STATE)
    _, _, found = decision.explain().partition("\nMeasured\n")

    assert decision.state is not None
    assert found.split("\n\n")[0].splitlines() == [
        f"  state 7 ({decision.state.digest[:12]}); policies asked for assigned, in_flight, latency_s",
        "  x/a: latency_p95_s 3, latency_samples 40",
        "  x/b was the last to answer what this belongs to",
    ]
    assert "Measured" not in decide(catalogue_of(A), policies=(), state=STATE).explain()


def test_explanation_of_many_is_bounded() -> None:
    """Twenty backends are shown, and how many there are beside."""
    reading, _ = reader("in_flight")
    many = [ScriptedBackend(id=f"y/{i:02}") for i in range(25)]
    state = StateView(measured={f"y/{i:02}": Measured(in_flight=i + 1) for i in range(25)})
    decision = decide(catalogue_of(*many), policies=(EnabledPolicy(reading),), state=state)
    _, _, found = decision.explain().partition("\nMeasured\n")

    assert found.split("\n\n")[0].splitlines()[-2:] == ["  y/19: in_flight 20", "  and 5 more"]


def test_contract_registry_knows_no_measurement() -> None:
    """The contract's own selection has no state to be given, and no such gate."""
    registry = ChatBackendRegistry()
    registry.register(RegisteredChatBackend(A.descriptor, A))

    assert registry.select(ChatBackendSelectionConfig(criteria=INTERACTIVE)).descriptor.id == "x/a"


def test_state_is_read_before_the_decision_is_given() -> None:
    """A mapping that changes later changes nothing: what was seen is what was there."""
    live: dict[str, Measured] = {"x/a": FULL, "x/b": Measured(in_flight=1)}
    reading, _ = reader("in_flight", late=["in_flight"])
    decision = decide(
        catalogue_of(A, B), policies=(EnabledPolicy(reading),), criteria=INTERACTIVE, state=evolve(STATE, measured=live)
    )
    live.clear()
    live["x/b"] = FULL
    found: Mapping[str, Any] = codec.dump(decision)["state"]["seen"]["measured"]

    assert found == {"x/a": {"latency_p95_s": 3.0, "latency_samples": 40}, "x/b": {"in_flight": 1}}
    assert decision.ranking[0].terms[0].text == "[1]"


def test_sabotaged_seal_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the view not sealed, an explanation would read what is not on record, and a replay would differ."""

    def unsealed(policies: Sequence[EnabledPolicy], view: Any) -> Scored:
        view.seal = lambda: None
        return honest(policies, view)

    honest = Scored.by
    monkeypatch.setattr(Scored, "by", unsealed)
    late, _ = reader(late=["error_rate"])
    catalogue = catalogue_of(A)
    decision = decide(catalogue, policies=(EnabledPolicy(late),), state=STATE)
    recorded = codec.load(Decision, codec.dump(decision))

    assert recorded.ranking[0].terms[0].text == "[0.25]"
    assert replay(recorded, catalogue, {"reader": late}).ranking != recorded.ranking
