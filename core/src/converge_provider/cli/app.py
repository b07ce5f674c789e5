"""The command ``converge`` itself: which commands there are, and where each is found."""

import importlib
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

import click

from converge_provider.cli.exits import ExitCode
from converge_provider.cli.failures import failure_of, report
from converge_provider.cli.options import help_unless_invoked, verbose_option
from converge_provider.cli.session import Session
from converge_provider.cli.streams import is_output_closed
from converge_provider.errors import ConvergeError

if TYPE_CHECKING:
    from converge_provider.registry import PluginRegistry

__all__ = ("COMPLETION_VARIABLE", "CORE_COMMANDS", "converge", "run")

CORE_COMMANDS: Mapping[str, str] = {
    "chat": "chat",
    "list": "listing",
    "discover": "discover",
    "explain": "explain",
    "why": "why",
    "replay": "replay",
    "verify": "verify",
    "chaos": "chaos",
    "bench": "bench",
    "new": "new",
    "plugins": "plugins",
    "policies": "policies",
    "doctor": "doctor",
    "config": "config",
    "completion": "completion",
}
"""The core's own commands and their modules; each module's ``command`` is imported when it is invoked."""

COMPLETION_VARIABLE = "_CONVERGE_COMPLETE"
"""The environment variable by which a shell's script asks."""


class _Commands(click.Group):
    """The core's commands, and those of plugins, which are asked only when the command is not one of the core's."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name all commands; plugins that cannot be asked are said so and left out."""
        session = ctx.ensure_object(Session)
        try:
            added = session.plugin_commands
        except ConvergeError as exc:
            session.screen.say(f"converge: commands of plugins are left out: {failure_of(exc)}")
            return list(CORE_COMMANDS)
        return [*CORE_COMMANDS, *sorted(added)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command, importing no other."""
        module = CORE_COMMANDS.get(cmd_name)
        if module is None:
            return ctx.ensure_object(Session).plugin_commands.get(cmd_name)
        found = importlib.import_module(f"converge_provider.cli.{module}").command
        assert isinstance(found, click.Command)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments name, or suggest the nearest."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None and not ctx.resilient_parsing:
            from converge_provider.codec.problems import nearest

            ctx.ensure_object(Session).say_quarantined()
            message = f"there is no command {name!r}{nearest(name, self.list_commands(ctx))}"
            raise click.UsageError(message, ctx)
        return super().resolve_command(ctx, args)


_HELP_WANTED: tuple[type[click.UsageError], ...] = tuple(
    getattr(click.exceptions, name) for name in ("NoArgsIsHelpError",) if hasattr(click.exceptions, name)
)
"""What newer releases of click raise instead of printing the help."""


@click.group(
    cls=_Commands,
    name="converge",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
    epilog="Exit codes: " + " · ".join(f"{int(code)} {code.name.lower()}" for code in ExitCode),
)
@click.version_option(None, "-V", "--version", package_name="converge-provider", message="converge %(version)s")
@verbose_option
@click.pass_context
def converge(context: click.Context) -> int:
    """Say what you need from a language model; the best allowed backend is found, called, and explained."""
    return help_unless_invoked(context)


def run(arguments: Sequence[str], *, registry: "PluginRegistry | None" = None) -> int:
    """
    Run one command and give its exit code.

    Raises:
        OSError: Standard output cannot be written any more.

    """
    session = Session(registry=registry, reserved=CORE_COMMANDS)
    try:
        result = _invoke(list(arguments), session)
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except _HELP_WANTED as exc:  # a plugin's group of commands was called without any
        exc.show()
        return ExitCode.USAGE
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else int(exc.code is not None)
    except BaseException as exc:  # noqa: BLE001 - a plugin may raise anything
        error = _only(exc)
        if is_output_closed(error):
            raise error from None
        session.screen.json |= "--json" in arguments  # a mistake may have been found before the option was
        return report(error, session)
    finally:
        session.logs.close()
    return result if isinstance(result, int) and not isinstance(result, bool) else 0


def _invoke(arguments: list[str], session: Session) -> object:
    """Run the command, or answer a shell that completes one; click's own ``main`` would hide that a pipe is closed."""
    question = os.environ.get(COMPLETION_VARIABLE)
    if question:
        from click.shell_completion import shell_complete

        return shell_complete(converge, {"obj": session}, "converge", COMPLETION_VARIABLE, question)
    with converge.make_context("converge", arguments, obj=session) as context:
        return converge.invoke(context)


def _only(error: BaseException) -> BaseException:
    """Take an error out of the groups that task groups wrap around it."""
    if isinstance(error, BaseExceptionGroup):
        members = cast("BaseExceptionGroup[BaseException]", error).exceptions
        return _only(members[0]) if len(members) == 1 else cast("BaseException", error)
    return error
