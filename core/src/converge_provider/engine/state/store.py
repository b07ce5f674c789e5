"""The protocol of what is remembered between requests."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from converge_provider.engine.outcomes import Attempt
from converge_provider.engine.state.holding import Hold, Shortage
from converge_provider.engine.state.remembered import Remembered
from converge_provider.engine.state.standing import Bench, Circuit

if TYPE_CHECKING:
    from collections.abc import Callable

    from converge_provider.engine.guarding.settings import BreakerSettings
    from converge_provider.values.measured import Measured
    from converge_provider.values.messages import JsonObject

__all__ = ("StateStore",)


class StateStore(Protocol):
    """
    Keep what is remembered of backends, who sits out, and what is used up.

    Only :meth:`reserve` may wait for a network: a store that several processes share answers everything else from its
    last snapshot and sends what it is told later.  Every method that changes something does so in one step that nobody
    sees half of.  Methods are called from the engine's event loop; ``recall``, ``snapshot``, ``circuits``,
    ``benches``, ``measured``, ``assigned``, ``memory_of`` and ``learn`` from any thread.  Moments are given by the
    engine's clock, in seconds since 1970.

    :class:`converge_provider.testing.StateStoreSuite` tests an implementation.
    """

    @property
    def number(self) -> int:
        """A number that grows with every change, so that what is derived from the state can be cached."""
        ...

    def recall(self, backend: str) -> Remembered:
        """Give what is remembered of one backend; of a stranger, the empty memory."""
        ...

    def snapshot(self) -> Mapping[str, Remembered]:
        """Give what is remembered of every backend, by id."""
        ...

    def begin(self, backend: str) -> None:
        """Take the beginning of an attempt; every one that begins is noted when it ends."""
        ...

    def note(self, attempt: Attempt) -> None:
        """Take one attempt that has ended; one that was never begun ends all the same."""
        ...

    def measured(self, *, now_s: float) -> "Mapping[str, Measured]":
        """
        Give what was measured of every backend of which something was, by id.

        Percentiles and the error rate are of the latest attempts, at least 64 and none older than an hour, and may be
        wrong by a hundredth of a percentile; what runs is counted in this process at least.  The mapping may be
        computed while it is read, and is read at once.
        """
        ...

    def assigned(self, key: str, *, now_s: float) -> tuple[str, float] | None:
        """Give the backend that last answered a request with this key, and how many seconds ago; ``None``: nobody."""
        ...

    def assign(self, key: str, backend: str, *, now_s: float) -> None:
        """Take who answered a request with this key; old keys are forgotten where there are too many."""
        ...

    def memory_of(self, policy: str) -> "JsonObject":
        """Give what a policy remembers; empty when that is nothing.  It changes no more."""
        ...

    def learn(self, policy: str, change: "Callable[[JsonObject], JsonObject]") -> None:
        """
        Let a policy change what it remembers.

        Args:
            policy: Its name.
            change: Pure: takes what it remembers, gives what it will.  Where several processes learn at once it may be
                called again with what another one wrote.

        Raises:
            PolicyError: What it gave is no JSON object, or longer than 16 384 bytes; then nothing has changed.

        """
        ...

    def circuits(self) -> Mapping[str, Circuit]:
        """Give the circuits that are not closed, by backend; a mapping that changes no more."""
        ...

    def report(self, backend: str, *, failed: bool, probe: bool, rule: "BreakerSettings", now_s: float) -> None:
        """
        Take the end of a call that says something of its backend.

        A closed circuit opens as the rule says.  Of one that is not closed only probes count: an answer closes it, a
        failure opens it again for longer.
        """
        ...

    def benches(self) -> Mapping[str, Bench]:
        """Give who is benched, by backend or provider, among them those whose time is over; it changes no more."""
        ...

    def bench(self, name: str, bench: Bench, *, now_s: float) -> None:
        """Bench a backend or a provider; a bench that lasts longer already, for the same holder, stays."""
        ...

    def lift(self, name: str) -> None:
        """Take somebody off the bench; nobody there is no error."""
        ...

    async def reserve(self, name: str, holds: Sequence[Hold], *, now_s: float) -> Shortage | None:
        """
        Reserve all amounts, or nothing.

        Args:
            name: Names the reservation; one that is not settled must not be there again.
            holds: What is reserved; several holds of one account count together.
            now_s: The moment that amounts are dated at.

        Returns:
            ``None`` when everything is reserved, otherwise what is short.  When it raises or is cancelled, nothing is.

        """
        ...

    def settle(self, name: str, amounts: Sequence[int] | None, *, now_s: float) -> None:
        """
        End a reservation with what was really used; unknown, or settled already: nothing happens.

        Args:
            name: As in :meth:`reserve`.
            amounts: One for each hold, ≥ 0, also above what was reserved, dated as the reservation was; those of holds
                without a window are given back whatever is said.  ``None``: nothing was used.
            now_s: The moment of the settlement.

        """
        ...

    def used(self, account: str, window_s: float | None, *, now_s: float) -> int:
        """Give what is in an account, reserved or used."""
        ...

    async def aclose(self) -> None:
        """Hand over what has not been sent; may be called twice."""
        ...
