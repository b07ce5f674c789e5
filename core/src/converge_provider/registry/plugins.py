"""The plugins of one host, and what they registered."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import evolve

from converge_provider.configuration import Configuration, PluginTable
from converge_provider.contract.backends import Backend, ProviderType
from converge_provider.contract.observers import Observer
from converge_provider.contract.policies import Policy
from converge_provider.errors import PluginError
from converge_provider.registry.admission import Admission, admit
from converge_provider.registry.building import Declarer, Sources, build_catalogue
from converge_provider.registry.catalogue import Catalogue
from converge_provider.registry.checks import command_name
from converge_provider.registry.guard import Guard
from converge_provider.registry.loading import Loaded, candidate, given, load
from converge_provider.registry.registration import collect
from converge_provider.registry.report import LoadedPlugin, PluginReport, QuarantinedPlugin, quarantined
from converge_provider.registry.scan import CORE, Distribution, scan
from converge_provider.values.descriptors import ChatBackendDescriptor

if TYPE_CHECKING:
    from converge_provider.registry.evidence import Measurement
    from converge_provider.values.claims import Claims

__all__ = ("PluginRegistry",)

_log = logging.getLogger("converge_provider.registry")


class PluginRegistry:
    """
    The plugins of one host, and what they registered; there is no global one.

    Made by :meth:`discover` from what is installed, or by :meth:`of` from objects.

    Example:
        >>> registry = PluginRegistry.of()
        >>> print(registry.report)
        0 loaded, 0 in quarantine, 0 skipped

    """

    provider_types: Mapping[str, ProviderType]
    """The provider types by name."""
    backends: Mapping[str, Backend]
    """The backends of other kinds by name: what can be assigned beside the catalogue's chat backends."""
    policies: Mapping[str, Policy]
    """The installed policies by name, without core's own."""
    observers: Mapping[str, Observer]
    """The observers by name."""
    report: PluginReport
    """What became of each plugin."""

    def __init__(self, loaded: Loaded, admission: Admission, *, core_version: str | None = None) -> None:
        """Take what was loaded; use :meth:`discover` or :meth:`of` instead of calling this."""
        self._loaded = loaded
        self._core_version = core_version
        self._commands: Sequence[object] | None = None
        self.provider_types = loaded.registered["provider_types"]
        self.backends = loaded.registered["backends"]
        self.policies = loaded.registered["policies"]
        self.observers = loaded.registered["observers"]
        self.report = PluginReport(
            loaded=loaded.plugins,
            quarantined=_sorted((*admission.quarantined, *loaded.quarantined)),
            skipped=admission.skipped,
            unmatched=admission.unmatched,
        )

    @classmethod
    def discover(
        cls,
        *,
        plugins: PluginTable = PluginTable(),  # noqa: B008 - frozen
        distributions: Iterable[Distribution] | None = None,
    ) -> "PluginRegistry":
        """
        Load the installed plugins, one at a time; one that fails is reported and stops no other.

        Args:
            plugins: Which of them may be loaded.
            distributions: What is installed; ``None``: everything on ``sys.path``, read once per process.

        Raises:
            KeyboardInterrupt: The user pressed Ctrl-C meanwhile; nothing that a plugin raises gets out.

        """
        installed = scan(distributions)
        core_version = installed.core_version or scan().core_version
        admission = admit(installed._replace(core_version=core_version), plugins)
        made = cls(load(map(candidate, admission.admitted)), admission, core_version=core_version)
        for one in made.report.quarantined:
            _log.warning("plugin in quarantine: %s", one)
        return made

    @classmethod
    def of(cls, *plugins: object) -> "PluginRegistry":
        """
        Build from objects or modules that carry hook implementations; nothing that is installed is looked at.

        Raises:
            PluginError: One of them cannot be used, or two of them register the same name; all problems are listed.

        """
        made = cls(load(given(plugins)), Admission())
        if made.report.quarantined:
            raise PluginError("; ".join(f"{one.name}: {one.stage}: {one.cause}" for one in made.report.quarantined))
        return made

    def commands(self) -> Sequence[object]:
        """
        Give the commands that plugins add to the command line, sorted by name.

        The plugins are asked at the first call; one that fails, or whose commands another has too, adds none, which
        :attr:`report` says from then on.
        """
        if self._commands is None:
            self._commands = self._asked_for_commands()
        return self._commands

    def _asked_for_commands(self) -> Sequence[object]:
        found: dict[str, list[tuple[LoadedPlugin, object]]] = {}
        problems: list[QuarantinedPlugin] = []
        with Guard() as guard:
            for plugin, implementation in self._implementations("converge_register_commands"):
                outcome = collect(implementation, command_name, guard)
                if outcome.failure is not None:
                    problems.append(_without_commands(plugin, outcome.failure))
                for name, command in (outcome.value or {}).items():
                    found.setdefault(name, []).append((plugin, command))
        for name, several in found.items():
            for plugin, _ in several if len(several) > 1 else ():
                others = " and ".join(repr(other.name) for other, _ in several if other is not plugin)
                problems.append(_without_commands(plugin, f"command {name!r} is also registered by {others}"))
        self.report = evolve(self.report, quarantined=_sorted((*self.report.quarantined, *problems)))
        return [several[0][1] for _, several in sorted(found.items()) if len(several) == 1]

    def _implementations(self, hook: str) -> Iterable[tuple[LoadedPlugin, Any]]:
        for plugin in self._loaded.plugins:
            if hook in plugin.hooks:
                yield plugin, self._loaded.hooks.implementation(plugin.name, hook)

    def catalogue(
        self,
        configuration: Configuration = Configuration(),  # noqa: B008 - frozen
        *,
        number: int = 1,
        discovered: Mapping[str, Sequence[ChatBackendDescriptor]] | None = None,
        measured: "Mapping[str, Claims | Measurement] | None" = None,
    ) -> Catalogue:
        """
        Build the catalogue of every known backend; nothing is asked over a network.

        Args:
            configuration: The providers that are configured, and what the operator claims.
            number: The catalogue's number.
            discovered: Models found by asking, by provider.
            measured: Claims that were measured, by backend id; only the configuration is stronger.  A measurement
                counts only for the version of the adapter, and the address, that it was made with.

        Raises:
            ConfigurationError: A provider's table makes no sense; the text names source, path and what was expected.

        """
        sources = Sources(
            provider_types=self.provider_types,
            owners=self._loaded.owners["provider_types"],
            declarers=[Declarer(plugin=one, declare=call) for one, call in self._implementations(_DECLARE)],
            plugins={one.name: one for one in self._loaded.plugins},
            versions=self._versions(),
            discovered=discovered or {},
            measured=measured or {},
        )
        return build_catalogue(sources, configuration, number=number)

    def _versions(self) -> Mapping[str, str]:
        core = {CORE: self._core_version} if self._core_version else {}
        return core | {one.distribution: one.version for one in self._loaded.plugins if one.distribution}


_DECLARE = "converge_declare_capabilities"


def _sorted(problems: Iterable[QuarantinedPlugin]) -> tuple[QuarantinedPlugin, ...]:
    return tuple(sorted(problems, key=lambda one: (one.name, one.distribution, one.value, one.stage, one.cause)))


def _without_commands(plugin: LoadedPlugin, cause: str) -> QuarantinedPlugin:
    remedy = f"Run: pip install --upgrade {plugin.distribution}, or tell its authors; the rest of it still works"
    return quarantined(plugin, "commands", cause, remedy)
