"""``converge plugins``: what became of each installed plugin."""

from typing import TYPE_CHECKING

import click

from converge_provider.cli.options import json_option, verbose_option
from converge_provider.cli.screen import Column
from converge_provider.cli.session import Session, pass_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from converge_provider.registry import LoadedPlugin, PluginReport

__all__ = ("command",)

_COLUMNS = (
    Column(title="PLUGIN"),
    Column(title="DISTRIBUTION"),
    Column(title="VERSION"),
    Column(title="STATE"),
    Column(title="WHAT IT BRINGS"),
)


@click.command("plugins")
@json_option
@verbose_option
@pass_session
def command(session: Session) -> None:
    """Show which plugins are loaded, in quarantine (with cause and remedy), or skipped."""
    session.plugin_commands  # noqa: B018 - asking for them may put a plugin into quarantine
    report = session.registry.report
    screen = session.screen
    if screen.json:
        from converge_provider import codec

        screen.document(codec.dump(report))
        return
    if not (report.loaded or report.quarantined or report.skipped):
        screen.write("No plugin is installed. Try: pip install converge-local")
        return
    screen.table(_COLUMNS, _rows(report))
    for line in _troubles(report):
        screen.write(line)


def _rows(report: "PluginReport") -> "Iterator[tuple[str, ...]]":
    for loaded in report.loaded:
        yield loaded.name, loaded.distribution, loaded.version, "loaded", _brings(loaded)
    for bad in report.quarantined:
        yield bad.name, bad.distribution, bad.version, "quarantine", ""
    for skipped in report.skipped:
        yield skipped.name, skipped.distribution, skipped.version, "skipped", ""


def _brings(plugin: "LoadedPlugin") -> str:
    kinds = (
        ("providers", plugin.provider_types),
        ("backends", plugin.backends),
        ("policies", plugin.policies),
        ("observers", plugin.observers),
    )
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds if names)


def _troubles(report: "PluginReport") -> "Iterator[str]":
    for bad in report.quarantined:
        yield ""
        yield f"{bad.name} ({bad.distribution} {bad.version}, {bad.value}) is in quarantine: {bad.stage}"
        yield f"  cause:  {' '.join(bad.cause.split())}"
        yield f"  remedy: {' '.join(bad.remedy.split())}"
    for skipped in report.skipped:
        yield ""
        yield f"{skipped.name} ({skipped.distribution} {skipped.version}) is skipped: {skipped.reason}"
    for name in report.unmatched:
        yield ""
        yield f"No installed plugin has the name {name!r}, which the configuration names."
