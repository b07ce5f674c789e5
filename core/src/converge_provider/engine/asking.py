"""What is asked of the engine, checked, in one value."""

from random import Random
from typing import TYPE_CHECKING

from attrs import evolve

from converge_provider.engine.clock import Clock
from converge_provider.engine.deadlines import Deadline, checked_deadline_s
from converge_provider.engine.settings import OnMismatch, checked_on_mismatch
from converge_provider.errors import InvalidRequest
from converge_provider.values.classes import frozen
from converge_provider.values.constraints import Constraints
from converge_provider.values.criteria import SelectionCriteria
from converge_provider.values.requests import ChatRequest, ResponseFormat

if TYPE_CHECKING:
    from converge_provider.engine.answers import AnswerCheck, ResponseType
    from converge_provider.registry import CatalogueEntry
    from converge_provider.values.selection_config import ChatBackendSelectionConfig

__all__ = ("Ask", "Asker", "key_of", "request_of", "size_of")

_KEYS = ("conversation", "session", "user")


@frozen(kw_only=True, eq=False)
class Ask:
    """One request on its way through the engine."""

    id: str
    """Names the request in logs, events and the journal."""
    request: ChatRequest
    criteria: SelectionCriteria | None
    constraints: Constraints | None
    backend: str | None
    """The pin: a backend id, a model name or an alias."""
    provider: str | None
    deadline: Deadline
    seed: int
    check: "AnswerCheck | None"
    """What the answer must satisfy, or ``None``: any answer will do."""
    on_mismatch: OnMismatch = "stop"
    """Whether another backend is asked when the answer does not satisfy it."""
    key: str | None = None
    """What the request belongs to, as policies and the store know it."""

    def request_for(self, entry: "CatalogueEntry") -> ChatRequest:
        """Give the request as one backend gets it: a name that restricts the candidates becomes the model's own."""
        model = str(entry.descriptor.model)
        return self.request if self.request.model in (None, model) else evolve(self.request, model=model)


@frozen(kw_only=True, eq=False)
class Asker:
    """Makes requests of what callers say and of what the engine assumes where they say nothing."""

    clock: Clock
    random: Random
    selection: "ChatBackendSelectionConfig | None"
    """What is asked for when a call says nothing; ``None``: nothing is."""
    constraints: Constraints | None
    """What is demanded beyond that when a call says nothing."""
    deadline_s: float | None
    """Seconds that a call may take when it does not say; ``None``: for ever."""

    def ask(
        self,
        request: ChatRequest | str,
        *,
        criteria: SelectionCriteria | None,
        constraints: Constraints | None,
        backend: str | None,
        provider: str | None,
        deadline_s: float | None,
        response_type: "ResponseType | None",
        on_mismatch: OnMismatch = "stop",
    ) -> Ask:
        """
        Check what a caller says, and let the time run; the arguments are those of ``Engine.chat``.

        Raises:
            InvalidRequest: It says nothing.
            ConfigurationError: An argument makes no sense.

        """
        prepared, check = _prepared(request_of(request), response_type)
        name = self.random.getrandbits(64)
        allowed_s = self.deadline_s if deadline_s is None else checked_deadline_s(deadline_s)
        return Ask(
            id=f"{name:016x}",
            request=prepared,
            criteria=self.criteria(criteria),
            constraints=self.constraints_of(constraints),
            backend=backend,
            provider=self.provider(provider, backend),
            deadline=Deadline.starting_now(self.clock, allowed_s),
            seed=name & 0xFFFFFFFF,
            check=check,
            on_mismatch=checked_on_mismatch(on_mismatch),
            key=key_of(prepared),
        )

    def criteria(self, given: SelectionCriteria | None) -> SelectionCriteria | None:
        """Give the criteria of a call."""
        return self.selection.criteria if given is None and self.selection is not None else given

    def constraints_of(self, given: Constraints | None) -> Constraints | None:
        """Give the constraints of a call."""
        return self.constraints if given is None else given

    def provider(self, given: str | None, backend: str | None) -> str | None:
        """Give the provider to restrict to; one that is only configured gives way to a backend that a call names."""
        if given is not None or backend is not None or self.selection is None:
            return given
        return self.selection.provider_override


def _prepared(request: ChatRequest, response_type: "ResponseType | None") -> "tuple[ChatRequest, AnswerCheck | None]":
    if response_type is None and request.response_schema is None and request.response_format in _ANYTHING:
        return request, None
    from converge_provider.engine.answers import prepare

    return prepare(request, response_type)


_ANYTHING = frozenset({ResponseFormat.TEXT, ResponseFormat.MARKDOWN})


def request_of(asked: ChatRequest | str) -> ChatRequest:
    """
    Make a request of a text.

    Raises:
        InvalidRequest: It says nothing.

    """
    if isinstance(asked, str):
        if not asked.strip():
            message = "the prompt is empty"
            raise InvalidRequest(message)
        return ChatRequest.of(asked)
    if not isinstance(asked, ChatRequest):
        message = f"a ChatRequest or a text is expected, got a {type(asked).__name__}"
        raise TypeError(message)
    if not asked.messages:
        message = "the request has no message"
        raise InvalidRequest(message)
    return asked


def key_of(request: ChatRequest) -> str | None:
    """
    Say what a request belongs to, by its label ``conversation``, else ``session``, else ``user``.

    Returns:
        16 hexadecimal digits of a SHA-256, so that nobody is named in the record or the store; ``None``: no such label.

    Example:
        >>> key_of(ChatRequest(messages=(), metadata={"user": "u", "conversation": "c"}))
        '7d2ce16475179735'

    """
    for name in _KEYS if request.metadata else ():
        label = request.metadata.get(name)
        if label:
            from hashlib import sha256  # only for labelled requests

            return sha256(f"{name}:{label}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return None


def size_of(request: ChatRequest) -> int:
    """
    Say roughly how many bytes a request takes in memory.

    Example:
        >>> size_of(ChatRequest.of("hello", system="be brief"))
        13

    """
    size = len(request.system or "")
    for message in request.messages:
        size += len(message.content)
        for part in message.parts:
            size += len(getattr(part, "data", None) or b"")
    return size
