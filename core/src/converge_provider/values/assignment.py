"""Capability slots, and the backends that fill them."""

from collections.abc import Sequence

from attrs import field

from converge_provider.values.classes import frozen
from converge_provider.values.identity import Capability
from converge_provider.values.requirements import BackendRequirements

__all__ = ("CapabilityAssignment", "ProviderAssignment", "ProviderRequest")


@frozen(kw_only=True)
class ProviderRequest:
    """Ask for a backend for each capability; naming one twice asks for two independent backends."""

    id: str
    """The request's name, stable, so that an answer can be matched to it."""
    required_capabilities: Sequence[Capability] = field(converter=tuple[Capability, ...])
    backend_requirements: BackendRequirements | None = field(default=None, metadata={"omit_empty": True})
    """When given, one backend that meets all of it takes every capability."""


@frozen(kw_only=True)
class CapabilityAssignment:
    """One capability slot and the backend that fills it."""

    capability: Capability
    backend_name: str


@frozen(kw_only=True)
class ProviderAssignment:
    """The answer to a :class:`ProviderRequest`."""

    request_id: str
    assignments: Sequence[CapabilityAssignment] = field(converter=tuple[CapabilityAssignment, ...])
    """The slots that are filled, in the request's order."""
    unmatched: Sequence[Capability] = field(converter=tuple[Capability, ...])
    """The slots that nobody fills, in the request's order."""
    coverage_ratio: float
    """Filled by requested slots, from 0 to 1; 1 when nothing was requested."""
