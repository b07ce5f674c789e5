"""How a host configures the selection, by hand or through the environment."""

import os
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import evolve

from converge_provider.errors import ChatBackendSelectionConfigError
from converge_provider.values.classes import frozen
from converge_provider.values.criteria import SelectionCriteria
from converge_provider.values.scalars import ascii_lower, trim
from converge_provider.values.vocabulary import ComplianceLevel, CostTier, Jurisdiction, LatencyClass, TaskComplexity

__all__ = ("ChatBackendSelectionConfig",)

T = TypeVar("T")

_PREFIX = "CONVERGE_LLM_"
_FLAGS = (
    "tool_use",
    "vision",
    "structured_output",
    "code",
    "multilingual",
    "web_search",
    "content_generation",
    "business_acumen",
)
_PROFILES = {
    "interactive": SelectionCriteria.interactive(),
    "high_volume": SelectionCriteria.high_volume(),
    "high-volume": SelectionCriteria.high_volume(),
    "analysis": SelectionCriteria.analysis(),
    "research": SelectionCriteria.analysis(),
    "batch": SelectionCriteria.batch(),
}
_JURISDICTIONS = {
    "unrestricted": Jurisdiction.UNRESTRICTED,
    "trusted": Jurisdiction.TRUSTED,
    "same_region": Jurisdiction.SAME_REGION,
    "same-region": Jurisdiction.SAME_REGION,
    "same_country": Jurisdiction.SAME_COUNTRY,
    "same-country": Jurisdiction.SAME_COUNTRY,
}
_LATENCIES = {ascii_lower(member.value): member for member in LatencyClass}
_COSTS = {
    "minimal": CostTier.MINIMAL,
    "cheap": CostTier.MINIMAL,
    "standard": CostTier.STANDARD,
    "balanced": CostTier.STANDARD,
    "premium": CostTier.PREMIUM,
}
_COMPLEXITIES = {
    "extraction": TaskComplexity.EXTRACTION,
    "classification": TaskComplexity.CLASSIFICATION,
    "reasoning": TaskComplexity.REASONING,
    "research": TaskComplexity.REASONING,
    "generation": TaskComplexity.GENERATION,
}
_COMPLIANCES = {
    "none": ComplianceLevel.NONE,
    "gdpr": ComplianceLevel.GDPR,
    "hipaa": ComplianceLevel.HIPAA,
    "soc2": ComplianceLevel.SOC2,
    "high_explainability": ComplianceLevel.HIGH_EXPLAINABILITY,
    "high-explainability": ComplianceLevel.HIGH_EXPLAINABILITY,
}
_BOOLEANS: dict[str, bool] = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
_MAX_CONTEXT = 2**64 - 1


@frozen(kw_only=True)
class ChatBackendSelectionConfig:
    """
    What a host asks of the selection.

    Example:
        >>> config = ChatBackendSelectionConfig.from_env({"CONVERGE_LLM_PROFILE": "batch"})
        >>> config.criteria == SelectionCriteria.batch()
        True

    """

    criteria: SelectionCriteria = SelectionCriteria.interactive()
    provider_override: str | None = None
    """The only provider to consider, in any ASCII case, or ``None``."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "ChatBackendSelectionConfig":
        """
        Read the ``CONVERGE_LLM_*`` variables.

        Args:
            environ: The variables; ``None``: those of the process.

        Raises:
            ChatBackendSelectionConfigError: A variable has a value that is not accepted; the first one in the
                contract's order is named.

        """
        read = _Reader(os.environ if environ is None else environ)
        criteria = read.word("PROFILE", _PROFILES, "high_volume, interactive, analysis, or batch") or cls().criteria
        found: dict[str, Any] = {
            "jurisdiction": read.word(
                "JURISDICTION", _JURISDICTIONS, "unrestricted, trusted, same_region, or same_country"
            ),
            "latency": read.word("LATENCY", _LATENCIES, "realtime, interactive, background, or batch"),
            "cost": read.word("COST", _COSTS, "minimal, standard, or premium"),
            "complexity": read.word(
                "COMPLEXITY", _COMPLEXITIES, "extraction, classification, reasoning, or generation"
            ),
            "compliance": read.word("COMPLIANCE", _COMPLIANCES, "none, gdpr, soc2, hipaa, or high_explainability"),
        }
        wanted: dict[str, Any] = {
            flag: True
            for flag in _FLAGS
            if read.word(flag.upper(), _BOOLEANS, "boolean (true/false/1/0/yes/no/on/off)")
        }
        context = read.context_tokens()
        if context is not None:
            wanted["min_context_tokens"] = context
        country, region = read.text("USER_COUNTRY"), read.text("USER_REGION")
        if country is not None and region is not None:
            found |= {"user_country": country, "user_region": region}
        found["capabilities"] = evolve(criteria.capabilities, **wanted)
        return cls(
            criteria=evolve(criteria, **{name: value for name, value in found.items() if value is not None}),
            provider_override=read.text("FORCE_PROVIDER"),
        )


@frozen
class _Reader:
    environ: Mapping[str, str]

    def text(self, name: str) -> str | None:
        """Give a variable's raw value; one that is not valid Unicode counts as unset."""
        value = self.environ.get(_PREFIX + name)
        if value is None or any("\ud800" <= char <= "\udfff" for char in value):
            return None
        return value

    def word(self, name: str, words: Mapping[str, T], expected: str) -> T | None:
        """Give what a variable's word stands for, or ``None`` when it is not set."""
        value = self.text(name)
        if value is None:
            return None
        found = words.get(ascii_lower(trim(value)))
        if found is None:
            raise ChatBackendSelectionConfigError(_PREFIX + name, value, expected)
        return found

    def context_tokens(self) -> int | None:
        """Give the context window: an optional plus sign and ASCII digits, at most 2⁶⁴-1, not trimmed."""
        value = self.text("CONTEXT_TOKENS")
        if value is None:
            return None
        digits = value.removeprefix("+")
        significant = digits.lstrip("0")
        if digits.isascii() and digits.isdigit() and len(significant) <= len(str(_MAX_CONTEXT)):
            tokens = int(significant or "0")
            if tokens <= _MAX_CONTEXT:
                return tokens
        raise ChatBackendSelectionConfigError(_PREFIX + "CONTEXT_TOKENS", value, "positive integer")
