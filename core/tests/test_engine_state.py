"""What is remembered of backends between requests."""

from collections.abc import Callable, Mapping, Sequence

import pytest
from anyio.lowlevel import checkpoint
from attrs import evolve
from hypothesis import given, strategies as st

from converge_provider import (
    Attempt,
    BreakerSettings,
    Engine,
    JsonObject,
    Measured,
    NetworkError,
    Outcome,
    PolicyError,
)
from converge_provider.engine.state import Hold, MemoryStore, Remembered, Shortage, StateStore
from converge_provider.engine.state.gauge import Gauge
from converge_provider.engine.state.samples import Samples, percentile
from converge_provider.testing import HANG, ManualClock, ScriptedBackend, StateStoreSuite, catalogue_of


def attempt(outcome: Outcome, *, elapsed_s: float = 1.0, first_event_s: float | None = None) -> Attempt:
    """Make an attempt that began at ten seconds past the epoch."""
    error = NetworkError("cut") if outcome is Outcome.FAILED else None
    return Attempt(
        number=1,
        backend="a/1",
        started_s=10.0,
        elapsed_s=elapsed_s,
        first_event_s=first_event_s,
        outcome=outcome,
        error=error,
    )


def test_answers_move_the_average_by_a_fifth() -> None:
    """The first answer sets the latency, each further one moves it a fifth of the way."""
    once = Remembered().after(attempt(Outcome.ANSWERED, elapsed_s=2.0, first_event_s=1.0))
    twice = once.after(attempt(Outcome.ANSWERED, elapsed_s=7.0))

    assert (once.latency_s, once.first_event_s, once.last_answer_s) == (2.0, 1.0, 12.0)
    assert twice.latency_s == pytest.approx(3.0)
    assert twice.first_event_s == 1.0
    assert twice.calls == 2


def test_failures_count_until_the_next_answer() -> None:
    """Failures in a row are what a breaker will want to know; an answer ends the row."""
    failed = Remembered().after(attempt(Outcome.FAILED)).after(attempt(Outcome.FAILED))

    assert (failed.failures_in_row, failed.last_failure_s, failed.last_error) == (2, 11.0, "NetworkError")
    assert failed.after(attempt(Outcome.ANSWERED)).failures_in_row == 0
    assert failed.after(attempt(Outcome.REJECTED)).failures_in_row == 0


@pytest.mark.parametrize("outcome", [Outcome.CANCELLED, Outcome.CLOSED], ids=str)
def test_what_the_caller_ended_says_nothing_of_the_backend(outcome: Outcome) -> None:
    """A cancelled call changes neither the memory nor its number."""
    store = MemoryStore()
    store.note(attempt(outcome))

    assert (store.number, store.recall("a/1")) == (0, Remembered())


def test_number_grows_with_every_change() -> None:
    """Whatever is derived from the state can be cached under its number."""
    store = MemoryStore()
    store.note(attempt(Outcome.ANSWERED))
    store.note(attempt(Outcome.FAILED))

    assert store.number == 2
    assert store.snapshot() == {"a/1": store.recall("a/1")}


def test_snapshot_is_a_copy() -> None:
    """A reader's snapshot does not change under its hands."""
    store = MemoryStore()
    store.note(attempt(Outcome.ANSWERED))
    before = store.snapshot()
    store.note(attempt(Outcome.FAILED))

    assert before["a/1"].failures_in_row == 0


@pytest.mark.anyio
async def test_engine_remembers_every_attempt() -> None:
    """Chats and streams, failed and answered, reach the store that the host gave."""
    clock = ManualClock(now_s=100.0, autojump=True)
    failing = ScriptedBackend(NetworkError("cut"), id="a/1", quality=1.0, clock=clock)
    sound = ScriptedBackend([2.0, "Hello"], [1.0, "Hel", 1.0, "lo"], id="b/1", quality=0.1, clock=clock)
    store = MemoryStore()
    engine = Engine(catalogue_of(failing, sound), store=store, clock=clock)

    await engine.chat("Hi")
    async with engine.stream("Hi", backend="b/1") as events:
        assert [event async for event in events]

    assert engine.store is store
    assert store.recall("a/1").failures_in_row == 1
    assert store.recall("b/1") == Remembered(calls=2, last_answer_s=104.0, latency_s=2.0, first_event_s=1.0)


