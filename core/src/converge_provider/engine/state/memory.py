"""The store in this process."""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from converge_provider.engine.outcomes import Attempt
from converge_provider.engine.state.assignments import Assignments
from converge_provider.engine.state.gauges import Gauges
from converge_provider.engine.state.holding import Hold, Shortage
from converge_provider.engine.state.reckoning import Reckoning, opened
from converge_provider.engine.state.remembered import Remembered
from converge_provider.engine.state.standing import Bench, Circuit
from converge_provider.engine.state.windows import Window
from converge_provider.errors import PolicyError
from converge_provider.values.measured import Measured
from converge_provider.values.messages import JsonObject, JsonValue

if TYPE_CHECKING:
    from converge_provider.engine.guarding.settings import BreakerSettings

__all__ = ("MemoryStore",)

_SWEEP_EVERY = 1_000
"""Reservations between two looks for accounts that nothing is left of."""

_KEYS = 10_000
_KEY_LASTING_S = 3_600.0
_POLICIES = 100
_DOCUMENT_BYTES = 16_384

_Held = tuple[tuple[Hold, int], ...]


class MemoryStore:
    """Remember in this process, as long as it lives."""

    def __init__(self, *, keys: int = _KEYS, key_lasting_s: float = _KEY_LASTING_S) -> None:
        """
        Start with an empty memory.

        Args:
            keys: Keys of requests whose last backend is remembered, ≥ 1; the one answered longest ago goes first.
            key_lasting_s: Seconds after its last answer for which that is remembered, > 0.

        """
        self._number = 0
        self._learnt = 0
        self._known: dict[str, Remembered] = {}
        self._gauges = Gauges()
        self._assignments = Assignments(most=keys, lasting_s=key_lasting_s)
        self._documents: Mapping[str, JsonObject] = {}
        self._learning = Lock()
        self._reckonings: dict[str, Reckoning] = {}
        self._circuits: Mapping[str, Circuit] = _NO_CIRCUITS
        self._benches: Mapping[str, Bench] = _NO_BENCHES
        self._running: dict[str, int] = {}
        self._windows: dict[tuple[str, float], Window] = {}
        self._held: dict[str, _Held] = {}
        self._until_sweep = _SWEEP_EVERY

    @property
    def number(self) -> int:
        """A number that grows with every change."""
        return self._number + self._learnt  # each is counted by one thread at a time

    def recall(self, backend: str) -> Remembered:
        """Give what is remembered of one backend."""
        return self._known.get(backend, _NOTHING)

    def snapshot(self) -> Mapping[str, Remembered]:
        """Give what is remembered of every backend, by id."""
        return dict(self._known)

    def begin(self, backend: str) -> None:
        """Take the beginning of an attempt."""
        self._gauges.begin(backend)
        self._number += 1

    def note(self, attempt: Attempt) -> None:
        """Take one attempt that has ended."""
        before = self.recall(attempt.backend)
        after = before.after(attempt)
        if after is not before:
            self._known[attempt.backend] = after
        elif attempt.backend not in self._gauges:
            return
        self._gauges.end(attempt)
        self._number += 1

    def measured(self, *, now_s: float) -> Mapping[str, Measured]:
        """Give what was measured of every backend."""
        return self._gauges.show(self.recall, now_s)

    def assigned(self, key: str, *, now_s: float) -> tuple[str, float] | None:
        """Give who last answered a request with this key, and how long ago."""
        return self._assignments.get(key, now_s)

    def assign(self, key: str, backend: str, *, now_s: float) -> None:
        """Take who answered a request with this key."""
        self._assignments.put(key, backend, now_s)
        self._number += 1

    def memory_of(self, policy: str) -> JsonObject:
        """Give what a policy remembers."""
        return self._documents.get(policy, _NO_DOCUMENT)

    def learn(self, policy: str, change: Callable[[JsonObject], JsonObject]) -> None:
        """Let a policy change what it remembers."""
        while True:
            before = self.memory_of(policy)
            given = change(before)
            if given is before:
                return
            document = checked_document(policy, given)
            with self._learning:
                if self.memory_of(policy) is before:
                    self._remember(policy, document)
                    return

    def _remember(self, policy: str, document: JsonObject) -> None:
        documents = {**self._documents, policy: document}
        if len(documents) > _POLICIES:
            message = f"{_POLICIES} policies remember something already; {policy!r} would be one more"
            raise PolicyError(message)
        self._documents = documents
        self._learnt += 1

    def circuits(self) -> Mapping[str, Circuit]:
        """Give the circuits that are not closed, by backend."""
        return self._circuits

    def report(self, backend: str, *, failed: bool, probe: bool, rule: "BreakerSettings", now_s: float) -> None:
        """Take the end of a call that says something of its backend."""
        circuit = self._circuits.get(backend)
        if circuit is None:
            reckoning = self._reckonings.get(backend)
            if reckoning is None:
                reckoning = self._reckonings[backend] = Reckoning()
            why = reckoning.count(failed=failed, rule=rule, now_s=now_s)
            if why is not None:
                self._set_circuit(backend, opened(None, why, rule=rule, now_s=now_s))
        elif probe:
            again = opened(circuit, "its probe failed", rule=rule, now_s=now_s)
            self._set_circuit(backend, again if failed else None)

    def _set_circuit(self, backend: str, circuit: Circuit | None) -> None:
        others = {name: one for name, one in self._circuits.items() if name != backend}
        self._circuits = MappingProxyType(others if circuit is None else {**others, backend: circuit})
        self._reckonings.pop(backend, None)
        self._number += 1

    def benches(self) -> Mapping[str, Bench]:
        """Give who is benched."""
        return self._benches

    def bench(self, name: str, bench: Bench, *, now_s: float) -> None:
        """Bench a backend or a provider."""
        there = self._benches.get(name)
        if there is not None and there.holder == bench.holder and there.until_s >= bench.until_s:
            return
        current = {key: one for key, one in self._benches.items() if one.until_s > now_s}
        self._benches = MappingProxyType({**current, name: bench})
        self._number += 1

    def lift(self, name: str) -> None:
        """Take somebody off the bench."""
        if name in self._benches:
            self._benches = MappingProxyType({key: one for key, one in self._benches.items() if key != name})
            self._number += 1

    async def reserve(self, name: str, holds: Sequence[Hold], *, now_s: float) -> Shortage | None:
        """Reserve all amounts, or nothing; never waits."""
        if name in self._held:
            message = f"reservation {name!r} is there already"
            raise ValueError(message)
        wanted: dict[tuple[str, float | None], int] = {}
        for hold in holds:
            key = (hold.account, hold.window_s)
            wanted[key] = wanted.get(key, 0) + hold.amount
            used = self.used(hold.account, hold.window_s, now_s=now_s)
            if used + wanted[key] > hold.limit:
                return self._short(hold, used, wanted[key], now_s)
        self._held[name] = tuple([(hold, self._take(hold, now_s)) for hold in holds])
        self._sweep(now_s)
        return None

    def _short(self, hold: Hold, used: int, wanted: int, now_s: float) -> Shortage:
        window = None if hold.window_s is None else self._windows.get((hold.account, hold.window_s))
        retry_s = None if window is None else window.room_in_s(wanted, hold.limit, now_s)
        return Shortage(hold=hold, used=used, retry_s=retry_s)

    def _take(self, hold: Hold, now_s: float) -> int:
        if hold.window_s is None:
            self._running[hold.account] = self._running.get(hold.account, 0) + hold.amount
            return 0
        key = (hold.account, hold.window_s)
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = Window(hold.window_s)
        return window.add(hold.amount, now_s)

    def settle(self, name: str, amounts: Sequence[int] | None, *, now_s: float) -> None:
        """End a reservation with what was really used."""
        held = self._held.pop(name, ())
        for i, (hold, slot) in enumerate(held):
            if hold.window_s is None:
                self._give_back(hold)
                continue
            window = self._windows.get((hold.account, hold.window_s))
            change = (0 if amounts is None else amounts[i]) - hold.amount
            if window is not None and change:
                window.change(slot, change)
        self._sweep(now_s)

    def _give_back(self, hold: Hold) -> None:
        left = self._running[hold.account] - hold.amount
        if left:
            self._running[hold.account] = left
        else:
            del self._running[hold.account]

    def used(self, account: str, window_s: float | None, *, now_s: float) -> int:
        """Give what is in an account."""
        if window_s is None:
            return self._running.get(account, 0)
        window = self._windows.get((account, window_s))
        return 0 if window is None else window.used(now_s)

    def _sweep(self, now_s: float) -> None:
        """Forget accounts that nothing is left of, from time to time."""
        self._until_sweep -= 1
        if self._until_sweep <= 0:
            self._until_sweep = max(_SWEEP_EVERY, len(self._windows))
            self._windows = {key: window for key, window in self._windows.items() if window.used(now_s)}

    async def aclose(self) -> None:
        """Have nothing to hand over."""


def checked_document(policy: str, document: object) -> JsonObject:
    """
    Give a copy of what a policy wants to remember, or refuse it.

    Raises:
        PolicyError: It is no JSON object, or too long.

    """
    import json  # only where a policy learns

    if not isinstance(document, Mapping):
        message = f"policy {policy!r} must remember a JSON object, got a {type(document).__name__}"
        raise PolicyError(message)
    try:
        text = json.dumps(dict(cast("Mapping[str, object]", document)), allow_nan=False)
    except (TypeError, ValueError) as exc:
        message = f"policy {policy!r} wants to remember what is no JSON document: {exc}"
        raise PolicyError(message) from exc
    if len(text) > _DOCUMENT_BYTES:
        message = f"policy {policy!r} wants to remember {len(text)} bytes; at most {_DOCUMENT_BYTES} are kept"
        raise PolicyError(message)
    return MappingProxyType(json.loads(text))


_NO_DOCUMENT: Mapping[str, JsonValue] = MappingProxyType({})
_NOTHING = Remembered()
_NO_CIRCUITS: Mapping[str, Circuit] = MappingProxyType({})
_NO_BENCHES: Mapping[str, Bench] = MappingProxyType({})
