"""Budgets: what a call may take is reserved before it is made, and settled with what it took."""

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from converge_provider.engine.clock import Clock
from converge_provider.engine.guarding.estimates import (
    PICO,
    answer_tokens,
    most_usd,
    pico_usd,
    rare_kinds,
    request_tokens,
    tokens_spent,
    usd_spent,
)
from converge_provider.engine.guarding.settings import BudgetSettings
from converge_provider.engine.outcomes import Attempt
from converge_provider.engine.state import Hold, MemoryStore, Shortage, StateStore
from converge_provider.values.classes import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from converge_provider.engine.guards import Admission
    from converge_provider.selection import Reason

__all__ = ("BudgetGuard",)

_NOBODY: "Mapping[str, Reason]" = {}


@frozen
class _Line:
    """One account of one budget, and what a call reserves in it."""

    budget: BudgetSettings
    money: bool
    hold: Hold

    def spent(self, attempt: Attempt) -> int:
        """Give what an attempt took."""
        reserved = self.hold.amount
        return usd_spent(attempt, reserved) if self.money else tokens_spent(attempt, reserved)

    def words(self, amount: int) -> str:
        """Print an amount of it."""
        return f"${Decimal(amount) / PICO:f}" if self.money else f"{amount} tokens"


@frozen
class _Reserved:
    name: str
    lines: Sequence[_Line]


class BudgetGuard:
    """Refuse calls that a budget has no room for."""

    def __init__(
        self,
        budgets: Sequence[BudgetSettings],
        *,
        store: StateStore,
        clock: Clock,
        tell: Callable[[object], None],
    ) -> None:
        """Take the budgets, where spending is kept, the time, and whom to tell of refusals."""
        self._budgets = budgets
        self._clock = clock
        self._tell = tell
        self._store = store
        self._requests: dict[str, MemoryStore] = {}
        self._reserved: dict[Admission, _Reserved] = {}
        self._number = 0

    def bars(self) -> "Mapping[str, Reason]":
        """Bar nobody: what a call may take is known when it is about to be made."""
        return _NOBODY

    async def admit(self, admission: "Admission") -> "Reason | None":
        """Reserve what the call may take, in every account that it counts for, or refuse it."""
        lines: list[_Line] = []
        asked = request_tokens(admission.request)
        for budget in self._budgets:
            made = _lines(budget, admission, asked)
            if isinstance(made, str):
                return self._refused(admission, budget, made)
            lines += made
        short = await self._reserve(admission, lines)
        if short is None:
            return None
        line = next(line for line in lines if line.hold is short.hold)
        left = line.words(max(0, short.hold.limit - short.used))
        text = (
            f"the call may take {line.words(short.hold.amount)}, and {left} of {line.words(short.hold.limit)} are left"
        )
        return self._refused(admission, line.budget, text)

    async def _reserve(self, admission: "Admission", lines: Sequence[_Line]) -> Shortage | None:
        """Reserve in the request's own accounts, which live as long as it does, and in those of the store."""
        self._number += 1
        name = f"budgets/{admission.request_id}/{self._number}"
        own = [line.hold for line in lines if line.budget.scope == "request"]
        now_s = self._clock.now_s()
        mine = self._requests.setdefault(admission.request_id, MemoryStore()) if own else None
        if mine is not None:
            short = await mine.reserve(name, own, now_s=now_s)
            if short is not None:
                return short
        shared = [line.hold for line in lines if line.budget.scope != "request"]
        try:
            short = await self._store.reserve(name, shared, now_s=now_s)
        except BaseException:
            if mine is not None:
                mine.settle(name, None, now_s=now_s)
            raise
        if short is None:
            self._reserved[admission] = _Reserved(name, lines)
        elif mine is not None:
            mine.settle(name, None, now_s=now_s)
        return short

    def release(self, admission: "Admission", attempt: Attempt | None) -> None:
        """Settle with what the call took; nothing where it was never made."""
        reserved = self._reserved.pop(admission, None)
        if reserved is None:
            return
        now_s = self._clock.now_s()
        for store, own in ((self._requests.get(admission.request_id), True), (self._store, False)):
            lines = [line for line in reserved.lines if (line.budget.scope == "request") is own]
            if store is not None and lines:
                spent = None if attempt is None else [line.spent(attempt) for line in lines]
                store.settle(reserved.name, spent, now_s=now_s)

    def finished(self, request_id: str) -> None:
        """Forget the request's own accounts."""
        self._requests.pop(request_id, None)

    def _refused(self, admission: "Admission", budget: BudgetSettings, why: str) -> "Reason":
        from converge_provider.engine.notices import BudgetRefused
        from converge_provider.selection import Reason

        refused = BudgetRefused(
            request_id=admission.request_id, backend=admission.entry.id, budget=budget.name, reason=why
        )
        self._tell(refused)
        return Reason("budget", f"budget {budget.name!r}: {why}")


def _lines(budget: BudgetSettings, admission: "Admission", asked: int) -> list[_Line] | str:
    """Give what a call reserves in one budget, or say why that is not known."""
    answered = answer_tokens(admission.entry, admission.request, budget.answer_tokens)
    account, lines = _account(budget, admission), list[_Line]()
    window_s = math.inf if budget.window_s is None else budget.window_s
    if budget.tokens is not None:
        hold = Hold(f"{account} tokens", asked + answered, budget.tokens, window_s)
        lines.append(_Line(budget, money=False, hold=hold))
    if budget.usd is not None:
        rare = rare_kinds(admission.request)
        most = most_usd(admission.entry.claims.prices, asked, answered, rare=rare)
        if most is None and not budget.allow_unknown_prices:
            return (
                "nobody has stated the backend's prices; state them as claims, run pip install converge-catalogue, "
                "or set allow_unknown_prices"
            )
        hold = Hold(f"{account} usd", pico_usd(most or Decimal(0)), pico_usd(budget.usd), window_s)
        lines.append(_Line(budget, money=True, hold=hold))
    return lines


def _account(budget: BudgetSettings, admission: "Admission") -> str:
    if budget.key is None:
        return f"budget {budget.name!r}"
    return f"budget {budget.name!r} {budget.key}={admission.request.metadata.get(budget.key, '')!r}"