@pytest.mark.anyio
async def test_store_is_closed_with_the_engine() -> None:
    """A store that sends what it knows elsewhere gets its chance at the end."""

    class Sending(MemoryStore):
        closed = False

        async def aclose(self) -> None:
            self.closed = True

    store = Sending()
    async with Engine(catalogue_of(ScriptedBackend([HANG])), store=store):
        pass

    assert store.closed


class TestMemoryStore(StateStoreSuite):
    """The store in memory owes what every store owes."""

    def store(self) -> StateStore:
        """Give an empty one."""
        return MemoryStore()


class Forgetful(MemoryStore):
    """A broken store: it forgets to give back what was reserved."""

    def settle(self, name: str, amounts: Sequence[int] | None, *, now_s: float) -> None:
        """Do nothing."""


class Greedy(MemoryStore):
    """A broken store: it reserves one account after the other, waiting in between."""

    async def reserve(self, name: str, holds: Sequence[Hold], *, now_s: float) -> Shortage | None:
        """Look first, take later."""
        for hold in holds:
            used = self.used(hold.account, hold.window_s, now_s=now_s)
            if used + hold.amount > hold.limit:
                return Shortage(hold=hold, used=used, retry_s=None)
        await checkpoint()
        await super().reserve(name, [evolve(hold, limit=1_000) for hold in holds], now_s=now_s)
        return None


class Lasting(MemoryStore):
    """A broken store: a second failure does not extend the pause."""

    def report(self, backend: str, *, failed: bool, probe: bool, rule: BreakerSettings, now_s: float) -> None:
        """Open for as long as the first time."""
        super().report(backend, failed=failed, probe=probe, rule=evolve(rule, open_cap_s=rule.open_s), now_s=now_s)


class Averaging(MemoryStore):
    """A broken store: it takes the average for the median."""

    def measured(self, *, now_s: float) -> Mapping[str, Measured]:
        """Give the average as every percentile."""
        found = super().measured(now_s=now_s)
        return {name: evolve(one, latency_p50_s=one.latency_s) for name, one in found.items()}


class Stubborn(MemoryStore):
    """A broken store: it never forgets an answer, a key or a call, and counts the whole answer's time."""

    def measured(self, *, now_s: float) -> Mapping[str, Measured]:
        """Give what was measured then, and what ran at most."""
        found = super().measured(now_s=0.0)
        return {name: evolve(one, in_flight=9, tokens_per_s=7.5) for name, one in found.items()}

    def assigned(self, key: str, *, now_s: float) -> tuple[str, float] | None:
        """Give the backend as of the beginning, and the right age."""
        found, _ = super().assigned(key, now_s=0.0) or (None, None)
        return None if found is None else (found, 2.0)


class Timeless(MemoryStore):
    """A broken store: to it every answer is new."""

    def assigned(self, key: str, *, now_s: float) -> tuple[str, float] | None:
        """Give the backend without its age."""
        found = super().assigned(key, now_s=now_s)
        return None if found is None else (found[0], 0.0)


