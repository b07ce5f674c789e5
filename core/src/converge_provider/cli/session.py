"""What the commands of one invocation share, each part made when it is first asked for."""

import os
from collections.abc import Collection
from functools import cached_property
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from converge_provider.cli.failures import debugging
from converge_provider.cli.logs import Logs
from converge_provider.cli.masking import Masker
from converge_provider.cli.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Concatenate

    from converge_provider.configuration import Configuration, UserPaths
    from converge_provider.registry import Catalogue, PluginRegistry

__all__ = ("Session", "pass_session")

P = ParamSpec("P")
R = TypeVar("R")


class Session:
    """One invocation of ``converge``: its screen, its configuration, its plugins."""

    def __init__(self, *, registry: "PluginRegistry | None" = None, reserved: Collection[str] = ()) -> None:
        """Take the plugins of a host that builds its own, and the names that no command of theirs may have."""
        self._given = registry
        self._reserved = reserved
        self.environ: Mapping[str, str] = os.environ
        self.screen: Screen = Screen(masker=Masker(self.environ))
        self.logs: Logs = Logs(self.screen.masker)
        self.unmeasured: str | None = None
        """Why what was measured was ignored, once the catalogue has been made."""

    @property
    def wants_traceback(self) -> bool:
        """Whether a failure should show where it happened."""
        return self.logs.verbosity >= 2 or debugging()

    @cached_property
    def configuration(self) -> "Configuration":
        """What is configured, from all places."""
        from converge_provider.configuration import load_configuration

        return load_configuration(environ=self.environ)

    @cached_property
    def paths(self) -> "UserPaths":
        """The user's folders."""
        from converge_provider.configuration import user_paths

        return user_paths(self.environ)

    @cached_property
    def registry(self) -> "PluginRegistry":
        """The plugins that could be loaded, and a report on all."""
        from converge_provider.registry import PluginRegistry

        return self._given or PluginRegistry.discover(plugins=self.configuration.plugins)

    @cached_property
    def catalogue(self) -> "Catalogue":
        """Every known backend, with what was measured of it."""
        from converge_provider.registry.measuring import measured_for

        measured, self.unmeasured = measured_for(self.configuration)
        return self.registry.catalogue(self.configuration, measured=measured)

    @cached_property
    def plugin_commands(self) -> "Mapping[str, click.Command]":
        """The commands of plugins by name; what is no command, or has a name of the core's, is said and left out."""
        found: dict[str, click.Command] = {}
        for command in self.registry.commands():
            if not isinstance(command, click.Command):
                self.screen.say(f"converge: left out {command!r}, which a plugin registered, but which is no command")
            elif command.name in self._reserved:
                name = command.name
                self.screen.say(f"converge: left out the command {name!r} of a plugin: converge has one of that name")
            else:
                found[str(command.name)] = command
        return found

    def say_quarantined(self) -> None:
        """Point at what could not be loaded, since what it brings is not seen: plugins, and what was measured."""
        count = len(self.registry.report.quarantined)
        if count:
            plugins = "1 plugin is" if count == 1 else f"{count} plugins are"
            self.screen.say(f"converge: {plugins} in quarantine; see: converge plugins")
        if self.unmeasured:
            self.screen.say(f"converge: {self.unmeasured}")


def pass_session(command: "Callable[Concatenate[Session, P], R]") -> "Callable[P, R]":
    """Hand the session to a command, as its first argument."""
    return click.make_pass_decorator(Session)(command)
