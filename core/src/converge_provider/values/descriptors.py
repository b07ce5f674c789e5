"""What is known of a backend before it is called, and whether and how well that fits what is asked."""

from attrs import field
from attrs.converters import optional

from converge_provider.values.claims import Claims
from converge_provider.values.classes import frozen
from converge_provider.values.freezing import frozen_names
from converge_provider.values.requirements import AgentRequirements
from converge_provider.values.scalars import (
    ContextWindowTokens,
    LatencyMillis,
    ModelName,
    ProviderName,
    QualityScore,
)
from converge_provider.values.vocabulary import ComplianceLevel, CostClass, DataSovereignty

__all__ = ("CAPABILITY_FLAGS", "COST_FITNESS", "BackendDescriptor", "ChatBackendCapabilities", "ChatBackendDescriptor")

CAPABILITY_FLAGS = (
    "reasoning",
    "web_search",
    "tool_use",
    "vision",
    "structured_output",
    "code",
    "multilingual",
    "content_generation",
    "business_acumen",
)
"""The flags of :class:`ChatBackendCapabilities`; each has its ``requires_…`` twin in the requirements."""

COST_FITNESS = {
    CostClass.FREE: 1.0,
    CostClass.VERY_LOW: 1.0,
    CostClass.LOW: 0.8,
    CostClass.MEDIUM: 0.6,
    CostClass.HIGH: 0.4,
    CostClass.VERY_HIGH: 0.2,
}
"""How well each cost class scores, from 0 to 1."""


@frozen(kw_only=True)
class ChatBackendCapabilities:
    """What a chat backend can do; nothing by default."""

    reasoning: bool = False
    web_search: bool = False
    tool_use: bool = False
    vision: bool = False
    structured_output: bool = False
    code: bool = False
    multilingual: bool = False
    content_generation: bool = False
    business_acumen: bool = False
    context_tokens: ContextWindowTokens | None = field(default=None, converter=optional(ContextWindowTokens))
    """The context window in tokens, or ``None`` when nobody has stated it."""


@frozen(kw_only=True)
class ChatBackendDescriptor:
    """
    What is known of a chat backend before it is called: the contract's fields.

    Example:
        >>> backend = ChatBackendDescriptor(
        ...     provider="echo", model="echo-1", cost_class=CostClass.FREE, typical_latency_ms=1000, quality=0.6
        ... )
        >>> backend.id, backend.fitness_score(AgentRequirements.fast_cheap())
        ('echo/echo-1', 0.73)

    """

    provider: ProviderName = field(converter=ProviderName)
    """The configured instance that serves it."""
    model: ModelName = field(converter=ModelName)
    """The model's name there; it may contain slashes."""
    cost_class: CostClass
    typical_latency_ms: LatencyMillis = field(converter=LatencyMillis)
    """Milliseconds that a typical answer takes, at least 1."""
    quality: QualityScore = field(converter=QualityScore)
    """How good its answers are, from 0 to 1."""
    capabilities: ChatBackendCapabilities = ChatBackendCapabilities()
    data_sovereignty: DataSovereignty = DataSovereignty.ANY
    compliance: ComplianceLevel = ComplianceLevel.NONE

    @property
    def id(self) -> str:
        """The backend's id, ``provider/model``; the provider ends at the first slash."""
        return f"{self.provider}/{self.model}"

    def satisfies(self, requirements: AgentRequirements) -> bool:
        """Say whether every hard rule of the contract holds."""
        return (
            self.cost_class <= requirements.max_cost_class
            and self.typical_latency_ms <= requirements.max_latency_ms
            and self.quality >= requirements.min_quality
            and requirements.data_sovereignty in (DataSovereignty.ANY, self.data_sovereignty)
            and requirements.compliance in (ComplianceLevel.NONE, self.compliance)
            and all(
                getattr(self.capabilities, flag)
                for flag in CAPABILITY_FLAGS
                if getattr(requirements, f"requires_{flag}")
            )
            and _holds(self.capabilities.context_tokens, requirements.min_context_tokens)
        )

    def fitness_score(self, requirements: AgentRequirements) -> float | None:
        """
        Score how well the backend fits, in the contract's order of operations, so that all hosts agree to the last bit.

        Returns:
            ``0.4·cost + 0.3·latency + 0.3·quality``, from 0 to 1, or ``None`` when it does not satisfy.

        """
        if not self.satisfies(requirements):
            return None
        limit_ms = requirements.max_latency_ms
        latency = 1.0 - min(1.0, self.typical_latency_ms / limit_ms)
        return 0.4 * COST_FITNESS[self.cost_class] + 0.3 * latency + 0.3 * self.quality


def _holds(declared: int | None, required: int | None) -> bool:
    """Say whether a declared window is large enough; an undeclared one never is."""
    return required is None or (declared is not None and declared >= required)


@frozen(kw_only=True)
class BackendDescriptor(ChatBackendDescriptor):
    """
    A descriptor together with the facts that the contract has no field for.

    Provider types give these; where they know no more than the contract's fields, a plain
    :class:`ChatBackendDescriptor` is as good.
    """

    claims: Claims = Claims()
    """The adapter's own claims."""
    unknown: frozenset[str] = field(default=frozenset(), converter=frozen_names)
    """Names of contract fields (``quality``, ``tool_use``, …) whose value nobody has stated."""

    @classmethod
    def unstated(
        cls,
        provider: str,
        model: str,
        *,
        cost_class: CostClass | None = None,
        typical_latency_ms: int | None = None,
        quality: float | None = None,
        capabilities: ChatBackendCapabilities = ChatBackendCapabilities(),  # noqa: B008 - frozen
        claims: Claims = Claims(),  # noqa: B008 - frozen
        unknown: frozenset[str] = frozenset(),
    ) -> "BackendDescriptor":
        """
        Describe a backend of which not everything is known, as a server's list of models gives it.

        What is not given gets the contract's worst value and is marked unknown, so that a gate rejects it as unknown
        instead of comparing with a number that nobody stated.

        Args:
            provider: The provider's name.
            model: The model's name.
            cost_class: How expensive it is, if known.
            typical_latency_ms: Milliseconds a typical answer takes, if known.
            quality: From 0 to 1, if known.
            capabilities: What it can do.
            claims: Further facts.
            unknown: Capability flags that nobody has stated.

        """
        given = {"cost_class": cost_class, "typical_latency_ms": typical_latency_ms, "quality": quality}
        return cls(
            provider=provider,
            model=model,
            cost_class=CostClass.VERY_HIGH if cost_class is None else cost_class,
            typical_latency_ms=2**32 - 1 if typical_latency_ms is None else typical_latency_ms,
            quality=0.0 if quality is None else quality,
            capabilities=capabilities,
            claims=claims,
            unknown=unknown | {name for name, value in given.items() if value is None},
        )
