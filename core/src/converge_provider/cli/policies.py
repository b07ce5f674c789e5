"""``converge policies``: which policies are installed and enabled, and what can be set."""

from typing import TYPE_CHECKING

import click

from converge_provider.cli.options import json_option, verbose_option
from converge_provider.cli.screen import Column
from converge_provider.cli.session import Session, pass_session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from converge_provider.cli.installed import InstalledPolicy
    from converge_provider.values.messages import JsonValue

__all__ = ("command",)

_COLUMNS = (
    Column(title="POLICY", whole=True),
    Column(title="DISTRIBUTION"),
    Column(title="VERSION"),
    Column(title="ENABLED"),
    Column(title="WEIGHT", right=True),
    Column(title="TIER", right=True),
    Column(title="OPTIONS"),
)


@click.command("policies")
@click.argument("name", metavar="[NAME]", required=False)
@json_option
@verbose_option
@pass_session
def command(session: Session, *, name: str | None) -> None:
    """
    Show which policies are installed and which are enabled, with their weights and options.

    With NAME, one policy and every option that it has: its type, its default, what it means, and what is configured.
    """
    found = _policies(session)
    if name is not None:
        found = [_named(name, found)]
    screen = session.screen
    if screen.json:
        from converge_provider import codec

        screen.document(codec.dump(found))
    elif name is None:
        screen.table(_COLUMNS, map(_row, found))
        session.say_quarantined()
    else:
        for line in _told(found[0]):
            screen.write(line)


def _policies(session: Session) -> "Sequence[InstalledPolicy]":
    from converge_provider.cli.installed import installed_policies

    registry, configuration = session.registry, session.configuration
    brought = {
        policy: (plugin.distribution, plugin.version) for plugin in registry.report.loaded for policy in plugin.policies
    }
    return installed_policies(registry.policies, configuration.policies, brought)


def _named(name: str, found: "Sequence[InstalledPolicy]") -> "InstalledPolicy":
    for one in found:
        if one.name == name:
            return one
    from converge_provider.codec.problems import nearest

    names = [one.name for one in found]
    hint = nearest(name, names) or f"; there are {', '.join(names)}"
    message = f"there is no policy {name!r}{hint}"
    raise click.UsageError(message)


def _row(one: "InstalledPolicy") -> tuple[str, ...]:
    options = ", ".join(f"{name} = {_said(value)}" for name, value in one.configured.items())
    enabled = "yes" if one.enabled else "no"
    return (
        one.name,
        one.distribution or "not installed",
        one.version or "",
        enabled,
        f"{one.weight:g}" if one.enabled else "",
        str(one.tier) if one.enabled else "",
        options,
    )


def _told(one: "InstalledPolicy") -> "Iterator[str]":
    home = "not installed" if one.distribution is None else f"{one.distribution} {one.version}"
    yield f"{one.name} ({home})"
    if one.enabled:
        within = f", equal within {one.epsilon:g}" if one.epsilon else ""
        yield f"  enabled with weight {one.weight:g} in tier {one.tier}{within}"
    elif one.distribution is not None:
        yield f'  not enabled; enable it with: [[policies]] name = "{one.name}"'
    columns = ", ".join(f"{name} ({sign})" for name, sign in one.monotone.items())
    for holds, text in (
        (one.may_veto, "may veto"),
        (one.decides_last_resort, "places last resorts itself"),
        (one.learns, "learns from what became of calls"),
        (one.monotone, f"rises or falls with {columns}"),
    ):
        if holds:
            yield f"  {text}"
    for option in one.options:
        now = f", configured {_said(one.configured[option.name])}" if option.name in one.configured else ""
        yield f"  {option.name}: {option.type}, default {_said(option.default)}{now}"
        if option.text:
            yield f"    {option.text}"


def _said(value: "JsonValue") -> str:
    import json

    return json.dumps(value, ensure_ascii=False)
