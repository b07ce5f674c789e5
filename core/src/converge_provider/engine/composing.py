"""Putting an engine together from what is configured and installed."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from converge_provider.engine.journal import CONTENT_BYTES, FileJournal
from converge_provider.engine.settings import Resilience

if TYPE_CHECKING:
    from converge_provider.configuration import Configuration
    from converge_provider.registry import PluginRegistry

__all__ = ("arguments_of", "journal_of", "resilience_of")


def journal_of(configuration: "Configuration", *, unless_told: bool) -> FileJournal | None:
    """
    Give the journal that a configuration asks for.

    Args:
        configuration: What is configured.
        unless_told: Whether there is one when the configuration does not say.

    Returns:
        The journal in its folder, or ``None``: the engine keeps its record in memory.

    """
    table = configuration.journal
    if not (unless_told if table.enabled is None else table.enabled):
        return None
    content_bytes = CONTENT_BYTES if table.content else 0
    if table.path is not None:
        return FileJournal(Path(table.path).expanduser(), max_bytes=table.max_bytes, content_bytes=content_bytes)
    from converge_provider.configuration.paths import user_paths

    folder = user_paths(configuration.environ).state_dir / "journal"
    return FileJournal(folder, max_bytes=table.max_bytes, content_bytes=content_bytes)


def resilience_of(configuration: "Configuration") -> Resilience:
    """
    Give what the table ``[engine]`` says.

    Raises:
        ConfigurationError: It makes no sense; every problem names its source, its path, and what was expected.

    """
    if not configuration.engine:
        return Resilience()
    from converge_provider.codec import DocumentError, load
    from converge_provider.codec.problems import Problem

    try:
        return load(Resilience, configuration.engine)
    except DocumentError as exc:
        raise DocumentError([Problem(_place(configuration, path), text) for path, text in exc.problems]) from None


def _place(configuration: "Configuration", path: str) -> str:
    """Name the sources of what stands at a path, or near it, and the path as in the source."""
    place = f"engine{path.removeprefix('$')}"
    origins = configuration.origins
    near = {origin for other, origin in origins.items() if other.startswith(place) or place.startswith(other)}
    near = near or {origin for other, origin in origins.items() if other.startswith("engine")}
    return ": ".join([*([" and ".join(sorted(near))] if near else []), place])


def arguments_of(registry: "PluginRegistry", configuration: "Configuration") -> Mapping[str, Any]:
    """Give the keyword arguments of the engine that a configuration asks for."""
    from converge_provider.registry.measuring import measured_for
    from converge_provider.selection import enable

    measured, _ = measured_for(configuration)
    deadline = {} if configuration.deadline_s is None else {"deadline_s": configuration.deadline_s}
    return {
        "catalogue": registry.catalogue(configuration, measured=measured),
        "policies": enable(configuration.policies, registry.policies),
        "observers": tuple(registry.observers.values()),
        "backends": tuple(registry.backends.values()),
        "selection": configuration.selection,
        "constraints": configuration.constraints,
        "journal": journal_of(configuration, unless_told=False),
        "resilience": resilience_of(configuration),
        **deadline,
    }
