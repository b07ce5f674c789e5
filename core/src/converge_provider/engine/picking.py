"""Who is called next for one request: selection, guards, and waiting for somebody to return."""

from typing import TYPE_CHECKING

from converge_provider.engine.account import Account
from converge_provider.engine.asking import Ask
from converge_provider.engine.bars import Bars
from converge_provider.engine.clock import iso_time
from converge_provider.engine.failures import nobody_eligible, telling
from converge_provider.engine.guards import Admission
from converge_provider.engine.parts import Parts
from converge_provider.engine.trial import Trial
from converge_provider.errors import LlmError, RateLimited
from converge_provider.selection import decide

if TYPE_CHECKING:
    from collections.abc import Mapping

    from converge_provider.selection import Decision, Reason

__all__ = ("Picking",)


class Picking:
    """
    Choose the next candidate of one request, as often as it takes.

    Every choice passes every gate anew: what has failed, what the guards bar and what is parked at that moment count.
    """

    def __init__(self, parts: Parts, ask: Ask) -> None:
        """Take the engine's parts and what is asked."""
        self.ask: Ask = ask
        self._parts = parts
        self._bars = Bars(parts.catalogue)
        self._account = Account(parts, ask)
        self._begun = 0
        self._waited_s = 0.0
        parts.hedging.requested()

    async def _second(self, trial: Trial) -> Trial | None:
        """Begin an attempt beside a slow one, if somebody else may answer and the share of hedged requests allows."""
        self._bars.under_way(trial.entry, trial.admission.number)
        decision = self._decide()
        if decision.chosen is None or not self._parts.hedging.take():
            return None
        self._account.decided(decision)
        begun = await self._admitted(decision)
        return begun if isinstance(begun, Trial) else None

    async def _next(self) -> Trial:
        """Choose among the candidates that are left, and begin an attempt."""
        if self._parts.resilience.retry.same_backend_first:
            await self._waited(self._until_retry_s())
        while not self.ask.deadline.expired():
            decision, early = self._chosen()
            if decision.chosen is None and await self._somebody_returned(decision):
                continue
            self._account.decided(decision)
            if decision.chosen is None:
                raise self._nobody_left(decision)
            begun = await self._admitted(decision, early=early)
            if isinstance(begun, Trial):
                return begun
        raise self.ask.deadline.timeout()

    def _chosen(self) -> "tuple[Decision, bool]":
        """Choose; where only open breakers leave nobody, choose whose time is up first, and say that it is early."""
        decision = self._decide()
        if decision.chosen is None:
            left = _barred_only_by("breaker", self._parts.guards.yields(), decision)
            for backend in sorted(left, key=left.__getitem__):
                early = self._decide(early=backend)
                if early.chosen is not None:
                    return early, True
        return decision, False

    async def _somebody_returned(self, decision: "Decision") -> bool:
        """Wait for the first backend that may be asked again or is only parked, if deadline and settings allow it."""
        retry_s, parked_s = self._until_retry_s(), self._until_parked_returns_s(decision)
        if parked_s is None or (retry_s is not None and retry_s <= parked_s):
            return await self._waited(retry_s)
        self._waited_s += parked_s
        return await self._waited(parked_s)

    async def _waited(self, wait_s: float | None) -> bool:
        """Wait so long, if that ends before the deadline; then let those return whose pause is over."""
        left_s = self.ask.deadline.left_s()
        if wait_s is None or (left_s is not None and wait_s >= left_s):
            return False
        await self._parts.clock.sleep(wait_s)
        self._bars.let_return(self._parts.clock.monotonic_s(), self._parts.retrying.take)
        return True

    def _until_retry_s(self) -> float | None:
        """Give the seconds until the first backend may be asked again, or ``None``: none may."""
        moment_s = self._bars.next_return_s()
        return None if moment_s is None else max(0.0, moment_s - self._parts.clock.monotonic_s())

    def _until_parked_returns_s(self, decision: "Decision") -> float | None:
        """Give the seconds until the first parked backend returns, or ``None``: nobody is worth waiting for."""
        wait_s = min(self._parked(decision).values(), default=None)
        allowed_s = self._parts.resilience.parking.patience_s(self.ask.deadline.allowed_s) - self._waited_s
        return None if wait_s is None or wait_s > allowed_s else wait_s

    def _parked(self, decision: "Decision") -> "Mapping[str, float]":
        """Give the seconds until each backend returns that is parked and nothing else speaks against."""
        return _barred_only_by("parked", self._parts.guards.returns(), decision)

    async def _admitted(self, decision: "Decision", *, early: bool = False) -> "Trial | Reason":
        """Ask the guards for leave to call the chosen backend, and begin; or leave it out, and say why."""
        assert decision.chosen is not None, "somebody is chosen"
        entry = self._parts.catalogue.get(decision.chosen)
        assert entry is not None, "selection chooses from this catalogue"
        self._begun += 1
        admission = Admission(
            request_id=self.ask.id,
            number=self._begun,
            entry=entry,
            request=self.ask.request_for(entry),
            deadline=self.ask.deadline,
            early=early,
        )
        try:
            refusal = await self._admit(admission)
        except BaseException:
            self._begun -= 1
            raise
        if refusal is None:
            return self._begin(admission, decision)
        self._begun -= 1
        if early or entry.id not in self._parts.guards.bars():
            self._bars.refuse(entry, refusal)
        return refusal

    async def _admit(self, admission: Admission) -> "Reason | None":
        guards = self._parts.guards
        if guards.may_wait(admission):
            return await self.ask.deadline.bound(lambda: guards.admit(admission))
        return await guards.admit(admission)

    def _decide(self, *, early: str | None = None) -> "Decision":
        parts, ask, now_s = self._parts, self.ask, self._parts.clock.now_s()
        return decide(
            parts.catalogue,
            request=ask.request,
            criteria=ask.criteria,
            constraints=ask.constraints,
            provider=ask.provider,
            backend=ask.backend,
            policies=parts.policies,
            barred=self._bars.joined(parts.guards.bars(early=early)),
            count=parts.tokenisers.count,
            state=parts.sight.view(criteria=ask.criteria, key=ask.key, now_s=now_s),
            time=iso_time(now_s),
            seed=ask.seed,
        )

    def _begin(self, admission: Admission, decision: "Decision") -> Trial:
        clock, share = self._parts.clock, self._parts.resilience.timeouts.attempt_share
        allowed_s = self.ask.deadline.allowed_s
        trial = Trial(
            admission=admission,
            decision=decision,
            started_s=clock.now_s(),
            begun_s=clock.monotonic_s(),
            limit_s=None if allowed_s is None or share == 1 else allowed_s * share,
        )
        if self._bars.called(admission.entry) == 1:
            self._parts.retrying.called(admission.entry.id)
        self._account.begun(trial)
        return trial

    def _nobody_left(self, decision: "Decision") -> LlmError:
        attempts = self._account.attempts
        errors = [attempt.error for attempt in attempts if attempt.error is not None]
        tried = {attempt.backend for attempt in attempts}
        untried = [seconds for backend, seconds in self._parked(decision).items() if backend not in tried]
        if untried:
            errors.append(RateLimited(min(untried), "every backend that is left is parked"))
        return telling(errors) if errors else nobody_eligible(decision)


def _barred_only_by(gate: str, seconds: "Mapping[str, float]", decision: "Decision") -> "Mapping[str, float]":
    """Give those of these backends against whom nothing but one gate speaks."""
    if not seconds:
        return {}
    barred = {one.id for one in decision.rejected if all(reason.gate == gate for reason in one.reasons)}
    return {backend: left_s for backend, left_s in seconds.items() if backend in barred}
