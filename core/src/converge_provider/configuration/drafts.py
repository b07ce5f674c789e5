"""A draft of what a selection is asked for: the tables of a configuration file that say so, and no others."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve

from converge_provider.configuration.environ import Environ
from converge_provider.configuration.files import read_file
from converge_provider.configuration.merging import Layer, merge
from converge_provider.configuration.reading import read
from converge_provider.configuration.tables import Configuration
from converge_provider.errors import ConfigurationError
from converge_provider.values.classes import frozen

__all__ = ("Draft", "read_draft")

_TABLES = ("selection", "constraints", "policies")


@frozen(kw_only=True)
class Draft:
    """What a draft says; a table that it does not have stays as it is configured."""

    tables: frozenset[str]
    """The tables that it has."""
    configuration: Configuration
    """What stands in them."""

    def over(self, configured: Configuration) -> Configuration:
        """Give a configuration in which each table of the draft takes the whole place of the one that is there."""
        return evolve(configured, **{name: getattr(self.configuration, name) for name in self.tables})


def read_draft(path: Path, *, environ: Mapping[str, str]) -> Draft:
    """
    Read a draft: a TOML file with ``[selection]``, ``[constraints]`` or ``[[policies]]``.

    Raises:
        ConfigurationError: It cannot be read, makes no sense, or has another table, or none.

    """
    file = read_file(path)
    document: Mapping[str, Any] = {} if file is None else file.document
    other = sorted(set(document) - set(_TABLES))
    if other or not document:
        found = f"has {', '.join(other)}" if other else "has none of them"
        message = f"{path}: a draft has the tables selection, constraints and policies; this one {found}"
        raise ConfigurationError(message)
    merged = merge([Layer(str(path), document)])
    return Draft(tables=frozenset(document), configuration=read(merged, Environ(environ)))
