"""``converge new``: the beginning of a plugin of one's own, which is green before anything is changed."""

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from converge_provider.cli.options import help_unless_invoked, json_option, verbose_option
from converge_provider.cli.session import Session, pass_session
from converge_provider.cli.templates import Kind, NameRefusedError, Names, files_of, names_of
from converge_provider.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ("command",)

_OWN_POLICY = "fitness"


@click.group("new", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> int:
    """Start a plugin of your own, with tests that pass."""
    return help_unless_invoked(context)


def _options(function: "Callable[..., None]") -> "Callable[..., None]":
    into = click.option(
        "--directory",
        type=click.Path(exists=True, file_okay=False, writable=True, path_type=Path),
        default=Path(),
        help="The folder to put the plugin's folder into; the current one when left out.",
    )
    return click.argument("name")(into(json_option(verbose_option(pass_session(function)))))


@command.command("backend")
@_options
def backend(session: Session, *, name: str, directory: Path) -> None:
    """
    Start an adapter: the models of a service, by its wire.

    NAME names the provider, such as acme; the distribution is converge-acme.  It is certified by the conformance kit.
    """
    _create(session, "backend", name, directory)


@command.command("policy")
@_options
def policy(session: Session, *, name: str, directory: Path) -> None:
    """
    Start a selection policy.

    NAME names the policy, such as steady; the distribution is converge-policy-steady.  It is tried by the policy kit.
    """
    _create(session, "policy", name, directory)


def _create(session: Session, kind: Kind, name: str, directory: Path) -> None:
    """
    Write the files, all or none, and say how to see them pass.

    Raises:
        UsageError: The name is none, or taken, or the folder is there already.
        ConfigurationError: The files cannot be written.

    """
    try:
        names = names_of(kind, name)
    except NameRefusedError as exc:
        raise click.UsageError(str(exc)) from None
    owner = _owner(session, kind, names)
    if owner:
        message = f"the name {names.registered!r} is taken, by {owner}; choose another"
        raise click.UsageError(message)
    folder = directory / names.distribution
    if os.path.lexists(folder):
        message = f"{str(folder)!r} is there already, and nothing is overwritten"
        raise click.UsageError(message)
    texts = files_of(kind, names)
    try:
        _write(folder, texts)
    except OSError as exc:
        message = f"{folder}: cannot be written: {exc.strerror or type(exc).__name__}"
        raise ConfigurationError(message) from exc
    commands = _first_green_run(folder)
    if session.screen.json:
        session.screen.document({"folder": str(folder), "files": list(texts), "commands": commands})
    else:
        session.screen.write(f"{folder} has {len(texts)} files. Its tests pass after:\n")
        session.screen.write("\n".join(f"    {line}" for line in commands))


def _owner(session: Session, kind: Kind, names: Names) -> str | None:
    """Say who has one of the names already, among what is installed here."""
    from importlib.metadata import PackageNotFoundError, version
    from importlib.util import find_spec

    try:
        return f"{names.distribution} {version(names.distribution)}"
    except PackageNotFoundError:
        pass
    if find_spec(names.package) is not None:
        return f"the package {names.package}"
    registry = session.registry
    known = registry.provider_types if kind == "backend" else {**registry.policies, _OWN_POLICY: None}
    if names.registered in known:
        return "a provider type" if kind == "backend" else "a policy"
    return None


def _write(folder: Path, texts: "Mapping[str, str]") -> None:
    """Write everything beside the folder, and give it its name at the end."""
    draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".converge-new-"))
    try:
        for path, text in texts.items():
            target = draft / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="\n")
        draft.chmod(0o755)
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _first_green_run(folder: Path) -> Sequence[str]:
    """Give the three commands from the files to tests that pass."""
    python = str(folder / ".venv" / ("Scripts" if os.name == "nt" else "bin") / "python")
    own = Path(sys.executable)
    short = shutil.which(own.name)
    return [
        shlex.join([own.name if short and Path(short) == own else str(own), "-m", "venv", str(folder / ".venv")]),
        shlex.join([python, "-m", "pip", "install", "--quiet", "--editable", f"{folder}[test]"]),
        shlex.join([python, "-m", "pytest", "-p", "converge_provider.testing", str(folder)]),
    ]
