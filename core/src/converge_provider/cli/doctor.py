"""``converge doctor``: whether everything is as it should be; no network is touched."""

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import click
from attrs import asdict

from converge_provider.cli.exits import ExitCode
from converge_provider.cli.failures import failure_of
from converge_provider.cli.options import json_option, verbose_option
from converge_provider.cli.screen import Column
from converge_provider.cli.session import Session, pass_session
from converge_provider.cli.unready import only_named
from converge_provider.errors import ConvergeError
from converge_provider.values.classes import frozen

__all__ = ("Finding", "command")

_COLUMNS = (Column(title="CHECK"), Column(title="STATE"), Column(title="WHAT WAS FOUND"))
_LIBRARIES = ("anyio", "attrs", "cattrs", "importlib-metadata", "platformdirs", "pluggy")
_EXTRAS = {"cli": ("click", "rich"), "fast": ("aiohttp",), "http": ("httpx",), "schema": ("jsonschema", "msgspec")}


@frozen(kw_only=True)
class Finding:
    """What one check found."""

    check: str
    state: str
    """``ok``; ``note``, worth knowing; or ``bad``, which fails the whole."""
    text: str
    remedy: str | None = None


@click.command("doctor")
@json_option
@verbose_option
@pass_session
def command(session: Session) -> int:
    """
    Check the installation, the configuration and the plugins.

    Credentials are named, never shown, and no network is touched.  The exit code is 1 when something is `bad`; a `note`
    is worth knowing. When many providers need a key or an address first, one line says how many.
    """
    findings = [*_interpreter(), *_extras(), *_configured(session), *_folders(session)]
    sound = all(finding.state != "bad" for finding in findings)
    if session.screen.json:
        session.screen.document({"sound": sound, "findings": [asdict(finding) for finding in findings]})
    else:
        session.screen.table(_COLUMNS, ((one.check, one.state, one.text) for one in findings))
        for finding in findings:
            if finding.remedy:
                session.screen.write(f"\n{finding.check}: {finding.remedy}")
    return ExitCode.DONE if sound else ExitCode.FAILED


def _interpreter() -> Iterator[Finding]:
    yield Finding(check="python", state="ok", text=f"{platform.python_version()} ({sys.executable})")
    own = f"{_version('converge-provider')} ({Path(__file__).parents[1]})"
    yield Finding(check="converge-provider", state="ok", text=own)
    yield Finding(check="libraries", state="ok", text=", ".join(f"{name} {_version(name)}" for name in _LIBRARIES))


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "(no metadata)"


def _extras() -> Iterator[Finding]:
    for extra, modules in _EXTRAS.items():
        absent = [name for name in modules if find_spec(name) is None]
        if absent:
            remedy = f"Run: pip install 'converge-provider[{extra}]'"
            text = f"not installed: {', '.join(absent)}"
            yield Finding(check=f"extra [{extra}]", state="note", text=text, remedy=remedy)
        else:
            yield Finding(check=f"extra [{extra}]", state="ok", text=", ".join(f"{m} {_version(m)}" for m in modules))


def _configured(session: Session) -> Iterator[Finding]:
    """Check what depends on the configuration, as far as it can be read."""
    try:
        configuration = session.configuration
    except ConvergeError as exc:
        failure = failure_of(exc)
        yield Finding(check="configuration", state="bad", text=failure.text, remedy=failure.remedy)
        yield Finding(check="plugins", state="note", text="not looked at: the configuration says which may be loaded")
        return
    sources = sorted(set(configuration.origins.values()))
    yield Finding(check="configuration", state="ok", text=", ".join(sources) or "nothing is configured")
    yield from _plugins(session)
    yield from _providers(session)


def _plugins(session: Session) -> Iterator[Finding]:
    session.plugin_commands  # noqa: B018 - asking for them may put a plugin into quarantine
    report = session.registry.report
    names = ", ".join(f"{one.name} {one.version}" for one in report.loaded)
    remedy = None if names else "Run: pip install converge-local"
    yield Finding(check="plugins", state="ok" if names else "note", text=names or "none is loaded", remedy=remedy)
    for bad in report.quarantined:
        text = f"{bad.distribution} {bad.version} is in quarantine: {bad.stage}: {' '.join(bad.cause.split())}"
        yield Finding(check=f"plugin {bad.name}", state="bad", text=text, remedy=bad.remedy)
    for skipped in report.skipped:
        yield Finding(check=f"plugin {skipped.name}", state="note", text=f"skipped: {skipped.reason}")
    for name in report.unmatched:
        yield Finding(check=f"plugin {name}", state="note", text="the configuration names it, but it is not installed")


def _providers(session: Session) -> Iterator[Finding]:
    """Name what each provider has and needs: names of variables, never what stands in them."""
    try:
        catalogue = session.catalogue
    except ConvergeError as exc:
        failure = failure_of(exc)
        yield Finding(check="providers", state="bad", text=failure.text, remedy=failure.remedy)
        return
    folded = frozenset[str]() if session.screen.json else only_named(session)
    for name, provider in sorted(catalogue.providers.items()):
        check = f"provider {name}"
        if provider.problem:
            yield Finding(check=check, state="bad", text=provider.problem)
        elif not provider.enabled:
            yield Finding(check=check, state="note", text="switched off")
        elif provider.missing and name in folded:
            continue
        elif provider.missing:
            yield Finding(check=check, state="note", text=f"needs {', '.join(provider.missing)}")
        else:
            yield Finding(check=check, state="ok", text="configured")
    if folded:
        text = f"{len(folded)} more need something first, see: converge list --all"
        yield Finding(check="other providers", state="note", text=text)
    if not any(not entry.missing for entry in catalogue.entries):
        remedy = "Configure a provider, or fetch the small model: converge chat --pull"
        yield Finding(check="backends", state="note", text="none is configured, so nobody can answer", remedy=remedy)
    if session.unmeasured:
        yield Finding(check="measured claims", state="note", text=session.unmeasured)
    for trouble in catalogue.problems:
        yield Finding(check=f"plugin {trouble.name}", state="bad", text=str(trouble), remedy=trouble.remedy)


def _folders(session: Session) -> Iterator[Finding]:
    paths = session.paths
    for name, folder in (("config", paths.config_dir), ("state", paths.state_dir), ("cache", paths.cache_dir)):
        nearest = next(place for place in (folder, *folder.parents) if place.exists())
        if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
            yield Finding(check=f"{name} folder", state="ok", text=str(folder))
        else:
            remedy = f"Make {nearest} a folder that you may write to, or set CONVERGE_HOME to one."
            yield Finding(check=f"{name} folder", state="bad", text=f"{folder} cannot be written", remedy=remedy)
