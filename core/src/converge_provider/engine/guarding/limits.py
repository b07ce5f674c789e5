"""Limits: how much may run at once, begin in a minute, be read and written in a minute."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from converge_provider.engine.clock import Clock
from converge_provider.engine.guarding.estimates import answer_tokens, request_tokens, tokens_spent
from converge_provider.engine.guarding.settings import LimitSettings
from converge_provider.engine.guarding.turns import Line
from converge_provider.engine.outcomes import Attempt
from converge_provider.engine.state import Hold, Shortage, StateStore
from converge_provider.values.classes import frozen

if TYPE_CHECKING:
    from converge_provider.engine.guards import Admission
    from converge_provider.registry import CatalogueEntry
    from converge_provider.selection import Reason

__all__ = ("LimitGuard",)

_MINUTE_S = 60.0
_ANSWER_TOKENS = 1_024
"""Tokens assumed for an answer whose length the request does not limit."""
_NOBODY: "Mapping[str, Reason]" = {}


@frozen
class _Rules:
    """What holds for one backend."""

    limits: Sequence[tuple[str, LimitSettings]]
    line: Line
    """Where calls wait: the provider's one line when the provider is limited, otherwise the backend's own."""
    queue: int
    wait_s: float
    counts_tokens: bool


class LimitGuard:
    """Let calls through as the limits allow, in the order in which they came."""

    def __init__(self, limits: Mapping[str, LimitSettings], *, store: StateStore, clock: Clock) -> None:
        """Take the limits, by backend id or by provider, where use is counted, and the time."""
        self._limits = limits
        self._store = store
        self._clock = clock
        self._lines: dict[str, Line] = {}
        self._rules: dict[str, _Rules | None] = {}
        self._held: dict[Admission, tuple[str, Sequence[Hold]]] = {}
        self._number = 0

    def bars(self) -> "Mapping[str, Reason]":
        """Bar nobody: whoever is chosen waits for its turn."""
        return _NOBODY

    async def admit(self, admission: "Admission") -> "Reason | None":
        """Wait in line until there is room; refuse when the line is full or the wait too long."""
        rules = self._rules_for(admission.entry)
        if rules is None:
            return None
        holds = _holds(rules, admission)
        for hold in holds:
            if hold.amount > hold.limit:
                return _reason(f"the call may take {hold.amount} of {hold.account}, and {hold.limit} are allowed")
        if len(rules.line) >= max(1, rules.queue):
            return _reason(f"{len(rules.line)} calls are waiting for it already")
        short = await self._wait(rules, admission, holds)
        if short is None:
            return None
        return _reason(f"there was no room within its time: {short.used} of {short.hold.limit} {short.hold.account}")

    async def _wait(self, rules: _Rules, admission: "Admission", holds: Sequence[Hold]) -> Shortage | None:
        turn = rules.line.join(self._clock)
        until_s = self._clock.monotonic_s() + (rules.wait_s if rules.queue else 0.0)
        short: Shortage | None = None
        try:
            while True:
                if rules.line.is_first(turn):
                    short = await self._reserve(admission, holds)
                    if short is None:
                        return None
                left_s = until_s - self._clock.monotonic_s()
                if left_s <= 0:
                    return short or Shortage(hold=holds[0], used=holds[0].limit, retry_s=None)
                retry_s = math.inf if short is None or short.retry_s is None else short.retry_s
                await turn.pause(min(left_s, retry_s))
        finally:
            rules.line.leave(turn)

    async def _reserve(self, admission: "Admission", holds: Sequence[Hold]) -> Shortage | None:
        self._number += 1
        name = f"limits/{admission.request_id}/{self._number}"
        short = await self._store.reserve(name, holds, now_s=self._clock.now_s())
        if short is None:
            self._held[admission] = (name, holds)
        return short

    def release(self, admission: "Admission", attempt: Attempt | None) -> None:
        """Settle with what was used, and let the next one look."""
        held = self._held.pop(admission, None)
        if held is None:
            return
        name, holds = held
        used = None if attempt is None else [_used(hold, attempt) for hold in holds]
        self._store.settle(name, used, now_s=self._clock.now_s())
        rules = self._rules_for(admission.entry)
        if rules is not None:
            rules.line.stir()

    def _rules_for(self, entry: "CatalogueEntry") -> _Rules | None:
        if entry.id not in self._rules:
            self._rules[entry.id] = self._made(entry)
        return self._rules[entry.id]

    def _made(self, entry: "CatalogueEntry") -> _Rules | None:
        provider = str(entry.descriptor.provider)
        found = [(name, self._limits[name]) for name in (entry.id, provider) if name in self._limits]
        if not found:
            return None
        line = self._lines.setdefault(found[-1][0], Line())
        return _Rules(
            limits=tuple(found),
            line=line,
            queue=min(limit.queue for _, limit in found),
            wait_s=min(limit.wait_s for _, limit in found),
            counts_tokens=any(limit.tokens_per_minute is not None for _, limit in found),
        )


def _holds(rules: _Rules, admission: "Admission") -> Sequence[Hold]:
    request, entry = admission.request, admission.entry
    tokens = 0
    if rules.counts_tokens:
        tokens = request_tokens(request) + answer_tokens(entry, request, _ANSWER_TOKENS)
    holds: list[Hold] = []
    for name, limit in rules.limits:
        if limit.concurrency is not None:
            holds.append(Hold(f"calls of {name} at once", 1, limit.concurrency, None))
        if limit.requests_per_minute is not None:
            holds.append(Hold(f"calls of {name} a minute", 1, limit.requests_per_minute, _MINUTE_S))
        if limit.tokens_per_minute is not None:
            holds.append(Hold(f"tokens of {name} a minute", tokens, limit.tokens_per_minute, _MINUTE_S))
    return holds


def _used(hold: Hold, attempt: Attempt) -> int:
    return tokens_spent(attempt, hold.amount) if hold.account.startswith("tokens ") else hold.amount


def _reason(text: str) -> "Reason":
    from converge_provider.selection import Reason

    return Reason("limit", text)
