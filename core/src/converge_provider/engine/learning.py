"""Telling policies that learn what became of calls: observers, so that none of them can harm one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from converge_provider.engine.logs import log
from converge_provider.engine.notices import AttemptFinished, RequestFinished
from converge_provider.engine.outcomes import Attempt
from converge_provider.engine.state import StateStore
from converge_provider.errors import PolicyError
from converge_provider.values.experience import Experience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from converge_provider.contract.policies import EnabledPolicy
    from converge_provider.values.messages import JsonObject

__all__ = ("Learner", "learners_of")


class Learner:
    """One enabled policy that learns, as an observer: what it makes of each end goes to the store."""

    def __init__(self, enabled: "EnabledPolicy", learn: "Callable[..., JsonObject]", store: StateStore) -> None:
        """Take the policy, its function, and where it remembers."""
        self.name: str = f"policy {enabled.policy.name}"
        self._policy = enabled.policy.name
        self._options: Any = enabled.policy.options() if enabled.options is None else enabled.options
        self._learn = learn
        self._store = store

    def observe(self, event: object) -> None:
        """Let the policy change what it remembers, if this is the end of something."""
        if isinstance(event, AttemptFinished):
            experience = _of_attempt(event.request_id, event.attempt)
        elif isinstance(event, RequestFinished):
            experience = _of_request(event)
        else:
            return
        try:
            self._store.learn(self._policy, lambda document: self._learn(document, experience, self._options))
        except PolicyError as exc:
            log.warning("%s; what it remembered before stays", exc)


def learners_of(policies: "Iterable[EnabledPolicy]", store: StateStore) -> Sequence[Learner]:
    """Give an observer for each policy that learns."""
    learning = ((one, getattr(one.policy, "learn", None)) for one in policies)
    return [Learner(one, learn, store) for one, learn in learning if learn is not None]


def _of_attempt(request_id: str, attempt: Attempt) -> Experience:
    return Experience(
        request_id=request_id,
        number=attempt.number,
        backend=attempt.backend,
        outcome=str(attempt.outcome),
        error=None if attempt.error is None else type(attempt.error).__name__,
        elapsed_s=attempt.elapsed_s,
        first_event_s=attempt.first_event_s,
        output_tokens=None if attempt.usage is None else attempt.usage.completion_tokens,
        usd=attempt.cost.usd,
    )


def _of_request(event: RequestFinished) -> Experience:
    last = event.attempts[-1] if event.attempts else None
    return Experience(
        request_id=event.request_id,
        is_request=True,
        number=len(event.attempts),
        backend=None if last is None else last.backend,
        outcome=str(event.outcome),
        elapsed_s=event.elapsed_s,
    )
