"""The chat backends of a catalogue as backends of any kind, so that slots and roles can be given to them."""

from typing import TYPE_CHECKING

from converge_provider.registry.claims import CAPABILITY_OF_FLAG
from converge_provider.values.classes import frozen
from converge_provider.values.descriptors import ChatBackendDescriptor
from converge_provider.values.identity import BackendKind, Capability

if TYPE_CHECKING:
    from collections.abc import Sequence

    from converge_provider.registry import Catalogue, CatalogueEntry

__all__ = ("Assignable", "assignable")


@frozen(kw_only=True)
class Assignable:
    """A configured chat backend, as far as an assignment asks; the engine calls it, this does not."""

    name: str
    """The backend's id."""
    kind: BackendKind
    capabilities: tuple[Capability, ...]
    supports_replay: bool
    requires_network: bool
    descriptor: ChatBackendDescriptor


def assignable(catalogue: "Catalogue") -> "Sequence[Assignable]":
    """Give the configured backends of a catalogue, by id; what nobody has stated they cannot do."""
    return catalogue.derived(Assignable, _of_catalogue)


def _of_catalogue(catalogue: "Catalogue") -> "Sequence[Assignable]":
    return tuple(_assignable(entry) for entry in catalogue.entries if not entry.missing)


def _assignable(entry: "CatalogueEntry") -> Assignable:
    claims, flags = entry.claims, entry.descriptor.capabilities
    able = {Capability.TEXT_GENERATION: True}
    able |= {capability: True for flag, capability in CAPABILITY_OF_FLAG.items() if getattr(flags, flag)}
    able[Capability.REPLAY] = claims.supports_replay is True
    able[Capability.OFFLINE] = claims.requires_network is False
    able |= claims.capabilities
    return Assignable(
        name=entry.id,
        kind=claims.kind or BackendKind.LLM,
        capabilities=tuple(sorted((capability for capability, yes in able.items() if yes), key=str)),
        supports_replay=claims.supports_replay is True,
        requires_network=claims.requires_network is not False,
        descriptor=entry.descriptor,
    )
