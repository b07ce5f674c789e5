"""Whether a backend of any kind meets the requirements on one, as far as it declares what they are about."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from converge_provider.contract.backends import Backend, has_capability, requires_network, supports_replay
from converge_provider.values.claims import Claims
from converge_provider.values.classes import frozen
from converge_provider.values.identity import Capability
from converge_provider.values.requirements import BackendRequirements
from converge_provider.values.vocabulary import ComplianceLevel, CostClass, DataSovereignty

__all__ = ("Declared", "carried_by", "effective_slots", "lacks")

_NO_CLAIMS = Claims()


@frozen(kw_only=True)
class Declared:
    """What a backend says of itself beyond kind and capabilities; ``None`` is not declared."""

    cost_class: CostClass | None
    latency_ms: int | None
    places: frozenset[DataSovereignty] | None
    """Every place whose rules on residency it keeps."""
    rulebooks: frozenset[str] | None
    """Every rulebook that it is certified for, in capitals."""

    @classmethod
    def of(cls, backend: Backend) -> "Declared":
        """
        Read its attributes, or those of its ``descriptor``.

        Residence and certificate may be one word or a set of them; the claims of a descriptor count too, and what a
        descriptor calls unknown is not declared.
        """
        said: Any = getattr(backend, "descriptor", backend)
        unknown: frozenset[str] = getattr(said, "unknown", frozenset())
        claims = _claims_of(said)
        rulebooks = _words(getattr(said, "compliance", None), claims.compliance, ComplianceLevel.NONE)
        certified = None if claims.certifications is None else {one.name for one in claims.certifications}
        return cls(
            cost_class=None if "cost_class" in unknown else getattr(said, "cost_class", None),
            latency_ms=None if "typical_latency_ms" in unknown else getattr(said, "typical_latency_ms", None),
            places=_words(getattr(said, "data_sovereignty", None), claims.data_sovereignty, DataSovereignty.ANY),
            rulebooks=None
            if rulebooks is None and certified is None
            else frozenset({*(str(level).upper() for level in rulebooks or ()), *(certified or ())}),
        )


def _claims_of(said: object) -> Claims:
    claims = getattr(said, "claims", None)
    return claims if isinstance(claims, Claims) else _NO_CLAIMS


def _words(own: object, claimed: frozenset[Any] | None, nothing: object) -> frozenset[Any] | None:
    """Join what is declared, be it one word or several; the word that states nothing is no word."""
    if own is None and claimed is None:
        return None
    several = isinstance(own, frozenset | set | tuple | list)
    words = cast("Iterable[Any]", own) if several else (own,)
    return frozenset({*words, *(claimed or ())}) - {None, nothing}


def effective_slots(wanted: BackendRequirements, otherwise: Iterable[Capability] = ()) -> tuple[Capability, ...]:
    """Give the capabilities that one backend must have: the requirements' own, else the request's."""
    return tuple(wanted.required_capabilities or otherwise)


def lacks(backend: Backend, wanted: BackendRequirements, slots: Sequence[Capability]) -> Iterator[str]:
    """
    Say, one phrase each, what a backend does not meet.

    Kind, capabilities, replay and offline count always; cost, latency (0: no limit), residence and certificate wherever
    they are declared.
    """
    if backend.kind != wanted.kind:
        yield f"kind {backend.kind}, {wanted.kind} is asked for"
    yield from (f"{slot} no" for slot in slots if not has_capability(backend, slot))
    if wanted.requires_replay and not supports_replay(backend):
        yield "replay no"
    if wanted.requires_offline and requires_network(backend):
        yield "needs a network, offline is asked for"
    declared, place, rulebook = Declared.of(backend), wanted.data_sovereignty, wanted.compliance
    if declared.cost_class is not None and declared.cost_class > wanted.max_cost_class:
        yield f"cost class {declared.cost_class} > {wanted.max_cost_class}"
    if declared.latency_ms is not None and wanted.max_latency_ms and declared.latency_ms > wanted.max_latency_ms:
        yield f"typical latency {declared.latency_ms} ms > {wanted.max_latency_ms} ms"
    if declared.places is not None and place is not DataSovereignty.ANY and place not in declared.places:
        yield f"data sovereignty {_listed(declared.places)}, {place} is asked for"
    certified = None if rulebook is ComplianceLevel.NONE else declared.rulebooks
    if certified is not None and str(rulebook).upper() not in certified:
        yield f"compliance {_listed(certified)}, {rulebook} is asked for"


def carried_by(backend: Backend, wanted: BackendRequirements) -> tuple[str, ...]:
    """Name the requirements that a backend declares nothing about, so that nobody can hold it to them."""
    declared = Declared.of(backend)
    asked = {
        "max_cost_class": (wanted.max_cost_class is not CostClass.VERY_HIGH, declared.cost_class),
        "max_latency_ms": (bool(wanted.max_latency_ms), declared.latency_ms),
        "data_sovereignty": (wanted.data_sovereignty is not DataSovereignty.ANY, declared.places),
        "compliance": (wanted.compliance is not ComplianceLevel.NONE, declared.rulebooks),
    }
    return tuple(name for name, (is_asked, fact) in asked.items() if is_asked and fact is None)


def _listed(words: Iterable[object]) -> str:
    return ", ".join(sorted(map(str, words))) or "none"
