"""Merging what several sources say of one backend, and folding it into the contract's fields."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from attrs import evolve, fields

from converge_provider.values.claims import Claims, FactSource
from converge_provider.values.descriptors import BackendDescriptor, ChatBackendCapabilities, ChatBackendDescriptor
from converge_provider.values.identity import Capability
from converge_provider.values.vocabulary import ComplianceLevel, DataSovereignty

__all__ = ("CAPABILITY_OF_FLAG", "Facts", "Layer", "merge_claims", "sources_of")

CAPABILITY_OF_FLAG: Mapping[str, Capability] = {
    "reasoning": Capability.REASONING,
    "web_search": Capability.WEB_SEARCH,
    "tool_use": Capability.TOOL_USE,
    "vision": Capability.IMAGE_UNDERSTANDING,
    "structured_output": Capability.STRUCTURED_OUTPUT,
    "code": Capability.CODE_GENERATION,
    "multilingual": Capability.MULTILINGUAL_TEXT,
    "content_generation": Capability.other("ContentGeneration"),
    "business_acumen": Capability.other("BusinessAcumen"),
}
"""The capability that each flag of the contract's descriptor speaks of; two of them have no name in the contract."""

T = TypeVar("T")

_SCALARS = ("cost_class", "typical_latency_ms", "quality")
_FACTS = tuple(fact.name for fact in fields(Claims) if fact.name not in {"source", "as_of", "capabilities"})
_facts_of: Callable[[Claims], tuple[Any, ...]] = attrgetter(*_FACTS)
_scalars_of: Callable[[ChatBackendDescriptor], tuple[Any, ...]] = attrgetter(*_SCALARS)
_flags_of: Callable[[ChatBackendCapabilities], tuple[bool, ...]] = attrgetter(*CAPABILITY_OF_FLAG)


class Facts(NamedTuple):
    """What is known of one backend after merging."""

    descriptor: ChatBackendDescriptor
    """The adapter's, with the merged claims folded into the contract's fields."""
    claims: Claims
    """Every fact that some source states."""
    unknown: frozenset[str]
    """The contract's fields whose value nobody has stated."""
    origins: Mapping[str, str]
    """Who stated each fact that is not the adapter's own; a capability's fact is ``capabilities.NAME``."""
    layers: Sequence["Layer"] = ()
    """What each source states, strongest first."""


def merge_claims(
    descriptor: ChatBackendDescriptor,
    *others: ChatBackendDescriptor,
    stronger: Sequence[tuple[str, Claims]] = (),
    weaker: Sequence[tuple[str, Claims]] = (),
) -> Facts:
    """
    Merge, fact by fact, what the sources say of one backend.

    An adapter speaks twice: through its claims, and, weaker, through the contract's fields of its descriptor, each of
    which is a statement unless it is marked unknown; ``Any`` and ``None`` state nothing of sovereignty and compliance.

    Args:
        descriptor: The adapter's.
        others: What the adapter found later; counts only where the first descriptor is silent.
        stronger: Claims that outrank the adapter's, with the names of their sources, strongest first.
        weaker: Claims that count only where the adapter is silent, strongest first.

    """
    own = [layer for one in (descriptor, *others) for layer in _layers(one)]
    layers = [*map(_claimed, stronger), *own, *map(_claimed, weaker)]
    claims, origins = _overlay(layers)
    changes = _folded(descriptor, claims)
    unknown = _unknown(descriptor)
    if unknown:
        unknown -= _stated_fields(claims)
    if isinstance(descriptor, BackendDescriptor):
        changes |= {"claims": claims, "unknown": unknown}
    return Facts(
        descriptor=evolve(descriptor, **changes) if changes else descriptor,
        claims=claims,
        unknown=unknown,
        origins=origins,
        layers=layers,
    )


class Layer(NamedTuple):
    """What one source says."""

    origin: str | None
    """The source's name; ``None``: the adapter itself."""
    claims: Claims | None
    """The claims, for their source and date; ``None``: a descriptor's fields have neither."""
    facts: Mapping[str, Any]
    """What is stated, by the names of the fields of claims."""
    able: Mapping[Capability, bool]


def sources_of(layers: Sequence[Layer]) -> Mapping[str, FactSource]:
    """
    Say of every stated fact who states it; the strongest source counts, as it does for the fact.

    Returns:
        By the fact's name; a capability's is ``capabilities.NAME``.  Sorted.

    """
    found: dict[str, FactSource] = {}
    for layer in reversed(layers):
        about = {} if layer.claims is None else _dated(layer.claims)
        said = FactSource(said_by=layer.origin or "adapter", **about)
        found |= dict.fromkeys([*layer.facts, *(f"capabilities.{capability}" for capability in layer.able)], said)
    return dict(sorted(found.items()))


