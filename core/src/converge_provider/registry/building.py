"""Building a catalogue: every provider's models, with everybody's claims about them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from attrs import evolve

from converge_provider.configuration import Configuration
from converge_provider.errors import PluginError
from converge_provider.registry.catalogue import Catalogue, CatalogueEntry, ProviderState
from converge_provider.registry.checks import claims_problem, known_models
from converge_provider.registry.claims import merge_claims
from converge_provider.registry.guard import Guard, one_line
from converge_provider.registry.providers import Provider, make_providers
from converge_provider.registry.report import LoadedPlugin, quarantined
from converge_provider.values.claims import Claims
from converge_provider.values.descriptors import ChatBackendDescriptor

if TYPE_CHECKING:
    from converge_provider.registry.evidence import Measurement
    from converge_provider.registry.report import QuarantinedPlugin

__all__ = ("Declarer", "Sources", "build_catalogue")

_MOST_SOURCES = 16


class Declarer(NamedTuple):
    """A plugin that declares capabilities."""

    plugin: LoadedPlugin
    declare: Callable[[object], object]
    """Its implementation of the hook."""


class Sources(NamedTuple):
    """What a catalogue is built from, beside the configuration."""

    provider_types: Mapping[str, Any]
    owners: Mapping[str, str]
    """The plugin of each provider type."""
    declarers: Sequence[Declarer]
    plugins: Mapping[str, LoadedPlugin]
    versions: Mapping[str, str]
    discovered: Mapping[str, Sequence[ChatBackendDescriptor]]
    """Models found by asking, by provider."""
    measured: "Mapping[str, Claims | Measurement]"
    """Measured claims, by backend id."""


def build_catalogue(sources: Sources, configuration: Configuration, *, number: int) -> Catalogue:
    """
    Build a catalogue; what a plugin gets wrong is left out and listed among its problems.

    Raises:
        ConfigurationError: The configuration makes no sense.

    """
    with Guard() as guard:
        build = _Build(sources, configuration, guard)
        providers = list(make_providers(sources.provider_types, sources.owners, configuration, guard))
        for one in providers:
            build.take(one)
        build.ask_declarers()
    return Catalogue(
        number=number,
        entries=build.entries(),
        providers={one.state.name: one.state for one in providers},
        aliases=dict(sorted(configuration.aliases.items())),
        versions=dict(sorted(sources.versions.items())),
        problems=tuple(build.problems),
    )


class _Build:
    """A catalogue under way."""

    def __init__(self, sources: Sources, configuration: Configuration, guard: Guard) -> None:
        self._sources = sources
        self._configuration = configuration
        self._guard = guard
        self._models: dict[str, tuple[Provider, Sequence[ChatBackendDescriptor]]] = {}
        """By backend id: its provider, and what the adapter says of it, strongest first."""
        self._declared: dict[str, list[tuple[str, Claims]]] = {}
        """By backend id: what plugins declare."""
        self.problems: list[QuarantinedPlugin] = []

    def take(self, one: Provider) -> None:
        """Take a provider's models, those known without asking and those found by asking."""
        if one.state.problem:
            self._blame(one.state, one.state.problem)
        if one.opener is None:
            return
        for model in (*one.models, *self._found(one)):
            described = self._models.get(model.id, (one, ()))[1]
            self._models[model.id] = (one, (*described, model))

    def _found(self, one: Provider) -> Sequence[ChatBackendDescriptor]:
        name = one.state.name
        found = self._sources.discovered.get(name, ())
        outcome = self._guard.run(lambda: [evolve(model, provider=name) for model in known_models(found, "discover")])
        if outcome.value is None:
            self._blame(one.state, outcome.failure or "")
        return outcome.value or ()

    def _blame(self, state: ProviderState, problem: str) -> None:
        plugin = self._sources.plugins.get(state.plugin or "")
        if plugin is not None:
            remedy = f"Run: pip install --upgrade {plugin.distribution}, or tell its authors"
            cause = one_line(f"provider {state.name!r}: {problem}")
            self.problems.append(quarantined(plugin, "provider", cause, remedy))

    def ask_declarers(self) -> None:
        """Ask every declaring plugin on its own; claims about backends that are not there are ignored."""
        known = tuple(self._models[name][1][0] for name in sorted(self._models))
        for one in self._sources.declarers:
            outcome = self._guard.run(lambda one=one: _declared(one.declare(known), self._models))  # type: ignore[misc]
            if outcome.failure is not None:
                remedy = f"Run: pip install --upgrade {one.plugin.distribution}, or tell its authors"
                self.problems.append(quarantined(one.plugin, "claims", outcome.failure, remedy))
            origin = f"plugin {one.plugin.name!r}"
            for name, several in (outcome.value or {}).items():
                self._declared.setdefault(name, []).extend((origin, claims) for claims in several)

    def entries(self) -> Iterator[CatalogueEntry]:
        """Give the backends with all claims merged: configuration, measured, the adapter's own, other plugins'."""
        configured, measured = self._configuration.claims, self._sources.measured
        for name, (provider, described) in self._models.items():
            stronger = [("configuration", configured[name])] if name in configured else []
            found = self._measured(name, provider) if measured else None
            if found is not None:
                stronger.append(("measured", found))
            facts = merge_claims(
                *described, stronger=stronger, weaker=sorted(self._declared.get(name, ()), key=_newest_first)
            )
            assert provider.opener is not None
            yield CatalogueEntry(
                id=name,
                descriptor=facts.descriptor,
                claims=facts.claims,
                unknown=facts.unknown,
                missing=provider.state.missing,
                type_name=provider.state.type_name,
                plugin=provider.state.plugin,
                origins=facts.origins,
                layers=facts.layers,
                opener=provider.opener,
            )

    def _measured(self, name: str, provider: Provider) -> Claims | None:
        """Give what was measured of a backend, as far as it is of what is installed and configured now."""
        said = self._sources.measured.get(name)
        if said is None or isinstance(said, Claims):
            return said
        plugin = self._sources.plugins.get(provider.state.plugin or "")
        settings = None if provider.opener is None else provider.opener.settings
        return said.claims if said.counts(plugin.version if plugin else None, settings) else None


def _declared(answer: object, known: Collection[str]) -> Mapping[str, Sequence[Claims]]:
    """Check what a plugin declares."""
    if answer is None:
        return {}
    if not isinstance(answer, Mapping):
        message = f"expected a mapping of backend ids to Claims, got a {type(answer).__name__}"
        raise PluginError(message)
    claimed = cast("Mapping[str, Any]", answer)
    found = {name: _several(claimed[name]) for name in known if name in claimed}
    for name, several in found.items():
        problem = next(filter(None, map(claims_problem, several)), None)
        if len(several) > _MOST_SOURCES:
            problem = f"expected at most {_MOST_SOURCES} claims, got {len(several)}"
        if problem:
            message = f"about {name!r}: {problem}"
            raise PluginError(message)
    return found


def _several(claims: object) -> tuple[Any, ...]:
    """Give what a plugin says of one backend: claims, or a few of different sources."""
    return tuple(cast("Sequence[Any]", claims)) if isinstance(claims, list | tuple) else (claims,)


def _newest_first(declared: tuple[str, Claims]) -> tuple[int, str]:
    origin, claims = declared
    return -(claims.as_of or date.min).toordinal(), origin
