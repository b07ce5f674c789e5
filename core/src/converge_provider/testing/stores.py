"""What every state store owes the engine, as tests: subclass :class:`StateStoreSuite` and give it a store."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest

from converge_provider.engine.guarding.settings import BreakerSettings
from converge_provider.engine.outcomes import Attempt, Outcome
from converge_provider.engine.state import Bench, Hold, Remembered, StateStore
from converge_provider.errors import PolicyError
from converge_provider.values.usage import TokenUsage

if TYPE_CHECKING:
    from converge_provider.values.messages import JsonObject

__all__ = ("StateStoreSuite",)

NOW_S = 1_800_000_000.0


def _answered(started_s: float, elapsed_s: float, *, first_s: float | None = None, tokens: int = 0) -> Attempt:
    return Attempt(
        number=1,
        backend="a/1",
        started_s=started_s,
        elapsed_s=elapsed_s,
        first_event_s=first_s,
        outcome=Outcome.ANSWERED,
        usage=TokenUsage(prompt_tokens=1, completion_tokens=tokens, total_tokens=tokens + 1),
    )


RULE = BreakerSettings(failures_in_row=3, open_s=10.0, open_cap_s=25.0, window_s=60.0, minimum_calls=4)


class StateStoreSuite:
    """
    Test a state store; a subclass overrides :meth:`store`, and its name begins with ``Test``.

    Example::

        class TestMyStore(StateStoreSuite):
            def store(self) -> StateStore:
                return MyStore()

    """

    pytestmark: pytest.MarkDecorator = pytest.mark.anyio

    def store(self) -> StateStore:
        """Give a new store in which nothing is remembered."""
        raise NotImplementedError

    async def test_stranger_has_the_empty_memory(self) -> None:
        """Nobody has to be registered."""
        store = self.store()

        assert store.recall("a/1") == Remembered()
        assert (dict(store.snapshot()), dict(store.circuits()), dict(store.benches())) == ({}, {}, {})
        assert store.used("calls", 60.0, now_s=NOW_S) == store.used("calls", None, now_s=NOW_S) == 0

    async def test_attempt_is_remembered_and_the_number_grows(self) -> None:
        """What is derived from the state can be cached under its number."""
        store = self.store()
        before = store.number
        store.note(Attempt(number=1, backend="a/1", started_s=NOW_S, elapsed_s=2.0, outcome=Outcome.ANSWERED))

        assert store.recall("a/1").latency_s == 2.0
        assert store.number > before

    async def test_percentiles_are_of_the_latest_answers(self) -> None:
        """Half and 95 in 100 of the answers took no longer; failures count for the error rate alone."""
        store = self.store()
        for i in range(40):
            store.note(_answered(NOW_S, float((i * 7) % 40 + 1), first_s=0.5, tokens=10))
        for _ in range(10):
            store.note(Attempt(number=1, backend="a/1", started_s=NOW_S, elapsed_s=1.0, outcome=Outcome.FAILED))
        found = store.measured(now_s=NOW_S + 60)["a/1"]

        assert found.latency_p50_s == pytest.approx(20.0, abs=0.4)
        assert found.latency_p95_s == pytest.approx(38.0, abs=0.4)
        assert (found.latency_samples, found.first_token_p95_s, found.error_rate) == (40, 0.5, 0.2)
        assert found.latency_s == store.recall("a/1").latency_s
        assert found.tokens_per_s is not None

    async def test_speed_is_counted_from_the_first_event(self) -> None:
        """Thirty tokens in the three seconds after the first event are ten a second."""
        store = self.store()
        store.note(_answered(NOW_S, 4.0, first_s=1.0, tokens=30))

        assert store.measured(now_s=NOW_S + 5)["a/1"].tokens_per_s == 10.0

    async def test_old_answers_say_nothing(self) -> None:
        """Nobody is judged for ever by a bad hour, and memory does not grow with the number of calls."""
        store = self.store()
        for i in range(500):
            store.note(_answered(NOW_S + i, 1.0))
        fresh = store.measured(now_s=NOW_S + 501)["a/1"].latency_samples
        old = store.measured(now_s=NOW_S + 501 + 3_600)["a/1"]

        assert 64 <= fresh <= 500
        assert (old.latency_samples, old.latency_p95_s, old.error_rate) == (0, None, None)

    async def test_attempts_under_way_are_counted(self) -> None:
        """One that was cancelled is over too; an end without a beginning takes nothing away."""
        store = self.store()
        store.note(_answered(NOW_S, 1.0))
        for _ in range(3):
            store.begin("a/1")
        running = store.measured(now_s=NOW_S)["a/1"].in_flight
        store.note(_answered(NOW_S, 1.0))
        store.note(Attempt(number=1, backend="a/1", started_s=NOW_S, elapsed_s=1.0, outcome=Outcome.CANCELLED))

        assert running == 3
        assert store.measured(now_s=NOW_S)["a/1"].in_flight == 1

    async def test_only_known_backends_are_measured(self) -> None:
        """A stranger is not there; whoever was called is."""
        store = self.store()
        store.begin("a/1")
        found = store.measured(now_s=NOW_S)

        assert list(found) == ["a/1"]
        assert found.get("b/1") is None

    async def test_key_is_assigned_until_it_is_old(self) -> None:
        """The last backend to answer counts, from then on, for a time."""
        store = self.store()
        before = store.number
        store.assign("k", "a/1", now_s=NOW_S)
        store.assign("k", "b/1", now_s=NOW_S + 1)

        assert store.number > before
        assert store.assigned("k", now_s=NOW_S + 3) == ("b/1", 2.0)
        assert store.assigned("other", now_s=NOW_S + 2) is None
        assert store.assigned("k", now_s=NOW_S + 30 * 86_400) is None

    async def test_policy_remembers_what_it_learns(self) -> None:
        """Each change sees the one before; a document that was given changes no more; others see nothing of it."""
        store = self.store()
        empty, before = store.memory_of("p"), store.number
        store.learn("p", lambda document: {**document, "calls": 1})
        once = store.memory_of("p")
        store.learn("p", lambda document: {**document, "more": [document["calls"]]})

        assert (dict(empty), once) == ({}, {"calls": 1})
        assert store.memory_of("p") == {"calls": 1, "more": [1]}
        assert dict(store.memory_of("q")) == {}
        assert store.number > before
        with pytest.raises(TypeError):
            cast("Any", once)["calls"] = 2

    @pytest.mark.parametrize(
        "document",
        [{"text": "x" * 16_384}, {"nan": float("nan")}, {"set": {1}}, ["no object"]],
        ids=["too-long", "not-finite", "no-json", "no-object"],
    )
    async def test_useless_memory_is_refused(self, document: object) -> None:
        """What cannot be kept is said in one line, and leaves what was there."""
        store, useless = self.store(), cast("JsonObject", document)
        store.learn("p", lambda _: {"kept": True})

        with pytest.raises(PolicyError, match="policy 'p'"):
            store.learn("p", lambda _: useless)
        assert store.memory_of("p") == {"kept": True}

    async def test_reservation_holds_until_it_is_settled(self) -> None:
        """What is under way counts, and is given back in full."""
        store, hold = self.store(), Hold("at once", 1, 2, None)
        taken = [await store.reserve(name, (hold,), now_s=NOW_S) for name in "abc"]
        store.settle("a", None, now_s=NOW_S)
        again = await store.reserve("d", (hold,), now_s=NOW_S)

        assert taken[:2] == [None, None]
        assert taken[2] is not None
        assert (taken[2].hold, taken[2].used) == (hold, 2)
        assert again is None
        assert store.used("at once", None, now_s=NOW_S) == 2

    async def test_all_is_reserved_or_nothing(self) -> None:
        """One account without room leaves the others as they were, whatever the order."""
        store = self.store()
        room, full = Hold("room", 5, 9, 60.0), Hold("full", 5, 4, 60.0)
        for name, holds in (("a", (room, full)), ("b", (full, room)), ("c", (room, Hold("at once", 2, 1, None)))):
            short = await store.reserve(name, holds, now_s=NOW_S)

            assert short is not None
            assert store.used("room", 60.0, now_s=NOW_S) == store.used("full", 60.0, now_s=NOW_S) == 0

    async def test_holds_of_one_account_count_together(self) -> None:
        """Two halves that fit alone do not fit together."""
        store, half = self.store(), Hold("a", 3, 5, 60.0)

        assert await store.reserve("a", (half, half), now_s=NOW_S) is not None
        assert await store.reserve("b", (half,), now_s=NOW_S) is None

    async def test_settlement_replaces_the_estimate(self) -> None:
        """Less gives room back, more is counted even beyond the limit; a second settlement changes nothing."""
        store = self.store()
        await store.reserve("a", (Hold("x", 50, 100, 60.0),), now_s=NOW_S)
        store.settle("a", (20,), now_s=NOW_S + 1)
        store.settle("a", (70,), now_s=NOW_S + 1)
        less = store.used("x", 60.0, now_s=NOW_S + 1)
        await store.reserve("b", (Hold("x", 50, 100, 60.0),), now_s=NOW_S + 1)
        store.settle("b", (130,), now_s=NOW_S + 2)

        assert (less, store.used("x", 60.0, now_s=NOW_S + 2)) == (20, 150)
        assert await store.reserve("c", (Hold("x", 0, 100, 60.0),), now_s=NOW_S + 2) is not None

    async def test_what_was_not_used_is_given_back(self) -> None:
        """A call that was never made leaves nothing."""
        store = self.store()
        windows = {"x": 60.0, "y": None, "z": float("inf")}
        await store.reserve("a", [Hold(name, 5, 5, window_s) for name, window_s in windows.items()], now_s=NOW_S)
        store.settle("a", None, now_s=NOW_S)

        assert [store.used(name, window_s, now_s=NOW_S) for name, window_s in windows.items()] == [0, 0, 0]

    async def test_window_is_never_shorter_than_said(self) -> None:
        """An amount counts for its whole window, and is gone soon after."""
        store = self.store()
        await store.reserve("a", (Hold("x", 5, 5, 60.0), Hold("ever", 5, 5, float("inf"))), now_s=NOW_S + 0.5)
        store.settle("a", (5, 5), now_s=NOW_S + 0.5)

        assert store.used("x", 60.0, now_s=NOW_S + 60.4) == 5
        assert store.used("x", 60.0, now_s=NOW_S + 66) == 0
        assert store.used("ever", float("inf"), now_s=NOW_S + 1e9) == 5

    async def test_shortage_says_when_there_is_room(self) -> None:
        """Waiting as long as it says is enough when nothing else changes."""
        store, hold = self.store(), Hold("x", 5, 5, 60.0)
        await store.reserve("a", (hold,), now_s=NOW_S)
        store.settle("a", (5,), now_s=NOW_S)
        short = await store.reserve("b", (hold,), now_s=NOW_S + 10)

        assert short is not None
        assert short.retry_s is not None
        assert 0 < short.retry_s < 60
        assert await store.reserve("b", (hold,), now_s=NOW_S + 10 + short.retry_s + 1e-3) is None

    async def test_hundred_at_once_take_no_more_than_there_is(self) -> None:
        """Reservations are one step: however calls interleave, ten of ten are had, and no eleventh."""
        store, given = self.store(), list[str]()

        async def take(name: str) -> None:
            if await store.reserve(name, (Hold("x", 1, 10, 60.0), Hold("y", 1, 99, None)), now_s=NOW_S) is None:
                given.append(name)

        async with anyio.create_task_group() as tasks:
            for i in range(100):
                tasks.start_soon(take, str(i))

        assert len(given) == 10
        assert store.used("x", 60.0, now_s=NOW_S) == store.used("y", None, now_s=NOW_S) == 10

    async def test_cancelled_reservation_takes_nothing(self) -> None:
        """Whoever is cancelled while it reserves has either the reservation or nothing."""
        store, had = self.store(), False
        with anyio.CancelScope() as scope, suppress(TimeoutError):
            scope.cancel()
            had = await store.reserve("a", (Hold("x", 1, 10, None),), now_s=NOW_S) is None

        assert store.used("x", None, now_s=NOW_S) == (1 if had else 0)

    async def test_circuit_opens_after_failures_in_a_row(self) -> None:
        """An answer in between starts the row anew."""
        store = self.store()
        rule = BreakerSettings(failures_in_row=3, open_s=10.0, minimum_calls=99)
        for failed in (True, True, False, True, True):
            store.report("a/1", failed=failed, probe=False, rule=rule, now_s=NOW_S)
        before = dict(store.circuits())
        store.report("a/1", failed=True, probe=False, rule=rule, now_s=NOW_S)

        assert before == {}
        assert store.circuits()["a/1"].until_s == NOW_S + 10.0

    async def test_circuit_opens_at_a_rate(self) -> None:
        """Half of enough calls within the window, in any order; older ones do not count."""
        store = self.store()
        for failed, at_s in ((True, 0.0), (True, 0.0), (False, 100.0), (True, 100.0), (False, 100.0)):
            store.report("a/1", failed=failed, probe=False, rule=RULE, now_s=NOW_S + at_s)
        before = dict(store.circuits())
        store.report("a/1", failed=True, probe=False, rule=RULE, now_s=NOW_S + 100)

        assert before == {}
        assert store.circuits()["a/1"].opened == 1

    async def test_second_failure_extends_up_to_the_cap(self) -> None:
        """A probe that fails doubles the pause; calls that are no probes change nothing; an answer closes."""
        store, pauses = self.store(), list[float]()
        for _ in range(3):
            store.report("a/1", failed=True, probe=False, rule=RULE, now_s=NOW_S)
        for _ in range(3):
            store.report("a/1", failed=False, probe=False, rule=RULE, now_s=NOW_S)
            pauses.append(store.circuits()["a/1"].until_s - NOW_S)
            store.report("a/1", failed=True, probe=True, rule=RULE, now_s=NOW_S)
        store.report("a/1", failed=False, probe=True, rule=RULE, now_s=NOW_S)

        assert pauses == [10.0, 20.0, 25.0]
        assert dict(store.circuits()) == {}

    async def test_closed_circuit_starts_afresh(self) -> None:
        """What was counted before it opened is forgotten: one more failure opens nothing."""
        store = self.store()
        for _ in range(3):
            store.report("a/1", failed=True, probe=False, rule=RULE, now_s=NOW_S)
        store.report("a/1", failed=False, probe=True, rule=RULE, now_s=NOW_S)
        store.report("a/1", failed=True, probe=False, rule=RULE, now_s=NOW_S)

        assert dict(store.circuits()) == {}

    async def test_bench_lasts_as_long_as_the_longest(self) -> None:
        """A shorter bench does not shorten a longer one; lifting ends it; a mapping that was given changes no more."""
        store = self.store()
        store.bench("a/1", Bench(until_s=NOW_S + 30, text="long"), now_s=NOW_S)
        given = store.benches()
        store.bench("a/1", Bench(until_s=NOW_S + 10, text="short"), now_s=NOW_S)
        kept = store.benches()
        store.lift("a/1")
        store.lift("b/1")

        assert (given["a/1"].text, kept["a/1"].text) == ("long", "long")
        assert "a/1" not in store.benches()

    async def test_bench_of_another_holder_replaces(self) -> None:
        """A bench for the new settings counts, although the one for the old settings lasts for ever."""
        store = self.store()
        store.bench("a", Bench(until_s=float("inf"), text="old key", holder="1"), now_s=NOW_S)
        store.bench("a", Bench(until_s=float("inf"), text="new key", holder="2"), now_s=NOW_S)

        assert store.benches()["a"].holder == "2"

    async def test_closing_twice_is_no_error(self) -> None:
        """A host may close what the engine has closed."""
        store = self.store()
        await store.aclose()
        await store.aclose()

        assert store.recall("a/1") == Remembered()
