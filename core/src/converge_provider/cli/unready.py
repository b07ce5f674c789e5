"""Providers that need something first and that nobody has configured: a few are told of one by one, many only named."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from converge_provider.cli.session import Session

__all__ = ("only_named",)

_MOST = 10
"""How many lines of a list are spent on them."""


def only_named(session: "Session") -> frozenset[str]:
    """Give the providers that are only named, which are none while there are few."""
    unready = _unready(session)
    return frozenset(unready) if len(unready) > _MOST else frozenset()


def _unready(session: "Session") -> "Sequence[str]":
    """Give the provider of every backend that needs something first, and each that has no backend until then."""
    named, catalogue = session.configuration.providers, session.catalogue
    serving = [(str(entry.descriptor.provider), entry.missing) for entry in catalogue.entries]
    served = {name for name, _ in serving}
    bare = [
        (name, provider.missing)
        for name, provider in catalogue.providers.items()
        if not provider.problem and name not in served
    ]
    return [name for name, missing in (*serving, *bare) if missing and name not in named]