class Trusting(MemoryStore):
    """A broken store: it keeps whatever it is given, one document for all."""

    def __init__(self) -> None:
        """Start with nothing."""
        super().__init__()
        self.document: JsonObject = {}

    def memory_of(self, policy: str) -> JsonObject:
        """Give everybody's."""
        return self.document

    def learn(self, policy: str, change: Callable[[JsonObject], JsonObject]) -> None:
        """Take it."""
        self.document = change(self.document)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (Forgetful, "test_reservation_holds_until_it_is_settled"),
        (Forgetful, "test_settlement_replaces_the_estimate"),
        (Forgetful, "test_what_was_not_used_is_given_back"),
        (Greedy, "test_hundred_at_once_take_no_more_than_there_is"),
        (Lasting, "test_second_failure_extends_up_to_the_cap"),
        (Averaging, "test_percentiles_are_of_the_latest_answers"),
        (Stubborn, "test_speed_is_counted_from_the_first_event"),
        (Stubborn, "test_old_answers_say_nothing"),
        (Stubborn, "test_attempts_under_way_are_counted"),
        (Stubborn, "test_key_is_assigned_until_it_is_old"),
        (Timeless, "test_key_is_assigned_until_it_is_old"),
        (Trusting, "test_policy_remembers_what_it_learns"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
async def test_suite_catches_broken_stores(broken: type[MemoryStore], test: str) -> None:
    """A store that breaks a promise fails the test of that promise."""

    class Suite(StateStoreSuite):
        def store(self) -> StateStore:
            return broken()

    with pytest.raises(AssertionError):
        await getattr(Suite(), test)()


@pytest.mark.anyio
async def test_suite_catches_a_store_that_keeps_useless_documents() -> None:
    """A document that is too long would grow in every record."""

    class Suite(StateStoreSuite):
        def store(self) -> StateStore:
            return Trusting()

    with pytest.raises(pytest.fail.Exception):
        await Suite().test_useless_memory_is_refused({"text": "x" * 16_384})


def test_keys_are_bounded() -> None:
    """The key that was answered longest ago goes first."""
    store = MemoryStore(keys=2)
    for i, key in enumerate(("a", "b", "a", "c")):
        store.assign(key, f"x/{i}", now_s=float(i))

    assert [store.assigned(key, now_s=5.0) for key in ("a", "b", "c")] == [("x/2", 3.0), None, ("x/3", 2.0)]


def test_policies_that_remember_are_bounded() -> None:
    """A hundred policies may remember something."""
    store = MemoryStore()
    for i in range(100):
        store.learn(str(i), lambda _: {})

    with pytest.raises(PolicyError, match="'one-more' would be one more"):
        store.learn("one-more", lambda _: {})


@given(
    attempts=st.lists(
        st.tuples(st.floats(0, 400), st.floats(0, 9), st.none() | st.floats(0, 9), st.booleans()), max_size=300
    )
)
def test_samples_are_what_a_plain_list_says(attempts: list[tuple[float, float, float | None, bool]]) -> None:
    """Whatever comes, percentiles and the error rate are those of the latest 128 attempts of the last 15 minutes."""
    samples, plain, now_s = Samples(), list[tuple[float, float, float | None, bool]](), 0.0
    for pause_s, latency_s, first_s, failed in attempts:
        now_s += pause_s
        if failed:
            samples.failed(now_s)
        else:
            samples.answered(now_s, latency_s=latency_s, first_s=first_s)
        plain.append((now_s, latency_s, first_s, failed))
    samples.expire(now_s)
    kept = [one for one in plain[-128:] if one[0] > now_s - 900.0]

    assert samples.latencies == sorted(latency_s for _, latency_s, _, failed in kept if not failed)
    assert samples.firsts == sorted(first_s for *_, first_s, failed in kept if first_s is not None and not failed)
    assert samples.error_rate == (sum(failed for *_, failed in kept) / len(kept) if kept else None)


@given(
    steps=st.lists(
        st.tuples(st.sampled_from("abc"), st.floats(0, 500), st.sampled_from(["begin", "answer", "fail", "look"])),
        max_size=60,
    )
)
def test_what_is_kept_ready_is_what_is_so(steps: list[tuple[str, float, str]]) -> None:
    """Looking often or only at the end gives the same, whoever has changed or grown old meanwhile."""
    watched, plain, now_s = MemoryStore(), MemoryStore(), 1_000.0
    for backend, pause_s, what in steps:
        now_s += pause_s
        outcome = Outcome.ANSWERED if what == "answer" else Outcome.FAILED
        end = Attempt(number=1, backend=backend, started_s=now_s, elapsed_s=pause_s / 500, outcome=outcome)
        for store in (watched, plain):
            if what == "begin":
                store.begin(backend)
            elif what != "look":
                store.note(end)
        watched.measured(now_s=now_s)
    now_s += 1

    assert dict(watched.measured(now_s=now_s)) == dict(plain.measured(now_s=now_s))


def test_only_what_changed_is_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a thousand backends, one call costs one of them."""
    shown = list[float | None]()
    show = Gauge.show

    def showing(self: Gauge, known: Remembered) -> Measured:
        shown.append(known.latency_s)
        return show(self, known)

    store = MemoryStore()
    for seconds in range(1, 11):
        store.note(evolve(attempt(Outcome.ANSWERED, elapsed_s=float(seconds)), backend=f"a/{seconds}"))
    store.measured(now_s=20.0)
    monkeypatch.setattr(Gauge, "show", showing)
    store.measured(now_s=20.0)
    store.begin("a/3")
    store.measured(now_s=20.0)

    assert shown == [3.0]


def test_mapping_that_was_given_can_be_gone_through_while_others_come() -> None:
    """A reader in another thread does not break when a backend is called for the first time."""
    store = MemoryStore()
    store.begin("a/1")
    given = iter(store.measured(now_s=0.0))
    store.begin("b/1")
    store.measured(now_s=0.0)

    assert list(given) == ["a/1"]


@given(values=st.lists(st.floats(0, 100), min_size=1, max_size=60), percent=st.integers(1, 100))
def test_percentile_is_the_smallest_that_so_many_do_not_exceed(values: list[float], percent: int) -> None:
    """At least so many in a hundred are at or below it, and fewer below the next smaller value."""
    found = percentile(sorted(values), percent)

    assert found is not None
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)


@pytest.mark.anyio
async def test_accounts_that_nothing_is_left_of_are_forgotten() -> None:
    """A million keys in a day's budget do not stay for ever: memory is bounded by the window."""
    store = MemoryStore()
    for i in range(5_000):
        await store.reserve(str(i), (Hold(f"key {i}", 1, 10, 60.0), Hold(f"call {i}", 1, 1, None)), now_s=float(i))
        store.settle(str(i), (1, 1), now_s=float(i))

    assert len(store._windows) < 2_000
    assert not store._running
    assert not store._held


@pytest.mark.anyio
async def test_reservation_of_one_name_is_refused_twice() -> None:
    """A name that is in use would lose what it holds."""
    store = MemoryStore()
    await store.reserve("a", (Hold("x", 1, 10, None),), now_s=0.0)

    with pytest.raises(ValueError, match="'a' is there already"):
        await store.reserve("a", (Hold("x", 1, 10, None),), now_s=0.0)


@pytest.mark.anyio
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 20), st.integers(0, 40), st.floats(0, 30), st.booleans()), min_size=1, max_size=60
    )
)
async def test_window_never_holds_less_than_the_truth(steps: list[tuple[int, int, float, bool]]) -> None:
    """Whatever is reserved, settled and forgotten, no window ever shows less than a plain list of amounts does."""
    store, truth, now_s = MemoryStore(), list[tuple[float, int]](), 1_000.0
    for i, (reserved, used, pause_s, settled) in enumerate(steps):
        now_s += pause_s
        if await store.reserve(str(i), (Hold("x", reserved, 100, 60.0),), now_s=now_s) is None:
            store.settle(str(i), (used,) if settled else None, now_s=now_s)
            truth.append((now_s, used if settled else 0))
        true = sum(amount for at_s, amount in truth if at_s > now_s - 60)
        most = sum(amount for at_s, amount in truth if at_s > now_s - 61.1)

        assert true <= store.used("x", 60.0, now_s=now_s) <= most
