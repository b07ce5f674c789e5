"""What became of each installed plugin."""

from collections.abc import Iterator
from typing import Protocol

from attrs import field

from converge_provider.values.classes import frozen

__all__ = ("LoadedPlugin", "PluginReport", "QuarantinedPlugin", "SkippedPlugin", "quarantined")


@frozen(kw_only=True)
class LoadedPlugin:
    """A plugin that works."""

    name: str
    """The entry point's name."""
    distribution: str
    version: str
    value: str
    """What the entry point names: the package."""
    provider_types: tuple[str, ...] = ()
    backends: tuple[str, ...] = ()
    """Backends of other kinds than chat backends."""
    policies: tuple[str, ...] = ()
    observers: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()
    """The hooks that it implements."""
    notes: tuple[str, ...] = ()
    """What is odd about it without being wrong: warnings and output at import."""
    import_ms: float = field(default=0.0, eq=False)
    """Milliseconds that importing it took."""

    def __str__(self) -> str:
        """Say it in one line."""
        brings = (
            ", ".join((*self.provider_types, *self.backends, *self.policies, *self.observers)) or "nothing registered"
        )
        return f"{self.name} ({self.distribution} {self.version}): {brings}"


@frozen(kw_only=True)
class QuarantinedPlugin:
    """A plugin, or what a part of it does, that is not used, and why."""

    name: str
    """The entry point's name."""
    distribution: str
    version: str
    value: str
    """What the entry point names: the package."""
    stage: str
    """
    What failed: ``metadata``, ``duplicate``, ``version``, ``api``, ``import``, ``hooks`` or ``register`` for a whole
    plugin; ``commands``, ``provider`` or ``claims`` for that part of it alone.
    """
    cause: str
    """Why, in one line."""
    remedy: str
    """What to do about it, in one sentence."""

    def __str__(self) -> str:
        """Say it in one line."""
        return (
            f"{self.name} ({self.distribution} {self.version}, {self.value}): {self.stage}: {self.cause}. {self.remedy}"
        )


@frozen(kw_only=True)
class SkippedPlugin:
    """A plugin that was not loaded because somebody said so."""

    name: str
    """The entry point's name."""
    distribution: str
    version: str
    value: str
    """What the entry point names: the package."""
    reason: str
    """What was said."""

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.name} ({self.distribution} {self.version}): {self.reason}"


@frozen(kw_only=True)
class PluginReport:
    """
    What became of each installed plugin, each list sorted by name and distribution.

    ``str(report)`` is a text for people, ``codec.dump(report)`` a document for programs.
    """

    loaded: tuple[LoadedPlugin, ...] = ()
    quarantined: tuple[QuarantinedPlugin, ...] = ()
    skipped: tuple[SkippedPlugin, ...] = ()
    unmatched: tuple[str, ...] = ()
    """Names in the allow and deny lists that no installed plugin has."""

    def __str__(self) -> str:
        """List the plugins, one per line."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{len(self.loaded)} loaded, {len(self.quarantined)} in quarantine, {len(self.skipped)} skipped"
        yield from (f"  loaded      {one}" for one in self.loaded)
        yield from (f"  note        {one.name}: {note}" for one in self.loaded for note in one.notes)
        yield from (f"  quarantine  {one}" for one in self.quarantined)
        yield from (f"  skipped     {one}" for one in self.skipped)
        yield from (f"  unmatched   no installed plugin is named {name!r}" for name in self.unmatched)


class Origin(Protocol):
    """What is known of a plugin wherever something goes wrong with it."""

    @property
    def name(self) -> str:
        """The entry point's name."""
        ...

    @property
    def distribution(self) -> str:
        """Its distribution."""
        ...

    @property
    def version(self) -> str:
        """Its distribution's version."""
        ...

    @property
    def value(self) -> str:
        """What the entry point names."""
        ...


def quarantined(origin: Origin, stage: str, cause: str, remedy: str) -> QuarantinedPlugin:
    """Put a plugin, or a part of it, into quarantine."""
    return QuarantinedPlugin(
        name=origin.name,
        distribution=origin.distribution,
        version=origin.version,
        value=origin.value,
        stage=stage,
        cause=cause,
        remedy=remedy,
    )
