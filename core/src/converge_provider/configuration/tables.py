"""The configuration as a value."""

from collections.abc import Mapping

from attrs import field

from converge_provider.configuration.environ import Environ
from converge_provider.contract.policies import PolicyChoice
from converge_provider.values.claims import Claims
from converge_provider.values.classes import frozen
from converge_provider.values.constraints import Constraints
from converge_provider.values.scalars import U64
from converge_provider.values.selection_config import ChatBackendSelectionConfig

__all__ = ("Configuration", "JournalTable", "PluginTable", "ProviderTable")


@frozen(kw_only=True)
class ProviderTable:
    """One configured provider, ``[providers.NAME]``; its type decides which settings there are."""

    type: str | None = None
    """The name of the provider type; ``None``: the same as the provider's."""
    enabled: bool = True
    """Whether it takes part; a provider that is switched off has no backends."""
    settings: Mapping[str, object] = field(factory=dict[str, object])
    """The settings as written, with references to the environment resolved into ``Secret``."""
    references: Mapping[str, str] = field(factory=dict[str, str])
    """Which settings came from the environment: the variable's name by the setting's dotted path."""


@frozen(kw_only=True)
class PluginTable:
    """Which installed plugins may be loaded, by distribution or entry-point name, ``[plugins]``."""

    allow: tuple[str, ...] | None = None
    """Only these; ``None``: no list, so what ``autoload`` says."""
    deny: tuple[str, ...] = ()
    """Never these; stronger than ``allow``."""
    autoload: bool = True
    """Whether plugins that ``allow`` does not name are loaded when there is no such list."""


@frozen(kw_only=True)
class JournalTable:
    """Where decisions and attempts are written, ``[journal]``."""

    enabled: bool | None = None
    """Whether they are written at all; ``None``: by the command line yes, by a library no."""
    path: str | None = None
    """The folder; ``None``: ``journal`` in the user's state folder."""
    max_bytes: U64 = 64 * 2**20
    """Bytes after which the oldest records go."""
    content: bool = False
    """Whether what was asked and answered is written too, in clear text, cut to 16 KiB each."""


@frozen(kw_only=True)
class Configuration:
    """
    Everything that is configured, merged from all its sources; what nobody configured has its default.

    Example:
        >>> Configuration().plugins.autoload
        True

    """

    providers: Mapping[str, ProviderTable] = field(factory=dict[str, ProviderTable])
    """The configured providers by name; every installed provider type has a default one besides."""
    claims: Mapping[str, Claims] = field(factory=dict[str, Claims])
    """What the operator knows of backends, by backend id; stronger than any other source."""
    policies: tuple[PolicyChoice, ...] = ()
    """The policies to enable; none: the default ones."""
    aliases: Mapping[str, str] = field(factory=dict[str, str])
    """Own names for backend ids."""
    plugins: PluginTable = PluginTable()
    selection: ChatBackendSelectionConfig | None = None
    """What is asked for when a call says nothing; ``None``: nobody stated criteria."""
    constraints: Constraints | None = None
    """What is demanded beyond that when a call says nothing; ``None``: nothing is."""
    deadline_s: float | None = None
    """Seconds that a call may take when it says nothing, > 0; ``None``: the engine's default."""
    journal: JournalTable = JournalTable()
    engine: Mapping[str, object] = field(factory=dict[str, object])
    """How the engine holds out when backends fail, as written; what it may be is the engine's to say."""
    origins: Mapping[str, str] = field(factory=dict[str, str])
    """Where each value came from, by dotted path: a file, a variable's name, ``argument``."""
    environ: Mapping[str, str] = field(factory=dict[str, str], converter=Environ, repr=False)
    """The environment that settings take their defaults from; never shown, never written."""
