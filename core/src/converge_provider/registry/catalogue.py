"""A numbered, immutable snapshot of every backend that is known."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, cached_property
from itertools import pairwise
from typing import TypeVar, cast

from attrs import field, fields

from converge_provider.contract.backends import ChatBackend
from converge_provider.contract.registered import RegisteredChatBackend
from converge_provider.errors import RegistryValueError
from converge_provider.registry.claims import Layer, merge_claims, sources_of
from converge_provider.registry.report import QuarantinedPlugin
from converge_provider.values.claims import Claims, FactSource
from converge_provider.values.classes import frozen
from converge_provider.values.descriptors import CAPABILITY_FLAGS, ChatBackendDescriptor

__all__ = ("Catalogue", "CatalogueEntry", "ProviderState")

T = TypeVar("T")


@frozen(kw_only=True)
class ProviderState:
    """A provider that is known, whether or not it has models or can be used."""

    name: str
    type_name: str
    display_name: str
    missing: tuple[str, ...] = ()
    """What is not configured, each named exactly; empty: it is configured."""
    plugin: str | None = None
    """The plugin that brings its type; ``None``: the host gave the backends."""
    enabled: bool = True
    default_model: str | None = None
    problem: str | None = None
    """Why it has no backends although it should, in one line."""


@frozen(kw_only=True, eq=False)
class CatalogueEntry:
    """One backend: all that is known of it, and how its handle is made."""

    id: str
    """``provider/model``, unique in the catalogue."""
    descriptor: ChatBackendDescriptor
    """The contract's fields, with the merged claims folded in."""
    claims: Claims = Claims()
    """Every fact that some source states, merged: configuration > measured > adapter > catalogue."""
    unknown: frozenset[str] = frozenset()
    """The contract's fields whose value nobody has stated."""
    missing: tuple[str, ...] = ()
    """What is not configured, each named exactly; empty: it is configured."""
    type_name: str = ""
    plugin: str | None = None
    origins: Mapping[str, str] = field(factory=dict[str, str])
    """Who stated each fact that is not the adapter's own: ``configuration``, ``measured``, ``plugin NAME``."""
    layers: Sequence[Layer] = field(default=(), repr=False)
    """What each source states, strongest first."""
    opener: Callable[[ChatBackendDescriptor], ChatBackend] = field(repr=False)
    """Makes the handle; called by :meth:`open`."""

    def sources(self) -> Mapping[str, FactSource]:
        """
        Say of every stated fact who states it, and since when.

        Returns:
            By the fact's name, sorted; a capability's is ``capabilities.NAME``.

        """
        return sources_of(self.layers)

    def open(self) -> ChatBackend:
        """
        Make the handle; it opens no connection yet.

        Raises:
            ConfigurationError: Something is missing, named exactly.

        """
        return self.opener(self.descriptor)


def _sorted(entries: Iterable[CatalogueEntry]) -> tuple[CatalogueEntry, ...]:
    found = tuple(sorted(entries, key=lambda entry: entry.id))
    for first, second in pairwise(found):
        if first.id == second.id:
            message = f"backend {first.id!r} is there twice, by {_owner(first)} and by {_owner(second)}; ids are unique"
            raise RegistryValueError(message)
    return found


def _owner(entry: CatalogueEntry) -> str:
    return f"plugin {entry.plugin!r}" if entry.plugin else "the host"


@frozen(kw_only=True, eq=False)
class Catalogue:
    """
    Every known backend at one moment.

    Immutable; whatever changes makes a new catalogue with a new number.

    Example:
        >>> catalogue = Catalogue.of()
        >>> catalogue.number, len(catalogue.entries), catalogue.get("echo/echo-1")
        (1, 0, None)

    """

    number: int = 1
    """Grows with every snapshot of one host."""
    entries: tuple[CatalogueEntry, ...] = field(default=(), converter=_sorted)
    """Sorted by id."""
    providers: Mapping[str, ProviderState] = field(factory=dict[str, ProviderState])
    """Every known provider by name, also those without models."""
    aliases: Mapping[str, str] = field(factory=dict[str, str])
    """Own names for backend ids."""
    versions: Mapping[str, str] = field(factory=dict[str, str])
    """The versions of the distributions that took part."""
    problems: tuple[QuarantinedPlugin, ...] = ()
    """What went wrong while it was built: providers and claims that were left out."""
    _derived: dict[object, object] = field(factory=dict[object, object], init=False, repr=False)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the content, in hexadecimal; equal content has an equal digest, whatever the number."""
        import hashlib  # only where a record is made
        import json

        text = json.dumps(_document(self), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def _by_id(self) -> Mapping[str, CatalogueEntry]:
        return {entry.id: entry for entry in self.entries}

    def get(self, backend_id: str) -> CatalogueEntry | None:
        """Give the backend of this id, or ``None``."""
        return self._by_id.get(backend_id)

    def derived(self, key: object, build: "Callable[[Catalogue], T]") -> T:
        """
        Give what was once built from this catalogue, building it at the first call.

        Args:
            key: Names what is built, and its type; hashable.
            build: Makes it; pure, since two threads may both call it, and one result is kept.

        """
        if key not in self._derived:
            self._derived.setdefault(key, build(self))
        return cast("T", self._derived[key])

    @classmethod
    def of(cls, *registered: RegisteredChatBackend, number: int = 1) -> "Catalogue":
        """
        Make a catalogue of backends that the host has constructed.

        Raises:
            RegistryValueError: Two of them have the same id.

        """
        entries = [_given(one) for one in registered]
        names = sorted({str(one.descriptor.provider) for one in registered})
        providers = {name: ProviderState(name=name, type_name=name, display_name=name) for name in names}
        return cls(number=number, entries=entries, providers=providers)


def _given(registered: RegisteredChatBackend) -> CatalogueEntry:
    facts = merge_claims(registered.descriptor)
    return CatalogueEntry(
        id=facts.descriptor.id,
        descriptor=facts.descriptor,
        claims=facts.claims,
        unknown=facts.unknown,
        layers=facts.layers,
        type_name=str(facts.descriptor.provider),
        opener=lambda _: registered.backend,
    )


def _document(catalogue: Catalogue) -> dict[str, object]:
    """Give what the digest is of: every fact that is known, each once."""
    from converge_provider.codec.dumping import to_document  # only where a record is made

    return {
        "entries": [_entry_document(entry, to_document) for entry in catalogue.entries],
        "providers": [to_document(catalogue.providers[name]) for name in sorted(catalogue.providers)],
        "aliases": dict(catalogue.aliases),
        "versions": dict(catalogue.versions),
    }


def _entry_document(entry: CatalogueEntry, dump: Callable[[object], object]) -> list[object]:
    described, claims = entry.descriptor, entry.claims
    flags = described.capabilities
    return [
        [
            described.provider,
            described.model,
            described.cost_class.value,
            described.typical_latency_ms,
            described.quality,
        ],
        [flags.context_tokens, *(flag for flag in CAPABILITY_FLAGS if getattr(flags, flag))],
        [described.data_sovereignty.value, described.compliance.value, sorted(entry.unknown)],
        {name: dump(fact) for name in _facts() if (fact := getattr(claims, name)) is not None},
        {str(capability): stated for capability, stated in claims.capabilities.items()},
        [entry.type_name, entry.plugin, list(entry.missing)],
    ]


@cache
def _facts() -> tuple[str, ...]:
    return tuple(fact.name for fact in fields(Claims) if fact.name != "capabilities")
