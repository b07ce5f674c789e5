"""What of the measured state the selections of one engine may see."""

from collections.abc import ItemsView, Iterator, Mapping
from typing import TYPE_CHECKING

from converge_provider.engine.state import StateStore
from converge_provider.selection import FITNESS
from converge_provider.values.measured import LatencyRule, Measured, StateView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from converge_provider.contract.policies import EnabledPolicy
    from converge_provider.values.criteria import SelectionCriteria

__all__ = ("Sight",)


class _Unread(Mapping[str, Measured]):
    """What was measured at a moment, asked of the store when a gate or a policy looks at it first."""

    __slots__ = ("_now_s", "_read", "_store")

    def __init__(self, store: StateStore, now_s: float) -> None:
        self._store = store
        self._now_s = now_s
        self._read: Mapping[str, Measured] | None = None

    def _all(self) -> Mapping[str, Measured]:
        if self._read is None:
            self._read = self._store.measured(now_s=self._now_s)
        return self._read

    def __getitem__(self, backend: str) -> Measured:
        return self._all()[backend]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def items(self) -> ItemsView[str, Measured]:
        return self._all().items()  # quicker than one by one


class Sight:
    """Give each selection its view of the state, or none where nothing could come of it."""

    def __init__(self, store: StateStore, policies: "Sequence[EnabledPolicy]", rule: LatencyRule | None) -> None:
        """Take where the state is, who may ask for it, and when a measured latency speaks at its gate."""
        self._store = store
        self._rule = rule
        self._asked = any(one.policy is not FITNESS.policy for one in policies)
        self._learners = [one.policy.name for one in policies if getattr(one.policy, "learn", None) is not None]

    def view(self, *, criteria: "SelectionCriteria | None", key: str | None, now_s: float) -> StateView | None:
        """
        Give what one selection may see.

        Args:
            criteria: What is asked for; without criteria no gate looks at latencies.
            key: What the request belongs to.
            now_s: The moment, in seconds since 1970.

        """
        if not self._asked and (criteria is None or self._rule is None):
            return None
        store = self._store
        assigned, age_s = (None if key is None else store.assigned(key, now_s=now_s)) or (None, None)
        return StateView(
            number=store.number,
            measured=_Unread(store, now_s),
            latency_rule=self._rule,
            key=key,
            assigned=assigned,
            assigned_age_s=age_s,
            remembered={name: store.memory_of(name) for name in self._learners},
        )
