"""The engine shows selection what it measured, and tells policies that learn what became of calls."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from converge_provider import (
    Attempt,
    CandidateView,
    ChatMessage,
    ChatRequest,
    Configuration,
    ConfigurationError,
    Decision,
    EnabledPolicy,
    Engine,
    Experience,
    JsonObject,
    LatencyClass,
    LlmError,
    Measured,
    MeasuringSettings,
    MemoryStore,
    NetworkError,
    Policy,
    Reply,
    Scores,
    SelectionCriteria,
    StateView,
    codec,
    policy,
)
from converge_provider.engine.asking import key_of
from converge_provider.engine.composing import resilience_of
from converge_provider.engine.journal import FileJournal
from converge_provider.selection.replaying import differences, replay
from converge_provider.testing import ManualClock, ScriptedBackend, catalogue_of

INTERACTIVE = SelectionCriteria(latency=LatencyClass.INTERACTIVE)
"""At most 2 s."""


def least_busy() -> Policy:
    """Make a policy that spreads calls."""

    @policy(name="least-busy")
    def least_busy(view: CandidateView, _options: object) -> Scores:
        running = view.column("in_flight")
        return Scores(values=[1 / (1 + one) for one in running], explain=lambda row: f"{running[row]} under way")

    return least_busy


def asking(**labels: str) -> ChatRequest:
    """Ask with labels."""
    return ChatRequest(messages=[ChatMessage.user("Hi")], metadata=labels)


@pytest.mark.anyio
async def test_policies_see_what_runs() -> None:
    """A second call goes elsewhere while the first one lasts, and its record says why."""
    clock = ManualClock()
    first, second = (ScriptedBackend([5.0, "Hello"], id=f"x/{i}", clock=clock) for i in (1, 2))
    engine = Engine(catalogue_of(first, second), policies=(EnabledPolicy(least_busy()),), clock=clock)
    replies = list[Reply]()

    async def ask() -> None:
        replies.append(await engine.chat("Hi"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        clock.advance(5.0)

    assert sorted(reply.backend for reply in replies) == ["x/1", "x/2"]
    later = next(reply for reply in replies if reply.backend == "x/2").decision
    assert later.state is not None
    assert later.state.seen == StateView(number=later.state.seen.number, measured={"x/1": Measured(in_flight=1)})
    assert later.ranking[1].terms[0].text == "1 under way"
    assert {one.in_flight for one in engine.store.measured(now_s=0.0).values()} == {0}


@pytest.mark.anyio
async def test_failed_and_cancelled_attempts_run_no_more() -> None:
    """However an attempt ends, it is not under way afterwards."""
    clock = ManualClock()
    failing = ScriptedBackend(NetworkError("cut"), id="x/1")
    hanging = ScriptedBackend([9.0, "Hi"], id="x/2", clock=clock)
    engine = Engine(catalogue_of(failing, hanging), clock=clock)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(engine.chat, "Hi")
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()

    assert {name: one.in_flight for name, one in engine.store.measured(now_s=0.0).items()} == {"x/1": 0, "x/2": 0}


@pytest.mark.anyio
async def test_conversation_is_assigned_to_who_answered() -> None:
    """The label enters neither the store nor the record, only its hash; a failure assigns nobody."""

    @policy
    def sticky(view: CandidateView, _options: object) -> Sequence[float]:
        return [1.0 if same else 0.0 for same in view.column("assigned")] if view.key else [0.5] * len(view)

    failing = ScriptedBackend(NetworkError("cut"), "fine", "fine", id="x/1", quality=1.0)
    sound = ScriptedBackend(*["Hello"] * 3, id="x/2", quality=0.1)
    engine = Engine(catalogue_of(failing, sound), policies=(EnabledPolicy(sticky),))
    backends = [(await engine.chat(asking(conversation="tea with Ann"))).backend for _ in range(2)]
    decision = engine.select(asking(conversation="tea with Ann"))

    assert backends == ["x/2", "x/2"]
    assert decision.chosen == "x/2"
    assert decision.state is not None
    assert (decision.state.seen.key, decision.state.seen.assigned) == (
        key_of(asking(conversation="tea with Ann")),
        "x/2",
    )
    assert engine.select(asking(conversation="another")).chosen == "x/1"


@pytest.mark.anyio
async def test_conversation_that_nobody_answered_is_assigned_to_nobody() -> None:
    """Whoever failed last would be asked first again."""
    store, request = MemoryStore(), asking(conversation="c")
    engine = Engine(catalogue_of(ScriptedBackend(NetworkError("cut"), id="x/1")), store=store)
    with pytest.raises(LlmError):
        await engine.chat(request)

    assert store.assigned(str(key_of(request)), now_s=0.0) is None


@pytest.mark.parametrize(
    ("labels", "same"),
    [
        ({"conversation": "c", "session": "s", "user": "u"}, {"conversation": "c"}),
        ({"conversation": "", "session": "s", "user": "u"}, {"session": "s"}),
        ({"user": "u", "other": "o"}, {"user": "u"}),
    ],
    ids=["conversation", "session", "user"],
)
def test_key_is_of_the_closest_label(labels: Mapping[str, str], same: Mapping[str, str]) -> None:
    """A conversation is closer than a session, and that closer than a user; other labels do not count."""
    assert key_of(asking(**labels)) == key_of(asking(**same)) != key_of(asking(conversation="u"))
    assert key_of(asking(other="o")) is None


class Untouchable(MemoryStore):
    """A store whose measurements nobody may read."""

    def measured(self, *, now_s: float) -> Mapping[str, Measured]:
        """Refuse."""
        message = f"nobody asked, at {now_s}"
        raise AssertionError(message)


@pytest.mark.anyio
async def test_nothing_is_read_when_nobody_asks() -> None:
    """Without a limit or a gate, and with policies that look at claims alone, the measured state costs nothing."""
    engine = Engine(catalogue_of(ScriptedBackend(*["Hi"] * 2)), store=Untouchable())
    off = resilience_of(Configuration(engine={"measuring": {"latency_gate": "off"}}))
    without = Engine(catalogue_of(ScriptedBackend("Hi")), store=Untouchable(), resilience=off)

    @policy
    def by_quality(view: CandidateView, _options: object) -> Sequence[float]:
        return view.column("quality")

    by_claims = Engine(catalogue_of(ScriptedBackend("Hi")), store=Untouchable(), policies=(EnabledPolicy(by_quality),))

    assert (await engine.chat(asking(user="u"))).content == "Hi"
    assert (await without.chat("Hi", criteria=INTERACTIVE)).content == "Hi"
    assert (await by_claims.chat("Hi")).content == "Hi"
    with pytest.raises(AssertionError, match="nobody asked"):
        await engine.chat("Hi", criteria=INTERACTIVE)


@pytest.mark.anyio
async def test_backend_that_turns_out_slow_gives_way_for_a_while() -> None:
    """After twenty slow answers it is out of the running for quick requests; after a quarter of an hour it is back."""
    clock = ManualClock(now_s=1_000.0, autojump=True)
    late: Sequence[float | str] = (3.0, "late")
    slow = ScriptedBackend(*[late] * 30, id="x/slow", quality=1.0, clock=clock)
    quick = ScriptedBackend(*["soon"] * 30, id="x/quick", quality=0.7, clock=clock)
    engine = Engine(catalogue_of(slow, quick), clock=clock)
    answers = [(await engine.chat("Hi", criteria=INTERACTIVE)).content for _ in range(21)]
    rejected = engine.select("Hi", criteria=INTERACTIVE).rejected
    clock.advance(901.0)

    assert answers == ["late"] * 20 + ["soon"]
    assert [reason.text for reason in rejected[0].reasons] == ["measured p95 3 s of 20 calls > 2 s"]
    assert engine.select("Hi", criteria=INTERACTIVE).chosen == "x/slow"


@pytest.mark.parametrize(
    "settings", [{"latency_gate": "p99"}, {"samples": 1}, {"samples": 129}], ids=["gate", "few", "many"]
)
def test_measuring_settings_that_make_no_sense_are_refused(settings: Mapping[str, Any]) -> None:
    """No percentile but two is kept, and no more answers than are remembered can be asked for."""
    with pytest.raises(ConfigurationError):
        MeasuringSettings(**settings)


def counting(learn: Any) -> Policy:
    """Make a policy that prefers whom it remembers most of."""

    @policy(name="counting", learn=learn)
    def counting(view: CandidateView, _options: object) -> Sequence[float]:
        known: Mapping[str, Any] = view.remembered("counting")
        return [min(1.0, known.get(one.id, 0) / 100) for one in view.descriptors]

    return counting


def count(document: JsonObject, experience: Experience, _options: object) -> JsonObject:
    """Count the answers of each backend."""
    if experience.is_request or experience.outcome != "answered" or experience.backend is None:
        return document
    known: dict[str, Any] = dict(document)
    known[experience.backend] = known.get(experience.backend, 0) + 1
    return known


@pytest.mark.anyio
async def test_policy_learns_from_attempts() -> None:
    """What it made of them is there for the next engine on the same store, and decides."""
    first, second = ScriptedBackend(NetworkError("cut"), id="x/1"), ScriptedBackend(*["Hi"] * 2, id="x/2")
    store, policies = MemoryStore(), (EnabledPolicy(counting(count)),)
    async with Engine(catalogue_of(first, second), store=store, policies=policies) as engine:
        before = engine.select()
        await engine.chat("Hi")
    decision = Engine(catalogue_of(first, second), store=store, policies=policies).select()

    assert (before.chosen, decision.chosen) == ("x/1", "x/2")
    assert before.state == codec.load(Decision, codec.dump(before)).state
    assert decision.state == codec.load(Decision, codec.dump(decision)).state
    assert store.memory_of("counting") == {"x/2": 1}
    assert decision.state is not None
    assert decision.state.seen.remembered == {"counting": {"x/2": 1}}


@pytest.mark.anyio
async def test_policy_is_told_how_attempts_and_requests_end() -> None:
    """Each attempt, and then the request, with what is known of it."""
    told: list[Experience] = []

    def listen(document: JsonObject, experience: Experience, _options: object) -> JsonObject:
        told.append(experience)
        return document

    clock = ManualClock(autojump=True)
    failing = ScriptedBackend(NetworkError("cut"), id="x/1", clock=clock)
    sound = ScriptedBackend([2.0, "Hi"], id="x/2", clock=clock)
    async with Engine(catalogue_of(failing, sound), policies=(EnabledPolicy(counting(listen)),), clock=clock) as engine:
        await engine.chat("Hi")
        with pytest.raises(LlmError):
            await engine.chat("Hi", provider="nobody")

    assert [(one.is_request, one.number, one.backend, one.outcome, one.error, one.elapsed_s) for one in told] == [
        (False, 1, "x/1", "failed", "NetworkError", 0.0),
        (False, 2, "x/2", "answered", None, 2.0),
        (True, 2, "x/2", "answered", None, 2.0),
        (True, 0, None, "failed", None, 0.0),
    ]
    assert len({one.request_id for one in told}) == 2


def _raises(document: JsonObject, experience: Experience, _options: object) -> JsonObject:
    raise ValueError(str((document, experience)))


def _too_long(_document: JsonObject, _experience: Experience, _options: object) -> JsonObject:
    return {"text": "x" * 20_000}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("learn", "said"),
    [
        (_raises, "observer policy counting raised ValueError"),
        (
            _too_long,
            "policy 'counting' wants to remember 20012 bytes; at most 16384 are kept; what",
        ),
    ],
    ids=["raises", "too-long"],
)
async def test_policy_that_fails_to_learn_harms_nobody(learn: Any, said: str, caplog: pytest.LogCaptureFixture) -> None:
    """The answer comes, nothing is remembered, and the log names the policy."""
    store = MemoryStore()
    async with Engine(
        catalogue_of(ScriptedBackend("Hi")), store=store, policies=(EnabledPolicy(counting(learn)),)
    ) as engine:
        reply = await engine.chat("Hi")

    assert reply.content == "Hi"
    assert dict(store.memory_of("counting")) == {}
    assert said in caplog.text


@pytest.mark.anyio
async def test_policy_that_hangs_while_learning_harms_nobody() -> None:
    """Calls go on, and others may learn meanwhile: nothing is locked while a policy thinks."""
    begun, end = threading.Event(), threading.Event()

    def hang(document: JsonObject, _experience: Experience, _options: object) -> JsonObject:
        begun.set()
        end.wait(30)
        return document

    store = MemoryStore()
    engine = Engine(catalogue_of(ScriptedBackend(*["Hi"] * 2)), store=store, policies=(EnabledPolicy(counting(hang)),))
    await engine.chat("Hi")
    begun.wait(30)
    store.learn("other", lambda _: {"free": True})
    reply = await engine.chat("Hi")
    end.set()
    await engine.aclose()

    assert reply.content == "Hi"
    assert store.memory_of("other") == {"free": True}


@pytest.mark.anyio
async def test_journal_keeps_what_was_seen(tmp_path: Path) -> None:
    """A decision that another process reads from the journal is made again from it, with the same scores."""
    journal = FileJournal(tmp_path)
    backends = [ScriptedBackend("Hi", id=f"x/{i}") for i in range(3)]
    policies = (EnabledPolicy(least_busy()),)
    async with Engine(catalogue_of(*backends), policies=policies, journal=journal) as engine:
        engine.store.begin("x/0")
        reply = await engine.chat("Hi")
    (row,) = FileJournal(tmp_path).latest(1)
    recorded = row.decisions[0].decision
    again = replay(recorded, engine.catalogue, {"least-busy": least_busy()})

    assert reply.backend == "x/1"
    assert recorded.state == reply.decision.state
    assert again.ranking == recorded.ranking
    assert list(differences(recorded, again)) == []


def test_learning_is_not_lost_where_two_learn_at_once() -> None:
    """A change that was made meanwhile is seen: the policy is asked again with it."""
    store, asked = MemoryStore(), list[JsonObject]()

    def slow(document: JsonObject) -> JsonObject:
        if not asked:
            store.learn("p", lambda before: {**before, "quick": 1})
        asked.append(document)
        return {**document, "slow": 1}

    store.learn("p", slow)

    assert store.memory_of("p") == {"quick": 1, "slow": 1}
    assert len(asked) == 2


def test_measurements_are_read_while_others_are_made() -> None:
    """A selection in another thread sees whole measurements, whatever comes in meanwhile."""
    from converge_provider import Outcome

    store, end, wrong = MemoryStore(), threading.Event(), list[object]()

    def read() -> None:
        while not end.is_set():
            for one in store.measured(now_s=10_000.0).values():
                if one.latency_samples > 128 or (one.latency_p50_s is None) != (one.latency_samples == 0):
                    wrong.append(one)

    thread = threading.Thread(target=read)
    thread.start()
    for i in range(3_000):
        store.begin("a/1")
        store.note(
            Attempt(number=1, backend="a/1", started_s=9_000.0 + i / 2, elapsed_s=i % 7, outcome=Outcome.ANSWERED)
        )
    end.set()
    thread.join()

    assert wrong == []
