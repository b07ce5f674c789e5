"""Finding what was measured of the backends of a configuration; costs next to nothing where nothing was."""

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from converge_provider.configuration.paths import user_paths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from converge_provider.configuration import Configuration
    from converge_provider.registry.evidence import Measurement

__all__ = ("measured_for",)

_log = logging.getLogger("converge_provider.registry")


def measured_for(configuration: "Configuration") -> "tuple[Mapping[str, Measurement], str | None]":
    """
    Give what was measured, by backend id, and why the file was ignored, if it was.

    A configuration that a host made itself has no environment, and so no user in whose folder there is anything.
    """
    if not configuration.environ:
        return {}, None
    folder = user_paths(configuration.environ).state_dir
    if not (folder / "measured.json").exists():
        return {}, None
    from converge_provider.registry.evidence import read_evidence

    found, problem = read_evidence(folder, today=datetime.now(UTC).date())
    if problem:
        _log.warning("%s", problem)
    return found, problem
