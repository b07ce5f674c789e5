"""The words in which requirements are said: cost, latency, complexity, jurisdiction, sovereignty, compliance."""

from enum import Enum
from typing import TYPE_CHECKING, Self

__all__ = (
    "ComplianceLevel",
    "CostClass",
    "CostTier",
    "DataSovereignty",
    "Jurisdiction",
    "LatencyClass",
    "TaskComplexity",
    "Word",
)


class Word(Enum):
    """Be a closed vocabulary whose member values are the spellings in documents."""

    def __str__(self) -> str:
        """Give the spelling in documents."""
        return str(self.value)

    if not TYPE_CHECKING:  # Enum's own says the same to checkers
        __hash__ = object.__hash__  # members are equal where they are the same; an enum hashes its name, in Python


class _Ordered(Word):
    """A vocabulary whose members are ordered as they are written."""

    rank: int
    """The position in the order, from 0."""

    def __init__(self, _value: str) -> None:
        self.rank = len(type(self).__members__)

    def __lt__(self, other: Self) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self.rank < other.rank

    def __le__(self, other: Self) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self.rank <= other.rank

    def __gt__(self, other: Self) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self.rank > other.rank

    def __ge__(self, other: Self) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self.rank >= other.rank


class CostTier(_Ordered):
    """How much a host is willing to pay."""

    MINIMAL = "Minimal"
    STANDARD = "Standard"
    PREMIUM = "Premium"


class CostClass(_Ordered):
    """How expensive a backend is to use."""

    FREE = "Free"
    VERY_LOW = "VeryLow"
    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"
    VERY_HIGH = "VeryHigh"

    def allowed_classes(self) -> tuple["CostClass", ...]:
        """Give every class up to and including this one, cheapest first."""
        return tuple(CostClass)[: self.rank + 1]

    @classmethod
    def from_tier(cls, tier: CostTier) -> "CostClass":
        """Give the dearest class that a tier admits."""
        return _CLASS_OF_TIER[tier]


_CLASS_OF_TIER = {
    CostTier.MINIMAL: CostClass.LOW,
    CostTier.STANDARD: CostClass.MEDIUM,
    CostTier.PREMIUM: CostClass.VERY_HIGH,
}
_LIMIT_MS = {"Realtime": 100, "Interactive": 2_000, "Background": 30_000, "Batch": 300_000}


class LatencyClass(_Ordered):
    """How long a host is willing to wait."""

    REALTIME = "Realtime"
    INTERACTIVE = "Interactive"
    BACKGROUND = "Background"
    BATCH = "Batch"

    @property
    def max_latency_ms(self) -> int:
        """The longest latency of this class, in milliseconds."""
        return _LIMIT_MS[self.value]

    def satisfied_by(self, latency_ms: int) -> bool:
        """Say whether a latency in milliseconds is short enough."""
        return latency_ms <= self.max_latency_ms


_MIN_QUALITY = {"Extraction": 0.5, "Classification": 0.6, "Reasoning": 0.8, "Generation": 0.7}


class TaskComplexity(Word):
    """How hard the task is."""

    EXTRACTION = "Extraction"
    CLASSIFICATION = "Classification"
    REASONING = "Reasoning"
    GENERATION = "Generation"

    @property
    def min_quality_hint(self) -> float:
        """The quality that such a task needs, from 0 to 1."""
        return _MIN_QUALITY[self.value]

    @property
    def requires_reasoning(self) -> bool:
        """Whether such a task needs a backend that reasons."""
        return self is TaskComplexity.REASONING


_TRUSTED_REGIONS = frozenset({"EU", "EEA", "CH", "UK", "JP", "CA", "NZ", "IL", "KR", "AR", "UY"})


class Jurisdiction(Word):
    """Whose law the provider may stand under."""

    UNRESTRICTED = "Unrestricted"
    TRUSTED = "Trusted"
    SAME_REGION = "SameRegion"
    SAME_COUNTRY = "SameCountry"

    def satisfied_by(self, provider_country: str, provider_region: str, user_country: str, user_region: str) -> bool:
        """
        Say whether a provider's place suits a user's.

        Trusted regions are compared in any case, the others exactly as they are spelt.
        """
        match self:
            case Jurisdiction.UNRESTRICTED:
                return True
            case Jurisdiction.TRUSTED:
                return provider_region.upper() in _TRUSTED_REGIONS
            case Jurisdiction.SAME_REGION:
                return provider_region == user_region
            case Jurisdiction.SAME_COUNTRY:
                return provider_country == user_country


class DataSovereignty(Word):
    """Where data may legally reside."""

    ANY = "Any"
    EU = "EU"
    US = "US"
    SWITZERLAND = "Switzerland"
    CHINA = "China"
    ON_PREMISES = "OnPremises"

    @classmethod
    def from_jurisdiction(cls, jurisdiction: Jurisdiction, user_region: str) -> "DataSovereignty":
        """
        Derive where data may reside from whose law is acceptable.

        Args:
            jurisdiction: What the host accepts.
            user_region: The user's region, in any case; only ``SameRegion`` looks at it.

        """
        match jurisdiction:
            case Jurisdiction.UNRESTRICTED | Jurisdiction.TRUSTED:
                return cls.ANY
            case Jurisdiction.SAME_REGION:
                return _SOVEREIGNTY_OF_REGION.get(user_region.upper(), cls.ANY)
            case Jurisdiction.SAME_COUNTRY:
                return cls.ON_PREMISES


_SOVEREIGNTY_OF_REGION = {
    "EU": DataSovereignty.EU,
    "EEA": DataSovereignty.EU,
    "CH": DataSovereignty.SWITZERLAND,
    "CN": DataSovereignty.CHINA,
    "US": DataSovereignty.US,
}


class ComplianceLevel(Word):
    """Which rulebook a backend is certified for."""

    NONE = "None"
    GDPR = "GDPR"
    HIPAA = "HIPAA"
    SOC2 = "SOC2"
    HIGH_EXPLAINABILITY = "HighExplainability"
