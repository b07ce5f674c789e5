"""The breaker: a backend that keeps failing is left alone, then tried with a few probes, early if nobody is left."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from converge_provider.engine.clock import Clock
from converge_provider.engine.guarding.settings import BreakerSettings
from converge_provider.engine.outcomes import Attempt, Outcome
from converge_provider.engine.state import Circuit, Hold, StateStore
from converge_provider.errors import LlmError, ModelNotFound, NetworkError, ProviderError, RateLimited, Timeout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from converge_provider.engine.guards import Admission
    from converge_provider.engine.notices import BreakerState
    from converge_provider.selection import Reason

__all__ = ("BreakerGuard", "blames_backend")

_NOBODY: "Mapping[str, Reason]" = {}
_NO_TIMES: "Mapping[str, float]" = {}


class BreakerGuard:
    """Bar backends whose circuit is open; when its time is up let a bounded number of probes through."""

    def __init__(
        self, settings: BreakerSettings, *, store: StateStore, clock: Clock, tell: Callable[[object], None]
    ) -> None:
        """Take when circuits open, where they are kept, the time, and whom to tell."""
        self._settings = settings
        self._store = store
        self._clock = clock
        self._tell = tell
        self._probes: dict[Admission, str] = {}
        self._number = 0

    def bars(self) -> "Mapping[str, Reason]":
        """Name the backends whose circuit lets nobody through now."""
        circuits = self._store.circuits()
        if not circuits:
            return _NOBODY
        found = ((backend, self._reason(backend, circuit)) for backend, circuit in circuits.items())
        return {backend: reason for backend, reason in found if reason is not None}

    def _reason(self, backend: str, circuit: Circuit, *, early: bool = False) -> "Reason | None":
        from converge_provider.selection import Reason

        left_s = circuit.until_s - self._clock.now_s()
        if left_s > 0 and not early:
            return Reason("breaker", f"{circuit.text}; the next probe may begin in {left_s:.3g} s")
        if not self._room(backend):
            return Reason("breaker", f"{circuit.text}; a probe is under way")
        return None

    def _room(self, backend: str) -> bool:
        return self._store.used(_account(backend), None, now_s=self._clock.now_s()) < self._settings.probes

    def yields(self) -> "Mapping[str, float]":
        """Give the seconds until those half-open who may be probed before, if nobody else is left."""
        circuits = self._store.circuits()
        if not circuits or not self._settings.early_probe:
            return _NO_TIMES
        now_s = self._clock.now_s()
        waits = ((backend, circuit.until_s - now_s) for backend, circuit in circuits.items())
        return {backend: left_s for backend, left_s in waits if left_s > 0 and self._room(backend)}

    def may_wait(self, admission: "Admission") -> bool:
        """Say whether the store is asked for a probe, which may take its time."""
        return admission.entry.id in self._store.circuits()

    async def admit(self, admission: "Admission") -> "Reason | None":
        """Let everybody through to a closed circuit, and probes to one that is half open, or to be probed early."""
        backend = admission.entry.id
        circuit = self._store.circuits().get(backend)
        if circuit is None:
            return None
        reason = self._reason(backend, circuit, early=admission.early and self._settings.early_probe)
        if reason is not None:
            return reason
        self._number += 1
        name = f"probe/{admission.request_id}/{self._number}"
        hold = Hold(_account(backend), 1, self._settings.probes, None)
        if await self._store.reserve(name, (hold,), now_s=self._clock.now_s()) is not None:
            from converge_provider.selection import Reason

            return Reason("breaker", f"{circuit.text}; a probe is under way")
        self._probes[admission] = name
        self._changed(admission, _state("open"), _state("half_open"))
        return None

    def release(self, admission: "Admission", attempt: Attempt | None) -> None:
        """Count how the call ended, if that says something of the backend."""
        name = self._probes.pop(admission, None) if self._probes else None
        now_s = self._clock.now_s()
        if name is not None:
            self._store.settle(name, None, now_s=now_s)
        if attempt is None:
            return
        failed = self._failed(attempt)
        if failed is None:
            return
        backend = attempt.backend
        before = self._store.circuits().get(backend)
        self._store.report(backend, failed=failed, probe=name is not None, rule=self._settings, now_s=now_s)
        after = self._store.circuits().get(backend)
        if after is not before:
            previous = "closed" if before is None else "half_open"
            self._changed(admission, _state(previous), _state("closed" if after is None else "open"), after)

    def _failed(self, attempt: Attempt) -> bool | None:
        """Say whether a backend failed; ``None``: the end of the call says nothing of it."""
        match attempt.outcome:
            case Outcome.ANSWERED | Outcome.REJECTED:
                return False
            case Outcome.FAILED:
                error = attempt.error
                hasty = isinstance(error, Timeout) and attempt.elapsed_s < self._settings.timeout_counts_s
                return True if error is not None and blames_backend(error) and not hasty else None
            case Outcome.CANCELLED | Outcome.CLOSED:
                return None

    def _changed(
        self, admission: "Admission", previous: "BreakerState", state: "BreakerState", circuit: Circuit | None = None
    ) -> None:
        from converge_provider.engine.notices import BreakerChanged

        self._tell(
            BreakerChanged(
                request_id=admission.request_id,
                backend=admission.entry.id,
                previous=previous,
                state=state,
                until_s=None if circuit is None else circuit.until_s,
            )
        )


def blames_backend(error: LlmError) -> bool:
    """
    Say whether a failure speaks of the backend: not of the request, the credentials, or a rate limit that says when.

    Example:
        >>> blames_backend(NetworkError("cut")), blames_backend(RateLimited(30.0)), blames_backend(RateLimited(0.0))
        (True, False, True)

    """
    match error:
        case RateLimited():
            return not error.retry_after_known
        case ProviderError():
            return error.retryable
        case NetworkError() | Timeout() | ModelNotFound():
            return True
        case _:
            return False


def _account(backend: str) -> str:
    return f"probe/{backend}"


def _state(word: str) -> "BreakerState":
    from converge_provider.engine.notices import BreakerState

    return BreakerState(word)
