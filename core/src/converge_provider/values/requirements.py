"""What is asked of a backend, in numbers and flags."""

from attrs import field

from converge_provider.values.classes import frozen
from converge_provider.values.identity import BackendKind, Capability
from converge_provider.values.scalars import U32, U64
from converge_provider.values.vocabulary import ComplianceLevel, CostClass, DataSovereignty

__all__ = ("AgentRequirements", "BackendRequirements")


def _clamp(quality: float) -> float:
    """Bring a quality into 0 to 1; what is not a number stays so, and nothing satisfies it."""
    return 1.0 if quality > 1 else 0.0 if quality < 0 else float(quality)


@frozen(kw_only=True)
class AgentRequirements:
    """
    What an agent asks of a language model.

    Example:
        >>> AgentRequirements(max_cost_class=CostClass.LOW, max_latency_ms=2000).min_quality
        0.7

    """

    max_cost_class: CostClass
    max_latency_ms: U32
    """The longest typical latency, in milliseconds; 0 admits nobody."""
    requires_reasoning: bool = False
    requires_web_search: bool = False
    requires_tool_use: bool = False
    requires_vision: bool = False
    requires_structured_output: bool = False
    requires_code: bool = False
    requires_multilingual: bool = False
    requires_content_generation: bool = False
    requires_business_acumen: bool = False
    min_context_tokens: U64 | None = None
    """Tokens the context window must hold, or ``None``."""
    min_quality: float = field(default=0.7, converter=_clamp)
    """The lowest quality, clamped to 0..1."""
    data_sovereignty: DataSovereignty = DataSovereignty.ANY
    compliance: ComplianceLevel = ComplianceLevel.NONE

    @classmethod
    def fast_cheap(cls) -> "AgentRequirements":
        """Ask for something quick and cheap."""
        return cls(max_cost_class=CostClass.VERY_LOW, max_latency_ms=2_000, min_quality=0.6)

    @classmethod
    def balanced(cls) -> "AgentRequirements":
        """Ask for a fair trade of cost, time and quality."""
        return cls(max_cost_class=CostClass.MEDIUM, max_latency_ms=5_000)

    @classmethod
    def powerful(cls) -> "AgentRequirements":
        """Ask for the best reasoning in reasonable time."""
        return cls(max_cost_class=CostClass.HIGH, max_latency_ms=10_000, requires_reasoning=True, min_quality=0.9)

    @classmethod
    def deep_research(cls) -> "AgentRequirements":
        """Ask for reasoning over the web."""
        return cls(
            max_cost_class=CostClass.HIGH,
            max_latency_ms=30_000,
            requires_reasoning=True,
            requires_web_search=True,
            min_quality=0.9,
        )


@frozen(kw_only=True)
class BackendRequirements:
    """What is asked of a backend of any kind."""

    kind: BackendKind
    required_capabilities: tuple[Capability, ...] = field(default=(), converter=tuple[Capability, ...])
    max_cost_class: CostClass = CostClass.VERY_HIGH
    max_latency_ms: U32 = 0
    """The longest latency, in milliseconds; 0 is no limit."""
    data_sovereignty: DataSovereignty = DataSovereignty.ANY
    compliance: ComplianceLevel = ComplianceLevel.NONE
    requires_replay: bool = False
    requires_offline: bool = False

    @classmethod
    def fast_llm(cls) -> "BackendRequirements":
        """Ask for a quick, cheap language model."""
        return cls(
            kind=BackendKind.LLM,
            required_capabilities=(Capability.TEXT_GENERATION,),
            max_cost_class=CostClass.LOW,
            max_latency_ms=2_000,
        )

    @classmethod
    def reasoning_llm(cls) -> "BackendRequirements":
        """Ask for a language model that reasons."""
        return cls(
            kind=BackendKind.LLM,
            required_capabilities=(Capability.TEXT_GENERATION, Capability.REASONING),
            max_cost_class=CostClass.HIGH,
            max_latency_ms=30_000,
        )

    @classmethod
    def access_policy(cls) -> "BackendRequirements":
        """Ask for a policy engine that decides on access at once."""
        return cls(kind=BackendKind.POLICY, required_capabilities=(Capability.ACCESS_CONTROL,), max_latency_ms=100)

    @classmethod
    def constraint_solver(cls) -> "BackendRequirements":
        """Ask for a constraint solver."""
        return cls(kind=BackendKind.OPTIMIZATION, required_capabilities=(Capability.CONSTRAINT_SOLVING,))

    @classmethod
    def embedding_pipeline(cls) -> "BackendRequirements":
        """Ask for embeddings."""
        return cls(kind=BackendKind.ANALYTICS, required_capabilities=(Capability.EMBEDDING,))

    @classmethod
    def vector_search(cls) -> "BackendRequirements":
        """Ask for a vector search."""
        return cls(kind=BackendKind.SEARCH, required_capabilities=(Capability.VECTOR_SEARCH,))
