"""What the options of a command ask for, put over what is configured."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from attrs import evolve

from converge_provider.contract.policies import PolicyChoice
from converge_provider.values.classes import frozen
from converge_provider.values.constraints import Constraints, DataClassification, RiskTier
from converge_provider.values.conversation import Conversation
from converge_provider.values.criteria import SelectionCriteria
from converge_provider.values.messages import JsonObject
from converge_provider.values.vocabulary import (
    ComplianceLevel,
    CostTier,
    Jurisdiction,
    LatencyClass,
    TaskComplexity,
)

if TYPE_CHECKING:
    from converge_provider.values.criteria import RequiredCapabilities
    from converge_provider.values.requests import ChatRequest

__all__ = ("NEEDS", "PROFILES", "Manner", "Wish")

PROFILES: Mapping[str, Callable[[], SelectionCriteria]] = {
    "interactive": SelectionCriteria.interactive,
    "high-volume": SelectionCriteria.high_volume,
    "analysis": SelectionCriteria.analysis,
    "batch": SelectionCriteria.batch,
}
NEEDS = (
    "tool-use",
    "vision",
    "structured-output",
    "code",
    "multilingual",
    "web-search",
    "content-generation",
    "business-acumen",
)


@frozen(kw_only=True)
class Wish:
    """What the options of a command ask of the selection; ``None`` is not said."""

    profile: str | None
    jurisdiction: Jurisdiction | None
    latency: LatencyClass | None
    cost: CostTier | None
    complexity: TaskComplexity | None
    compliance: ComplianceLevel | None
    need: tuple[str, ...]
    context_tokens: int | None
    user_country: str | None
    user_region: str | None
    backend: str | None
    provider: str | None
    policy: tuple[PolicyChoice, ...]
    max_usd: Decimal | None
    region: tuple[str, ...]
    country: tuple[str, ...]
    certified: tuple[str, ...]
    max_retention_days: int | None
    no_training: bool
    replay: bool
    offline: bool
    allow: tuple[str, ...]
    deny: tuple[str, ...]
    risk: RiskTier | None
    data: DataClassification | None

    def criteria(self, configured: SelectionCriteria | None) -> SelectionCriteria | None:
        """Put what was said over what is configured; ``None`` when nobody said anything."""
        said: dict[str, Any] = {
            name: value
            for name in ("jurisdiction", "latency", "cost", "complexity", "compliance", "user_country", "user_region")
            if (value := getattr(self, name)) is not None
        }
        wanted: dict[str, Any] = {need.replace("-", "_"): True for need in self.need}
        if self.context_tokens is not None:
            wanted["min_context_tokens"] = self.context_tokens
        base = PROFILES[self.profile]() if self.profile else configured
        if base is None and not said and not wanted:
            return None
        base = base or SelectionCriteria()
        capabilities: RequiredCapabilities = evolve(base.capabilities, **wanted)
        return evolve(base, capabilities=capabilities, **said)

    def constraints(self, configured: Constraints | None) -> Constraints | None:
        """Put what was said over what is configured; ``None`` when nobody said anything."""
        stated = {field: getattr(self, option) for option, field in _DEMANDS.items()}
        said = {field: value for field, value in stated.items() if not (value is None or value is False or value == ())}
        if not said:
            return configured
        return evolve(configured or Constraints(), **said)


_DEMANDS = {
    "max_usd": "max_usd_per_request",
    "region": "processing_regions",
    "country": "processing_countries",
    "certified": "certifications",
    "max_retention_days": "max_retention_days",
    "no_training": "no_training",
    "replay": "replay",
    "offline": "offline",
    "allow": "allow",
    "deny": "deny",
    "risk": "risk_tier",
    "data": "data_classification",
}
"""The options that are constraints, and the field that each sets."""


@frozen(kw_only=True)
class Manner:
    """How the options of a command want to be answered; ``None`` is not said."""

    system: str | None
    max_tokens: int | None
    temperature: float | None
    seed: int | None
    deadline: float | None
    schema: JsonObject | None

    def question(self, text: str) -> Conversation:
        """Begin a conversation with a question."""
        return Conversation(system=self.system).user(text)

    def request(self, conversation: Conversation) -> "ChatRequest":
        """Ask for the next message of a conversation."""
        return conversation.request(
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            seed=self.seed,
            response_schema=self.schema,
        )
