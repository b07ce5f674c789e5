"""Putting engines that were found into the user's configuration file."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from converge_provider.cli.session import Session
    from converge_provider.configuration.editing import Edit
    from converge_provider.engine.local_engines import FoundEngine, LocalSearch

__all__ = ("planned", "written")


def planned(session: "Session", search: "LocalSearch") -> "Edit":
    """
    Say what the user's file is to be.

    Raises:
        ConfigurationError: It cannot be read, or nothing can be added to it.

    """
    from converge_provider.configuration.editing import edit_of, user_file

    tables: dict[str, Mapping[str, Any]] = {}
    for one in search.engines:
        name = _provider_of(one, session, tables)
        tables[name] = _table(one) if name == one.type_name else {"type": one.type_name, **_table(one)}
    return edit_of(user_file(session.environ, session.paths.config_file), {"providers": tables})


def written(session: "Session", edit: "Edit", *, yes: bool) -> bool:
    """
    Show what changes, ask a person, and write; give whether it was written.

    Raises:
        ConfigurationError: It cannot be written, or was changed meanwhile.

    """
    from difflib import unified_diff

    from converge_provider.configuration.editing import write

    name = str(edit.path)
    if edit.new == edit.old:
        session.screen.say(f"{name} has all of it already")
        return False
    lines = unified_diff(edit.old.splitlines(), edit.new.splitlines(), name, name, lineterm="")
    session.screen.tell("\n".join(lines))
    asks = session.screen.can_ask and not session.screen.json and not yes
    if asks and not click.confirm(f"Write {name}?", default=True, err=True):
        session.screen.say("nothing was written")
        return False
    write(edit)
    session.screen.say(f"written: {name}")
    return True


def _table(one: "FoundEngine") -> Mapping[str, Any]:
    """Give what a provider needs to reach an engine; of its models those that no preferred engine serves."""
    models = one.engine.settings.get("models")
    if not isinstance(models, Mapping):
        return one.engine.settings
    own = {model: facts for model, facts in models.items() if model not in one.better_at}
    table = {key: value for key, value in one.engine.settings.items() if key != "models"}
    return {**table, "models": own} if own else table


def _provider_of(one: "FoundEngine", session: "Session", taken: Mapping[str, object]) -> str:
    """Name the provider that stands for an engine: the one that is configured there, or one that is not yet."""
    configured = session.configuration.providers
    here = _place(one.engine.url, one.engine.url)
    for name, table in configured.items():
        address = table.settings.get("base_url")
        is_here = isinstance(address, str) and _place(address, one.engine.url) == here
        if is_here and (table.type or name) == one.type_name and name not in taken:
            return name
    plain = configured.get(one.type_name)
    if one.type_name not in taken and (plain is None or not plain.settings.get("base_url")):
        return one.type_name
    port = here.partition("//")[2].partition("/")[0].rpartition(":")[2]
    names = (f"{one.type_name}-{port}{suffix}" for suffix in ("", *(f"-{number}" for number in range(2, 1_000))))
    return next(name for name in names if name not in taken and name not in configured)


def _place(url: str, usual: str) -> str:
    """Give an address in one form, in which this machine has one name; nonsense is an empty text."""
    from converge_provider.errors import ConfigurationError
    from converge_provider.http import canonical_url, host_of, is_loopback

    try:
        place = canonical_url(url, service_url=usual, setting="base_url")
    except ConfigurationError:
        return ""
    host = host_of(place)
    return place.replace(f"[{host}]" if ":" in host else host, "localhost", 1) if is_loopback(host) else place
