"""What a host asks for, in classes; the numbers are derived from them."""

from attrs import evolve

from converge_provider.values.classes import frozen
from converge_provider.values.requirements import AgentRequirements
from converge_provider.values.scalars import U64
from converge_provider.values.vocabulary import (
    ComplianceLevel,
    CostClass,
    CostTier,
    DataSovereignty,
    Jurisdiction,
    LatencyClass,
    TaskComplexity,
)

__all__ = ("RequiredCapabilities", "SelectionCriteria")


@frozen(kw_only=True)
class RequiredCapabilities:
    """What the backend must be able to do; nothing by default."""

    tool_use: bool = False
    vision: bool = False
    structured_output: bool = False
    code: bool = False
    multilingual: bool = False
    web_search: bool = False
    content_generation: bool = False
    business_acumen: bool = False
    min_context_tokens: U64 | None = None
    """Tokens the context window must hold, or ``None``."""


@frozen(kw_only=True)
class SelectionCriteria:
    """
    What a host asks for, in orthogonal classes.

    Example:
        >>> SelectionCriteria.analysis().to_agent_requirements().max_latency_ms
        30000

    """

    jurisdiction: Jurisdiction = Jurisdiction.UNRESTRICTED
    latency: LatencyClass = LatencyClass.INTERACTIVE
    cost: CostTier = CostTier.STANDARD
    complexity: TaskComplexity = TaskComplexity.CLASSIFICATION
    capabilities: RequiredCapabilities = RequiredCapabilities()
    compliance: ComplianceLevel | None = None
    user_country: str | None = None
    """The user's country, as the providers spell theirs."""
    user_region: str | None = None
    """The user's region; missing counts as ``US`` where a sovereignty is derived from it."""

    @classmethod
    def interactive(cls) -> "SelectionCriteria":
        """Ask for an answer while somebody waits, cheaply."""
        return cls(cost=CostTier.MINIMAL)

    @classmethod
    def high_volume(cls) -> "SelectionCriteria":
        """Ask for many simple answers, cheaply."""
        return cls(cost=CostTier.MINIMAL, complexity=TaskComplexity.EXTRACTION)

    @classmethod
    def analysis(cls) -> "SelectionCriteria":
        """Ask for a reasoned answer, whatever it costs."""
        return cls(latency=LatencyClass.BACKGROUND, cost=CostTier.PREMIUM, complexity=TaskComplexity.REASONING)

    @classmethod
    def batch(cls) -> "SelectionCriteria":
        """Ask for simple answers some time, cheaply."""
        return evolve(cls.high_volume(), latency=LatencyClass.BATCH)

    def to_agent_requirements(self) -> AgentRequirements:
        """Derive the numbers: limits from the classes, flags copied one to one."""
        wanted = self.capabilities
        return AgentRequirements(
            max_cost_class=CostClass.from_tier(self.cost),
            max_latency_ms=self.latency.max_latency_ms,
            requires_reasoning=self.complexity.requires_reasoning,
            requires_web_search=wanted.web_search,
            requires_tool_use=wanted.tool_use,
            requires_vision=wanted.vision,
            requires_structured_output=wanted.structured_output,
            requires_code=wanted.code,
            requires_multilingual=wanted.multilingual,
            requires_content_generation=wanted.content_generation,
            requires_business_acumen=wanted.business_acumen,
            min_context_tokens=wanted.min_context_tokens,
            min_quality=self.complexity.min_quality_hint,
            data_sovereignty=DataSovereignty.from_jurisdiction(
                self.jurisdiction, "US" if self.user_region is None else self.user_region
            ),
            compliance=self.compliance or ComplianceLevel.NONE,
        )
