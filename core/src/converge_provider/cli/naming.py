"""The backend that an argument of a command names."""

from typing import TYPE_CHECKING

import click

from converge_provider.errors import ConfigurationError

if TYPE_CHECKING:
    from converge_provider.cli.session import Session
    from converge_provider.registry import CatalogueEntry

__all__ = ("entry_named",)


def entry_named(session: "Session", backend: str) -> "CatalogueEntry":
    """
    Find a backend, as it is claimed to be: what was measured before is to be measured again.

    Raises:
        UsageError: There is none of that name.
        ConfigurationError: It is not configured.

    """
    catalogue = session.registry.catalogue(session.configuration)
    entry = catalogue.get(catalogue.aliases.get(backend, backend))
    if entry is None:
        from converge_provider.codec.problems import nearest

        hint = nearest(backend, [one.id for one in catalogue.entries])
        message = f"there is no backend {backend!r}{hint or '; see: converge list --all'}"
        raise click.UsageError(message)
    if entry.missing:
        message = f"{entry.id} is not configured: {', '.join(entry.missing)} missing"
        remedy = "See: converge doctor"
        raise ConfigurationError(message).with_remedy(remedy)
    return entry
