"""The providers of one host: a default one for every installed type, and those that are configured."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from attrs import evolve, field

from converge_provider.codec.problems import nearest
from converge_provider.configuration import Configuration, ProviderTable
from converge_provider.contract.backends import ChatBackend, ProviderType
from converge_provider.errors import ConfigurationError, ConvergeError, PluginError
from converge_provider.registry.catalogue import ProviderState
from converge_provider.registry.checks import known_models, missing_names
from converge_provider.registry.guard import Guard, told
from converge_provider.registry.settings import Settings, make_settings, masked
from converge_provider.values.classes import frozen
from converge_provider.values.descriptors import ChatBackendDescriptor

__all__ = ("Opener", "Provider", "make_providers")


@frozen(kw_only=True)
class Opener:
    """Makes the handle of a backend of one provider."""

    name: str
    """The provider's."""
    kind: ProviderType
    settings: Any = field(repr=False)
    missing: tuple[str, ...]
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """The texts that must not be shown."""

    def __call__(self, descriptor: ChatBackendDescriptor) -> ChatBackend:
        """
        Make the handle.

        Raises:
            ConfigurationError: Something is missing, named exactly.
            PluginError: The provider type failed otherwise, or gave no backend.

        """
        if self.missing:
            message = f"provider {self.name!r} is not configured: {', '.join(self.missing)} missing"
            remedy = f"Set {self.missing[0]}"
            raise ConfigurationError(message).with_remedy(remedy)
        try:
            backend = self.kind.open(descriptor, self.settings)
        except ConvergeError:
            raise
        except Exception as exc:  # noqa: BLE001 - whatever a plugin raises
            cause = masked(told(exc), self.secrets)
            message = f"provider {self.name!r} cannot open {descriptor.id!r}: {cause}"
            raise PluginError(message) from (exc if cause == told(exc) else None)  # its text would show a secret
        if not callable(getattr(backend, "chat", None)) and not callable(getattr(backend, "stream", None)):
            message = (
                f"provider {self.name!r} gave a {type(backend).__name__} for {descriptor.id!r}, expected a chat backend"
            )
            raise PluginError(message)
        return backend


class Provider(NamedTuple):
    """One provider: its state, its models, and how they are opened."""

    state: ProviderState
    models: tuple[ChatBackendDescriptor, ...] = ()
    """What is known without asking; the provider in them is this one."""
    opener: Opener | None = None


def make_providers(
    types: Mapping[str, ProviderType], owners: Mapping[str, str], configuration: Configuration, guard: Guard
) -> Iterator[Provider]:
    """
    Make every provider, in the order of their names.

    A provider whose type misbehaves has no models, and its state says why.

    Raises:
        ConfigurationError: A provider's table makes no sense.

    """
    for name in sorted({*types, *configuration.providers}):
        table = configuration.providers.get(name, ProviderTable())
        type_name = table.type or name
        kind = types.get(type_name)
        if kind is None:
            yield Provider(state=_without_type(name, table, types, configuration))
            continue
        state = ProviderState(
            name=name, type_name=type_name, display_name=type_name, plugin=owners.get(type_name), enabled=table.enabled
        )
        yield _provider(state, kind, table, configuration, guard)


def _without_type(
    name: str, table: ProviderTable, types: Mapping[str, ProviderType], configuration: Configuration
) -> ProviderState:
    """Describe a provider whose type no plugin registers; a name that looks mistyped is refused instead."""
    type_name = table.type or name
    hint = nearest(type_name, sorted(types))
    if hint and table.enabled:
        place = f"providers.{name}.type" if table.type else f"providers.{name}"
        origin = next(
            (where for known, where in configuration.origins.items() if known.startswith(f"providers.{name}")), None
        )
        message = f"{f'{origin}: ' if origin else ''}{place}: there is no provider type {type_name!r}{hint}"
        remedy = "Correct the name, install the plugin that brings the type, or set enabled = false"
        raise ConfigurationError(message).with_remedy(remedy)
    lack = f"a plugin that brings the provider type {type_name!r}"
    return ProviderState(
        name=name,
        type_name=type_name,
        display_name=name,
        missing=(lack,),
        enabled=table.enabled,
        problem=f"needs {lack}",
    )


def _provider(
    state: ProviderState, kind: ProviderType, table: ProviderTable, configuration: Configuration, guard: Guard
) -> Provider:
    described = guard.run(lambda: evolve(state, display_name=str(kind.display_name), default_model=kind.default_model))
    if described.value is None:
        return Provider(state=evolve(state, problem=described.failure))
    state = described.value
    if not state.enabled:
        return Provider(state=state)
    made = guard.run(lambda: make_settings(kind.settings, state.name, table, configuration))
    if isinstance(made.error, ConfigurationError):
        raise made.error
    settings = made.value
    if settings is None:
        return Provider(state=evolve(state, problem=made.failure))
    asked = guard.run(lambda: _asked(kind, settings, state.name))
    if asked.value is None:
        return Provider(state=evolve(state, problem=masked(asked.failure or "", settings.secrets)))
    missing, models = asked.value
    opener = Opener(name=state.name, kind=kind, settings=settings.value, missing=missing, secrets=settings.secrets)
    return Provider(state=evolve(state, missing=missing), models=models, opener=opener)


def _asked(
    kind: ProviderType, settings: Settings, name: str
) -> tuple[tuple[str, ...], tuple[ChatBackendDescriptor, ...]]:
    missing = settings.missing(missing_names(kind.missing(settings.value)))
    models = known_models(kind.descriptors(settings.value), "descriptors")
    return missing, tuple(evolve(model, provider=name) for model in models)
