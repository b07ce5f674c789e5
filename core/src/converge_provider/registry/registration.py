"""Collecting what a plugin registers; nothing counts until all of it is known to be right."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from converge_provider.errors import PluginError
from converge_provider.registry.checks import is_backend, observer_name, policy_name, registered_name
from converge_provider.registry.guard import Guard, Outcome
from converge_provider.registry.hooks import Hooks

__all__ = ("REGISTERING", "CollectingRegistrar", "Registered", "collect", "register")

_MOST_ITEMS = 1_000


class CollectingRegistrar:
    """Takes what one hook of one plugin registers."""

    def __init__(self, name_of: Callable[[object], str]) -> None:
        """Take what checks an object and names it."""
        self._name_of = name_of
        self._open = True
        self.items: dict[str, Any] = {}
        self.refusal: PluginError | None = None
        """Why the first object was refused; it counts even if the plugin caught the error."""

    def add(self, item: object, /) -> None:
        """
        Register one object.

        Raises:
            PluginError: It is not what the hook asks for, its name is taken, or the hook has already returned.

        """
        try:
            self._take(item)
        except PluginError as exc:
            self.refusal = self.refusal or exc
            raise

    def _take(self, item: object) -> None:
        if not self._open:
            message = "nothing can be registered after the hook has returned"
            raise PluginError(message)
        name = self._name_of(item)
        if name in self.items:
            message = f"{name!r} is registered twice"
            raise PluginError(message)
        if len(self.items) >= _MOST_ITEMS:
            message = f"more than {_MOST_ITEMS} objects are registered"
            raise PluginError(message)
        self.items[name] = item

    def close(self) -> None:
        """Take nothing from now on."""
        self._open = False


class Registered(NamedTuple):
    """What one plugin registered, by name."""

    provider_types: Mapping[str, Any]
    backends: Mapping[str, Any]
    policies: Mapping[str, Any]
    observers: Mapping[str, Any]
    notes: tuple[str, ...] = ()


REGISTERING = ("provider_types", "backends", "policies", "observers")
"""What is registered at load."""

_HOOKS: Mapping[str, tuple[str, Callable[[object], str]]] = {
    "provider_types": ("converge_register_backends", registered_name),
    "policies": ("converge_register_policies", policy_name),
    "observers": ("converge_register_observers", observer_name),
}
"""By which hook, and how it is checked; backends come with the provider types."""


def register(name: str, hooks: Hooks, guard: Guard) -> Registered | str:
    """Call the registering hooks of one plugin, and give what they registered, or in one line why it cannot be used."""
    found: dict[str, Any] = {}
    notes: list[str] = []
    for kind, (hook, name_of) in _HOOKS.items():
        outcome = collect(hooks.implementation(name, hook), name_of, guard)
        notes += outcome.notes
        if outcome.failure is not None:
            return f"{hook}: {outcome.failure}"
        found[kind] = outcome.value
    mixed: Mapping[str, Any] = found.pop("provider_types")
    backends = {item_name: item for item_name, item in mixed.items() if is_backend(item)}
    types = {item_name: item for item_name, item in mixed.items() if item_name not in backends}
    return Registered(provider_types=types, backends=backends, **found, notes=tuple(notes))


def collect(
    implementation: Callable[[object], object] | None, name_of: Callable[[object], str], guard: Guard
) -> Outcome[Mapping[str, Any]]:
    """Call one registering hook, if it is implemented."""
    if implementation is None:
        return Outcome(value={})
    registrar = CollectingRegistrar(name_of)
    outcome = guard.run(lambda: implementation(registrar))
    registrar.close()
    if registrar.refusal is not None:
        return Outcome(failure=str(registrar.refusal), notes=outcome.notes)
    if outcome.failure is not None:
        return Outcome(failure=outcome.failure, notes=outcome.notes)
    return Outcome(value=registrar.items, notes=outcome.notes)
