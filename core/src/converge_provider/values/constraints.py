"""What a host asks for beyond the contract's criteria: prices, places, data use, certificates, lists, and routing."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from attrs import field
from attrs.converters import optional

from converge_provider.values.classes import frozen
from converge_provider.values.freezing import frozen_names
from converge_provider.values.identity import BackendKind
from converge_provider.values.scalars import U32, ascii_lower
from converge_provider.values.vocabulary import Word

__all__ = ("LOCAL", "Constraints", "DataClassification", "RiskTier", "RoutingPolicy")

LOCAL = "local"
"""In the lists of a routing policy: every backend whose data never leaves this machine."""


class RiskTier(Word):
    """How much harm a wrong or leaked answer may do."""

    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"
    CRITICAL = "Critical"


class DataClassification(Word):
    """How secret what is sent is."""

    PUBLIC = "Public"
    INTERNAL = "Internal"
    CONFIDENTIAL = "Confidential"
    RESTRICTED = "Restricted"


def _lists(lists: Mapping[Any, Iterable[str]]) -> Mapping[Any, frozenset[str]]:
    return {key: frozen_names(names) for key, names in lists.items()}


@frozen(kw_only=True)
class RoutingPolicy:
    """
    Which backends may serve which risk tier and which class of data.

    A list holds ids of backends, names of providers in any ASCII case, and ``local``.  A tier or class without a list,
    or with an empty one, admits everybody.  Nothing passes a list by: whoever is named for a call must be on it, too.

    Example:
        >>> RoutingPolicy.default_deny_remote().names(None, DataClassification.PUBLIC)
        ()

    """

    risk_tiers: Mapping[RiskTier, frozenset[str]] = field(
        factory=dict[RiskTier, frozenset[str]], converter=_lists, hash=False
    )
    data_classifications: Mapping[DataClassification, frozenset[str]] = field(
        factory=dict[DataClassification, frozenset[str]], converter=_lists, hash=False
    )

    @classmethod
    def default_deny_remote(cls) -> "RoutingPolicy":
        """Keep what is critical, high, restricted or confidential on this machine."""
        return cls(
            risk_tiers={RiskTier.CRITICAL: {LOCAL}, RiskTier.HIGH: {LOCAL}},
            data_classifications={DataClassification.RESTRICTED: {LOCAL}, DataClassification.CONFIDENTIAL: {LOCAL}},
        )

    def names(self, tier: RiskTier | None, classification: DataClassification | None) -> tuple[frozenset[str], ...]:
        """Give the lists that hold for a tier and a class; a backend must be on each."""
        found = (
            self.risk_tiers.get(tier) if tier else None,
            self.data_classifications.get(classification) if classification else None,
        )
        return tuple(names for names in found if names)


def _price(_: object, attribute: Any, value: Decimal | None) -> None:  # noqa: ANN401 - attrs' own
    if value is not None and not (value.is_finite() and value >= 0):
        message = f"{attribute.name}: expected US dollars, at least 0, got {value}"
        raise ValueError(message)


def _dollars(value: Decimal | int | str) -> Decimal:
    if isinstance(value, bool | float) or not isinstance(value, Decimal | int | str):
        message = f"expected an exact amount, a Decimal, got {value!r}"
        raise TypeError(message)
    return Decimal(value)


def _lowered(names: Iterable[str]) -> frozenset[str]:
    return frozenset(map(ascii_lower, frozen_names(names)))


def _raised(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.upper() for name in frozen_names(names))


@frozen(kw_only=True)
class Constraints:
    """
    What a host demands beyond the criteria; by default nothing.

    Each is a gate: a backend of which the fact is unknown is rejected like one that fails.

    Example:
        >>> Constraints(no_training=True, processing_regions={"eu"}).processing_regions
        frozenset({'EU'})

    """

    kind: BackendKind | None = None
    """The kind of backend; chat backends are of the kind ``Llm`` unless they claim another."""
    min_output_tokens: U32 | None = None
    """The longest answer that it must be able to give, in tokens."""
    max_usd_per_request: Decimal | None = field(default=None, converter=optional(_dollars), validator=_price)
    """The most that this request may cost, expected from its size; needs a request to compare with."""
    max_input_usd_per_mtok: Decimal | None = field(default=None, converter=optional(_dollars), validator=_price)
    max_output_usd_per_mtok: Decimal | None = field(default=None, converter=optional(_dollars), validator=_price)
    processing_regions: frozenset[str] | None = field(default=None, converter=optional(_raised))
    """The only regions in which it may compute: ``EU``, ``US``, …"""
    processing_countries: frozenset[str] | None = field(default=None, converter=optional(_raised))
    """The only countries in which it may compute, ISO 3166 codes."""
    certifications: frozenset[str] = field(default=frozenset(), converter=_raised)
    """Rulebooks that it must be certified for, all of them: ``GDPR``, ``HIPAA``, ``SOC2``, ``ISO27001``, …"""
    no_training: bool = False
    """Whether nobody may train on what is sent."""
    max_retention_days: U32 | None = None
    """Days for which what is sent may be kept; 0: not at all."""
    replay: bool = False
    """Whether the same request and seed must give the same answer again."""
    offline: bool = False
    """Whether no call may leave this machine."""
    allow: frozenset[str] | None = field(default=None, converter=optional(_lowered))
    """The only backends (ids) and providers; ``None``: no such list."""
    deny: frozenset[str] = field(default=frozenset(), converter=_lowered)
    """Backends (ids) and providers that must not be asked; stronger than ``allow``."""
    risk_tier: RiskTier | None = None
    data_classification: DataClassification | None = None
    routing: RoutingPolicy = field(factory=RoutingPolicy.default_deny_remote)
    """Who may serve the tier and the class; by default what is grave or secret stays on this machine."""
