"""What a provider type owes whose engines run on machines of one's own, and can be looked for there."""

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from attrs import field

from converge_provider.values.classes import frozen
from converge_provider.values.messages import JsonObject, JsonValue, own_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from converge_provider.values.descriptors import ChatBackendDescriptor

__all__ = ("LocalEngine", "LocalPlace", "LocalProviderType")


@frozen(kw_only=True)
class LocalPlace:
    """Where engines of a type usually answer, and how one is started."""

    port: int
    """The port that they listen on unless told otherwise."""
    rank: int
    """Which type wins where several engines serve one model, or several types recognise one engine; lower is better."""
    start: str
    """A command that starts one, for people."""


@frozen(kw_only=True)
class LocalEngine:
    """An engine that was recognised."""

    url: str
    """The base URL at which a provider of its type reaches it."""
    models: "Sequence[ChatBackendDescriptor]" = field(default=(), converter=tuple["ChatBackendDescriptor", ...])
    settings: JsonObject = field(factory=dict[str, JsonValue], converter=own_json, hash=False)
    """What a provider of its type must be configured with to use all of this."""
    latency_s: float
    """Seconds until it answered for the first time."""
    lacks: str | None = None
    """What it wants before it says more, such as the variable of a key; ``None``: nothing."""


@runtime_checkable
class LocalProviderType(Protocol):
    """The part of a provider type that looks for engines."""

    @property
    def local(self) -> LocalPlace | None:
        """
        Where its engines usually answer; ``None``: it has none that could be looked for.

        Read once before anybody is asked: what :meth:`recognise` must import is imported here, since an address has
        no time for that.
        """
        ...

    async def recognise(self, url: str, /) -> LocalEngine | None:
        """
        Ask whether an engine of this type answers at ``http://host:port``, and which models it has.

        No credential is sent, since nobody knows who answers.  Whoever calls this cancels it when it takes too long.

        Returns:
            ``None`` when nobody answers there, or something else does.

        """
        ...
