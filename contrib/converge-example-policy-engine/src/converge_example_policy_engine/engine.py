"""The backend: what it says of itself, and how it decides."""

from collections.abc import Mapping

from attrs import frozen

from converge_example_policy_engine.rules import RuleBook
from converge_provider import BackendKind, Capability, CostClass, DataSovereignty, JsonValue

__all__ = ("RuleEngine", "Verdict")


@frozen(kw_only=True)
class Verdict:
    """Whether a request is allowed, and why."""

    allowed: bool
    reasons: tuple[str, ...]
    """Every rule that decided, by name, with its words; what spoke for it when it is allowed, against it otherwise."""


@frozen
class RuleEngine:
    """
    Decide by rules: deny comes before allow, and what no rule speaks of is denied.

    Pure and in this process; the same request has the same verdict.

    Example:
        >>> from converge_example_policy_engine.rules import shipped_rules
        >>> RuleEngine(shipped_rules()).evaluate({"role": "staff", "action": "read"}).reasons
        ('staff-read: staff may read',)

    """

    book: RuleBook
    name: str = "example-policy-engine"
    kind: BackendKind = BackendKind.POLICY
    capabilities: tuple[Capability, ...] = (Capability.ACCESS_CONTROL, Capability.RULE_EVALUATION)
    supports_replay: bool = True
    requires_network: bool = False
    cost_class: CostClass = CostClass.FREE
    typical_latency_ms: int = 1
    data_sovereignty: frozenset[DataSovereignty] = frozenset(DataSovereignty) - {DataSovereignty.ANY}
    """Nothing leaves this process, so it keeps the rules of every place."""

    def evaluate(self, request: Mapping[str, JsonValue]) -> Verdict:
        """Allow or deny a request, given as its fields: who, what, on what, how much."""
        speaking = sorted((rule for rule in self.book.rules if rule.speaks_of(request)), key=lambda rule: rule.name)
        denials = [rule for rule in speaking if rule.effect == "deny"]
        deciding = denials or speaking
        reasons = tuple(f"{rule.name}: {rule.reason}" for rule in deciding)
        return Verdict(allowed=bool(speaking) and not denials, reasons=reasons or ("no rule speaks of this request",))
