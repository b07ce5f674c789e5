"""What a backend owes, and what its caller may assume."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from converge_provider.values.classes import frozen
from converge_provider.values.descriptors import ChatBackendDescriptor
from converge_provider.values.identity import BackendKind, Capability
from converge_provider.values.requests import ChatRequest
from converge_provider.values.requirements import AgentRequirements, BackendRequirements

if TYPE_CHECKING:  # events are a dozen classes that who only selects never needs
    from collections.abc import AsyncIterator

    from converge_provider.values.events import StreamEvent
    from converge_provider.values.replies import ChatResponse

__all__ = (
    "Backend",
    "BackendSelector",
    "ChatBackend",
    "Health",
    "ModelSelector",
    "ProviderType",
    "StreamingChatBackend",
    "has_capability",
    "provenance",
    "requires_network",
    "supports_replay",
)


class Backend(Protocol):
    """
    Say who a backend of any kind is and what it can do, not how it is called.

    Optional, and derived when absent: ``supports_replay`` (false), ``requires_network`` (true),
    ``provenance(request_id)`` and ``has_capability(capability)``; read them through the functions of this module.
    Any object with the three attributes is a backend; a class that names this one as its base inherits what is derived.

    Example:
        >>> class Oracle(Backend):
        ...     name, kind, capabilities = "oracle", BackendKind.other("oracle"), (Capability.REPLAY,)
        >>> Oracle().provenance("r1"), Oracle().has_capability(Capability.REPLAY), Oracle().requires_network
        ('oracle:r1', True, True)

    """

    @property
    def name(self) -> str:
        """Its name, unique among the backends it is chosen from."""
        ...

    @property
    def kind(self) -> BackendKind:
        """What sort of backend it is."""
        ...

    @property
    def capabilities(self) -> Collection[Capability]:
        """What it can do."""
        ...

    if not TYPE_CHECKING:  # a structural backend need not have these, so the checkers do not ask for them
        supports_replay = False
        requires_network = True

        def provenance(self, request_id: str) -> str:
            """Say where an answer comes from."""
            return f"{self.name}:{request_id}"

        def has_capability(self, capability: Capability) -> bool:
            """Say whether it can do something."""
            return capability in self.capabilities


def supports_replay(backend: Backend) -> bool:
    """Say whether the same request gives the same answer again; not unless the backend says so."""
    return _flag(backend, "supports_replay", absent=False)


def requires_network(backend: Backend) -> bool:
    """Say whether a call leaves the machine; it does unless the backend says otherwise."""
    return _flag(backend, "requires_network", absent=True)


def _flag(backend: Backend, name: str, *, absent: bool) -> bool:
    value = getattr(backend, name, absent)
    if not isinstance(value, bool):  # a method would count as true, and data might leave the machine or not
        message = f"{name} of backend {backend.name!r} must be True or False, got {value!r}"
        raise TypeError(message)
    return value


def has_capability(backend: Backend, capability: Capability) -> bool:
    """Say whether a backend can do something."""
    own = getattr(backend, "has_capability", None)
    return bool(own(capability)) if callable(own) else capability in backend.capabilities


def provenance(backend: Backend, request_id: str) -> str:
    """Say where an answer comes from: ``name:request_id`` unless the backend words it otherwise."""
    own = getattr(backend, "provenance", None)
    return str(own(request_id)) if callable(own) else f"{backend.name}:{request_id}"


@runtime_checkable
class ChatBackend(Protocol):
    """
    Answer chat requests: the one call of the contract.

    Any object with this method is a chat backend.  Optional: ``stream(request)`` (:class:`StreamingChatBackend`),
    ``async health() -> Health`` and ``async aclose() -> None``, which may be called twice.
    """

    async def chat(self, request: ChatRequest) -> "ChatResponse":
        """
        Answer one request; may be called concurrently.

        The implementer makes one attempt: it never retries by itself.

        Raises:
            LlmError: The call failed; always a member of that family.

        """
        ...


@runtime_checkable
class StreamingChatBackend(Protocol):
    """Answer chat requests piece by piece."""

    def stream(self, request: ChatRequest) -> "AsyncIterator[StreamEvent]":
        """
        Answer one request as events, the last of which is :class:`~converge_provider.Finished`.

        Closing the iterator early stops the generation and frees what it holds.

        Raises:
            LlmError: The call failed, at the start or under way; a stream that breaks off is a ``NetworkError``.

        """
        ...


@frozen(kw_only=True)
class Health:
    """What a backend says of itself when asked."""

    reachable: bool
    """Whether it answered at all."""
    healthy: bool
    """Whether it can serve requests now."""
    latency_s: float | None = None
    """Seconds until it answered."""
    detail: str | None = None
    """What is wrong, in one line."""


class ProviderType(Protocol):
    """
    How to talk to one kind of service; what a plugin registers.

    Optional: ``async discover(settings) -> Sequence[ChatBackendDescriptor]``, which asks the service for its models.

    Optional: ``local`` and ``async recognise(url)``, of an engine that runs on machines of one's own;
    :class:`~converge_provider.LocalProviderType` says what they owe.

    Optional: ``prepare(settings, *, report: Callable[[str, int, int | None], None]) -> None``, which makes available
    what :meth:`missing` names, such as a model's weights.  It is called only when the user asked for it, from a thread
    without an event loop, and may take long; ``KeyboardInterrupt`` stops it.  Meanwhile it calls
    ``report(what, done, total)``: what it does now, in a few words, and how many bytes of how many (``None``: unknown)
    are done.  Afterwards :meth:`missing` names nothing more; otherwise it raises a ``ConvergeError`` that says why.
    """

    @property
    def name(self) -> str:
        """The type's name, ``openai``; also the name of its default provider."""
        ...

    @property
    def display_name(self) -> str:
        """The name for people, ``OpenAI``."""
        ...

    @property
    def settings(self) -> type[Any]:
        """The frozen attrs class of its settings; every field has a default, secrets are ``Secret``."""
        ...

    @property
    def default_model(self) -> str | None:
        """The model to use when nobody says which, or ``None``."""
        ...

    def missing(self, settings: Any) -> Sequence[str]:  # noqa: ANN401 - its own settings class
        """
        Name what must be configured before a call can succeed: an environment variable, a binary, a URL.

        Called at load, without I/O beyond looking at files.  Blank counts as missing.  Empty: it is configured.
        """
        ...

    def descriptors(self, settings: Any) -> Sequence[ChatBackendDescriptor]:  # noqa: ANN401 - its own settings class
        """Describe the models that are known without asking; the provider's name in them is replaced by core."""
        ...

    def open(self, descriptor: ChatBackendDescriptor, settings: Any) -> ChatBackend:  # noqa: ANN401 - its own class
        """
        Make the handle of one backend; it opens no connection yet.

        Raises:
            ConfigurationError: Something is missing, named exactly.

        """
        ...


class BackendSelector(Protocol):
    """Choose a backend of any kind; hosts may implement it."""

    def select(self, requirements: BackendRequirements) -> str:
        """Give the name of a backend that meets the requirements, or raise ``BackendError``."""
        ...


class ModelSelector(Protocol):
    """Choose a model; hosts may implement it."""

    def select(self, requirements: AgentRequirements) -> tuple[str, str]:
        """Give the provider and the model that meet the requirements, or raise ``LlmError``."""
        ...