def _claimed(named: tuple[str | None, Claims]) -> Layer:
    origin, claims = named
    facts = {name: value for name, value in zip(_FACTS, _facts_of(claims), strict=True) if value is not None}
    return Layer(origin, claims, facts, claims.capabilities)


def _layers(descriptor: ChatBackendDescriptor) -> Iterator[Layer]:
    """Give what an adapter says of a backend, strongest first."""
    if isinstance(descriptor, BackendDescriptor):
        yield _claimed((None, descriptor.claims))
    yield _stated(descriptor, _unknown(descriptor))


def _unknown(descriptor: ChatBackendDescriptor) -> frozenset[str]:
    return descriptor.unknown if isinstance(descriptor, BackendDescriptor) else frozenset()


def _stated(descriptor: ChatBackendDescriptor, unknown: frozenset[str]) -> Layer:
    """Give what the contract's fields of a descriptor state."""
    sovereignty, compliance = descriptor.data_sovereignty, descriptor.compliance
    facts: dict[str, Any] = dict(zip(_SCALARS, _scalars_of(descriptor), strict=True))
    able = dict(zip(CAPABILITY_OF_FLAG.values(), _flags_of(descriptor.capabilities), strict=True))
    for name in unknown:
        facts.pop(name, None)
        if name in CAPABILITY_OF_FLAG:
            del able[CAPABILITY_OF_FLAG[name]]
    if descriptor.capabilities.context_tokens is not None:
        facts["context_tokens"] = descriptor.capabilities.context_tokens
    if sovereignty is not DataSovereignty.ANY:
        facts["data_sovereignty"] = frozenset({sovereignty})
    if compliance is not ComplianceLevel.NONE:
        facts["compliance"] = frozenset({compliance})
    return Layer(None, None, facts, able)


def _overlay(layers: Sequence[Layer]) -> tuple[Claims, dict[str, str]]:
    """Take each fact from the first layer that states it, and note which one that was unless it is the adapter."""
    found: dict[str, Any] = {}
    able: dict[Capability, bool] = {}
    origins: dict[str, str] = {}
    for layer in reversed(layers):  # the strongest is laid on last
        found |= layer.facts
        able |= layer.able
        if layer.facts or layer.able:
            found |= {"source": None, "as_of": None} if layer.claims is None else _dated(layer.claims)
        stated = [*layer.facts, *(f"capabilities.{key}" for key in layer.able)] if origins or layer.origin else []
        for name in stated:
            if layer.origin is not None:
                origins[name] = _spoken(layer.origin, layer.claims)
            else:
                origins.pop(name, None)
    return Claims(capabilities=able, **found), origins


def _dated(claims: Claims) -> dict[str, Any]:
    return {"source": claims.source, "as_of": claims.as_of}


def _spoken(origin: str, claims: Claims | None) -> str:
    """Name a source with what it refers to and its date."""
    about = (claims.source, claims.as_of) if claims is not None else ()
    details = ", ".join(str(detail) for detail in about if detail is not None)
    return f"{origin} ({details})" if details else origin


def _folded(descriptor: ChatBackendDescriptor, claims: Claims) -> dict[str, Any]:
    """Give the contract's fields that the merged claims change."""
    own = descriptor.capabilities
    changes: dict[str, Any] = {
        name: value
        for name in _SCALARS
        if (value := getattr(claims, name)) is not None and value != getattr(descriptor, name)
    }
    flags: dict[str, Any] = {
        flag: claims.capabilities.get(capability, value)
        for (flag, capability), value in zip(CAPABILITY_OF_FLAG.items(), _flags_of(own), strict=True)
        if claims.capabilities.get(capability, value) is not value
    }
    if claims.context_tokens != own.context_tokens:
        flags["context_tokens"] = claims.context_tokens
    if flags:
        changes["capabilities"] = evolve(own, **flags)
    places = _single(claims.data_sovereignty, descriptor.data_sovereignty, DataSovereignty.ANY)
    rulebooks = _single(claims.compliance, descriptor.compliance, ComplianceLevel.NONE)
    if places is not descriptor.data_sovereignty:
        changes["data_sovereignty"] = places
    if rulebooks is not descriptor.compliance:
        changes["compliance"] = rulebooks
    return changes


def _single(claimed: frozenset[T] | None, own: T, nothing: T) -> T:
    """Give what the contract's one field can hold: its own where that is claimed too, the only member, or nothing."""
    members = (claimed or frozenset()) - {nothing}
    if claimed is None or own in members:
        return own
    return next(iter(members)) if len(members) == 1 else nothing


def _stated_fields(claims: Claims) -> frozenset[str]:
    """Name the contract's fields of which the claims say something."""
    named = {
        name
        for name in (*_SCALARS, "context_tokens", "data_sovereignty", "compliance")
        if getattr(claims, name) is not None
    }
    return frozenset(
        named | {flag for flag, capability in CAPABILITY_OF_FLAG.items() if capability in claims.capabilities}
    )
