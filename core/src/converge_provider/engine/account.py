"""The account of one request: what was decided and tried goes to the log, the observers, the store and the journal."""

from typing import TYPE_CHECKING

from converge_provider.engine.asking import Ask, size_of
from converge_provider.engine.failures import final_error
from converge_provider.engine.journal.attempts import Step, attempt_row
from converge_provider.engine.journal.content import content_of
from converge_provider.engine.journal.entries import Entry
from converge_provider.engine.logs import log_attempt, log_decision
from converge_provider.engine.notices import (
    AttemptFinished,
    AttemptStarted,
    DecisionMade,
    RequestFinished,
    RequestHedged,
    RequestRetried,
    RequestSwitched,
)
from converge_provider.engine.outcomes import Attempt, Outcome
from converge_provider.engine.parts import Parts

if TYPE_CHECKING:
    from converge_provider.engine.journal.attempts import AttemptRow
    from converge_provider.engine.trial import Trial
    from converge_provider.errors import LlmError
    from converge_provider.selection import Decision
    from converge_provider.values.replies import ChatResponse

__all__ = ("Account",)


class Account:
    """Everything that happened to one request, told to whoever keeps it."""

    def __init__(self, parts: Parts, ask: Ask) -> None:
        """Start with nothing."""
        self.attempts: list[Attempt] = []
        self._parts = parts
        self._ask = ask
        self._decisions: list[Decision] = []
        self._running: dict[Trial, Step] = {}
        self._rows: list[AttemptRow] = []
        self._closed = False

    def decided(self, decision: "Decision") -> None:
        """Take a selection."""
        self._decisions.append(decision)
        log_decision(self._ask.id, decision)
        if self._parts.observation.wanted:
            self._parts.observation.tell(DecisionMade(request_id=self._ask.id, decision=decision))

    def begun(self, trial: "Trial") -> None:
        """Take the beginning of an attempt."""
        self._parts.store.begin(trial.entry.id)
        step = self._step_to(trial)
        self._tell_beginning(trial, step)
        self._running[trial] = step

    def ended(self, trial: "Trial", outcome: Outcome, error: "LlmError | None" = None) -> Attempt:
        """Take the end of an attempt; every one that began ends here, once."""
        parts = self._parts
        step = self._running.pop(trial)
        attempt = trial.ended(outcome, error)
        self.attempts.append(attempt)
        self._rows.append(attempt_row(attempt, step))
        parts.guards.release(trial.admission, attempt)
        parts.store.note(attempt)
        log_attempt(self._ask.id, attempt)
        if parts.observation.wanted:
            parts.observation.tell(AttemptFinished(request_id=self._ask.id, attempt=attempt))
        return attempt

    def close(self, outcome: Outcome, response: "ChatResponse | None" = None) -> None:
        """Take the end of the request, and its answer if it has one; further calls change nothing."""
        if self._closed:
            return
        self._closed = True
        parts, elapsed_s = self._parts, self._ask.deadline.elapsed_s()
        parts.guards.finished(self._ask.id)
        if self._ask.key is not None and outcome is Outcome.ANSWERED:
            last = self.attempts[-1]
            parts.store.assign(self._ask.key, last.backend, now_s=last.started_s + last.elapsed_s)
        if self._decisions:
            wanted = parts.journal.content_bytes
            entry = Entry(
                request_id=self._ask.id,
                request_bytes=size_of(self._ask.request),
                catalogue=parts.catalogue,
                decisions=tuple(self._decisions),
                attempts=self._rows,
                outcome=outcome,
                elapsed_s=elapsed_s,
                content=content_of(self._ask.request, response, wanted) if wanted else None,
            )
            parts.journal.write(entry)
        if parts.observation.wanted:
            finished = RequestFinished(
                request_id=self._ask.id, outcome=outcome, elapsed_s=elapsed_s, attempts=self.attempts
            )
            parts.observation.tell(finished)

    def final(self, error: "LlmError") -> "LlmError":
        """Make the error that the caller gets, with the last decision that chose somebody, if any did."""
        chosen = [decision for decision in self._decisions if decision.chosen is not None]
        known = chosen or self._decisions
        return final_error(error, self.attempts, known[-1] if known else None)

    def _step_to(self, trial: "Trial") -> Step:
        """Say what an attempt is to those before it."""
        if self._running:
            return Step.HEDGE
        if not self.attempts:
            return Step.FIRST
        return Step.RETRY if self.attempts[-1].backend == trial.entry.id else Step.SWITCH

    def _tell_beginning(self, trial: "Trial", step: Step) -> None:
        observation = self._parts.observation
        if not observation.wanted:
            return
        request_id, number, backend = self._ask.id, trial.admission.number, trial.entry.id
        match step:
            case Step.HEDGE:
                beside = next(iter(self._running)).entry.id
                observation.tell(RequestHedged(request_id=request_id, number=number, beside=beside, backend=backend))
            case Step.RETRY:
                last = self.attempts[-1]
                paused_s = max(0.0, trial.started_s - last.started_s - last.elapsed_s)
                observation.tell(
                    RequestRetried(request_id=request_id, number=number, backend=backend, paused_s=paused_s)
                )
            case Step.SWITCH:
                previous = self.attempts[-1].backend
                observation.tell(
                    RequestSwitched(request_id=request_id, number=number, previous=previous, backend=backend)
                )
            case Step.FIRST:
                pass
        observation.tell(
            AttemptStarted(request_id=request_id, number=number, backend=backend, started_s=trial.started_s)
        )
