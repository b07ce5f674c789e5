"""Parking: a backend that asked to be left alone is, until its time; denied credentials bench their provider."""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from converge_provider.engine.clock import Clock
from converge_provider.engine.guarding.settings import ParkingSettings
from converge_provider.engine.outcomes import Attempt
from converge_provider.engine.state import Bench, StateStore
from converge_provider.errors import AuthDenied, RateLimited

if TYPE_CHECKING:
    from converge_provider.engine.guards import Admission
    from converge_provider.registry import Catalogue
    from converge_provider.selection import Reason

__all__ = ("ParkingGuard",)

_NOBODY: "Mapping[str, Reason]" = {}


class ParkingGuard:
    """
    Bar backends that are parked, and providers whose credentials were denied.

    Parking is shared by all who use the store.  Denied credentials concern one catalogue, which is made anew when
    settings change: engines of the same catalogue share them, a new catalogue starts afresh.
    """

    def __init__(
        self,
        settings: ParkingSettings,
        *,
        store: StateStore,
        clock: Clock,
        catalogue: "Catalogue",
        tell: Callable[[object], None],
    ) -> None:
        """Take how long at most, where it is kept, the time, who may be parked, and whom to tell."""
        self._settings = settings
        self._store = store
        self._clock = clock
        self._catalogue = catalogue
        self._tell = tell

    def bars(self) -> "Mapping[str, Reason]":
        """Name the backends that are out, each with its reason."""
        benches = self._store.benches()
        if not benches:
            return _NOBODY
        from converge_provider.selection import Reason

        now_s = self._clock.now_s()
        barred: dict[str, Reason] = {}
        for name, bench in benches.items():
            if bench.until_s <= now_s:
                continue
            if bench.holder is None:
                left_s = bench.until_s - now_s
                barred[name] = Reason("parked", f"{bench.text}; it returns in {left_s:.3g} s")
            elif bench.holder == self._holder():
                barred.update(dict.fromkeys(self._backends_of(name), Reason("credentials", bench.text)))
        return barred

    def returns(self) -> Mapping[str, float]:
        """Give the seconds until each parked backend returns."""
        now_s = self._clock.now_s()
        return {
            name: bench.until_s - now_s
            for name, bench in self._store.benches().items()
            if bench.holder is None and now_s < bench.until_s < math.inf
        }

    def may_wait(self, _: "Admission") -> bool:
        """Say that nothing is waited for."""
        return False

    async def admit(self, admission: "Admission") -> "Reason | None":
        """Refuse a backend that was parked after it was chosen."""
        return self.bars().get(admission.entry.id) if self._store.benches() else None

    def release(self, admission: "Admission", attempt: Attempt | None) -> None:
        """Park a backend that asks for it, bench a provider that denies the credentials."""
        if attempt is None or attempt.error is None:
            return
        now_s, error = self._clock.now_s(), attempt.error
        if isinstance(error, RateLimited) and error.retry_after_known and error.retry_after_s > 0:
            until_s = now_s + min(error.retry_after_s, self._settings.cap_s)
            self._store.bench(attempt.backend, Bench(until_s=until_s, text="its server is rate limiting"), now_s=now_s)
            from converge_provider.engine.notices import BackendParked

            parked = BackendParked(request_id=admission.request_id, backend=attempt.backend, until_s=until_s)
            self._tell(parked)
        elif isinstance(error, AuthDenied):
            provider = str(admission.entry.descriptor.provider)
            text = f"{provider} denied the credentials; it is asked again when its settings change"
            self._store.bench(provider, Bench(until_s=math.inf, text=text, holder=self._holder()), now_s=now_s)

    def _backends_of(self, provider: str) -> tuple[str, ...]:
        entries = self._catalogue.entries
        return tuple([entry.id for entry in entries if entry.descriptor.provider == provider])

    def _holder(self) -> str:
        return self._catalogue.derived(ParkingGuard, _name_of)


def _name_of(_: "Catalogue") -> str:
    import secrets  # only once credentials are denied

    return secrets.token_hex(16)
