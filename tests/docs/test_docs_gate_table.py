"""
The truth table of gates is what the gates do, and every gate that stops doing it is caught.

``tox -e golden`` writes the page; the difference is then seen in review.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen

from converge_provider import (
    AudioPart,
    BackendDescriptor,
    BackendKind,
    CacheHint,
    Capability,
    Catalogue,
    CatalogueEntry,
    Certification,
    ChatBackendCapabilities,
    ChatMessage,
    ChatRequest,
    ChatRole,
    Claims,
    ComplianceLevel,
    Constraints,
    CostClass,
    DataClassification,
    DataSovereignty,
    DocumentPart,
    Jurisdiction,
    LatencyRule,
    Measured,
    Part,
    Prices,
    ReasoningEffort,
    RequiredCapabilities,
    RiskTier,
    SelectionCriteria,
    StateView,
    TaskComplexity,
    ToolChoice,
)
from converge_provider.selection import Decision, decide, gates
from converge_provider.selection.gate import Gate
from converge_provider.selection.question import Question
from converge_provider.selection.rows import Reason
from converge_provider.testing import ScriptedBackend

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "gate-table.md"

FLAGS = (
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
DOCUMENTS, AUDIO = Capability.other("DocumentUnderstanding"), Capability.other("AudioUnderstanding")
SETTINGS: Mapping[str, Any] = {
    "tool_choice": ToolChoice.AUTO,
    "parallel_tool_calls": False,
    "response_schema": {},
    "seed": 0,
    "top_p": 0.5,
    "reasoning_effort": ReasoningEffort.LOW,
    "cache_hints": (CacheHint(),),
}
ABLE = ChatBackendCapabilities(**dict.fromkeys(FLAGS, True), context_tokens=100_000)
CLAIMS = Claims(
    honours=SETTINGS,
    capabilities={DOCUMENTS: True, AUDIO: True},
    max_output_tokens=1_000,
    country="SE",
    region="EU",
    processing_countries={"SE"},
    processing_regions={"EU"},
    certifications=(Certification(name="ISO27001"),),
    trains_on_inputs=False,
    retention_days=0,
    supports_replay=True,
    requires_network=True,
    prices=Prices(input_usd_per_mtok=Decimal(1), output_usd_per_mtok=Decimal(2)),
)
BACKEND = BackendDescriptor(
    provider="acme",
    model="m",
    cost_class=CostClass.LOW,
    typical_latency_ms=1_000,
    quality=0.8,
    capabilities=ABLE,
    data_sovereignty=DataSovereignty.EU,
    compliance=ComplianceLevel.GDPR,
    claims=CLAIMS,
)
"""A backend that passes every question below."""


@frozen
class Probe:
    """One gate, and the backends that it tells apart."""

    asked: Mapping[str, Any]
    """The arguments of the selection that ask."""
    bad: Mapping[str, Any]
    """The changes that make the fact not fit."""
    unknown: Mapping[str, Any] | None = None
    """Those after which nobody has stated it; ``None``: it is never unknown."""
    good: Mapping[str, Any] = {}
    """Those that make it fit, where the backend as it is does not."""
    missing: tuple[str, ...] = ()
    """What is not configured of the one that does not fit."""


def of_claims(**changes: Any) -> Mapping[str, Any]:
    """Change claims."""
    return {"claims": evolve(CLAIMS, **changes)}


def flag(name: str) -> Probe:
    """Probe a capability flag of the contract."""
    lacking = {"capabilities": evolve(ABLE, **{name: False})}
    criteria = (
        SelectionCriteria(complexity=TaskComplexity.REASONING)
        if name == "reasoning"
        else SelectionCriteria(capabilities=RequiredCapabilities(**{name: True}))
    )
    return Probe({"criteria": criteria}, lacking, {**lacking, "unknown": frozenset({name})})


def holding(part: Part, capability: Capability) -> Probe:
    """Probe what a request may hold."""
    request = ChatRequest(messages=(ChatMessage(role=ChatRole.USER, parts=(part,)),))
    return Probe({"request": request}, of_claims(capabilities={capability: False}), of_claims(capabilities={}))


def feature(name: str) -> Probe:
    """Probe an optional field of a request."""
    request = evolve(ChatRequest.of("hello"), **{name: SETTINGS[name]})
    return Probe({"request": request}, of_claims(honours=set(SETTINGS) - {name}), of_claims(honours=None))


def demand(field: str, value: Any, bad: Any, claim: str, **others: Any) -> Probe:
    """Probe a constraint that one claim answers."""
    asked = {"constraints": Constraints(**{field: value})}
    return Probe(asked, of_claims(**{claim: bad}), of_claims(**{claim: None}), **others)


def priced(field: str, value: Any, price: str, **others: Any) -> Probe:
    """Probe a ceiling of money."""
    dear: Any = {price: Decimal(50)}
    bad = evolve(CLAIMS.prices or Prices(), **dear)
    asked = {"constraints": Constraints(**{field: value}), **others}
    return Probe(asked, of_claims(prices=bad), of_claims(prices=None))


def stated(**criteria: Any) -> Mapping[str, Any]:
    """Ask with criteria."""
    return {"criteria": SelectionCriteria(**criteria)}


def unstated(name: str, value: Any) -> Mapping[str, Any]:
    """Leave a field of the contract unstated."""
    return {name: value, "unknown": frozenset({name})}


QUICK = Measured(latency_p95_s=1.8, latency_samples=40)
SLOW = Measured(latency_p95_s=2.4, latency_samples=40)
HERE = of_claims(requires_network=False)
PROBES: Mapping[str, Probe] = {
    "provider": Probe({"provider": "ACME"}, {"provider": "other"}),
    "backend": Probe({"backend": "acme/m"}, {"model": "n"}),
    "model": Probe({"request": evolve(ChatRequest.of("hello"), model="m")}, {"model": "n"}),
    "kind": Probe({"constraints": Constraints(kind=BackendKind.LLM)}, of_claims(kind=BackendKind.SEARCH)),
    **{name: flag(name) for name in FLAGS},
    "documents": holding(DocumentPart(media_type="application/pdf", data=b"x"), DOCUMENTS),
    "audio": holding(AudioPart(media_type="audio/wav", data=b"x"), AUDIO),
    "context": Probe(
        stated(capabilities=RequiredCapabilities(min_context_tokens=8_000)),
        {"capabilities": evolve(ABLE, context_tokens=4_096)},
        {"capabilities": evolve(ABLE, context_tokens=None)},
    ),
    "output": demand("min_output_tokens", 100, 99, "max_output_tokens"),
    "cost": Probe(stated(), {"cost_class": CostClass.HIGH}, unstated("cost_class", CostClass.VERY_HIGH)),
    "input_price": priced("max_input_usd_per_mtok", "1", "input_usd_per_mtok"),
    "output_price": priced("max_output_usd_per_mtok", "2", "output_usd_per_mtok"),
    "request_price": priced(
        "max_usd_per_request", "0.0021", "output_usd_per_mtok", request=ChatRequest.of("Why is the sky blue?")
    ),
    "latency": Probe(stated(), {"typical_latency_ms": 2_001}, unstated("typical_latency_ms", 2**32 - 1)),
    "measured_latency": Probe(
        {**stated(), "state": StateView(measured={"acme/m": QUICK, "acme/n": SLOW}, latency_rule=LatencyRule())},
        {"model": "n"},
    ),
    "quality": Probe(stated(), {"quality": 0.59}, unstated("quality", 0.0)),
    "sovereignty": Probe(
        stated(jurisdiction=Jurisdiction.SAME_REGION, user_region="EU"),
        {"data_sovereignty": DataSovereignty.US},
        {"data_sovereignty": DataSovereignty.ANY},
    ),
    "jurisdiction": Probe(
        stated(jurisdiction=Jurisdiction.SAME_COUNTRY, user_country="SE"),
        of_claims(country="NO"),
        of_claims(country=None),
    ),
    "processing_region": demand("processing_regions", {"EU"}, {"EU", "US"}, "processing_regions"),
    "processing_country": demand("processing_countries", {"SE"}, {"NO"}, "processing_countries"),
    "compliance": Probe(
        stated(compliance=ComplianceLevel.GDPR),
        {"compliance": ComplianceLevel.SOC2, **of_claims(certifications=None)},
        {"compliance": ComplianceLevel.NONE, **of_claims(certifications=None)},
    ),
    "certifications": Probe(
        {"constraints": Constraints(certifications={"GDPR", "ISO27001"})},
        of_claims(certifications=(Certification(name="SOC2"),)),
        {"compliance": ComplianceLevel.NONE, **of_claims(certifications=None)},
    ),
    "training": demand("no_training", True, True, "trains_on_inputs"),
    "retention": demand("max_retention_days", 0, 30, "retention_days"),
    "replay": demand("replay", True, False, "supports_replay"),
    "offline": demand("offline", True, True, "requires_network", good=HERE),
    "allowed": Probe({"constraints": Constraints(allow={"acme/m"})}, {"model": "n"}),
    "denied": Probe({"constraints": Constraints(deny={"other"})}, {"provider": "other"}),
    "risk_tier": demand("risk_tier", RiskTier.HIGH, True, "requires_network", good=HERE),
    "data_classification": demand(
        "data_classification", DataClassification.RESTRICTED, True, "requires_network", good=HERE
    ),
    **{name: feature(name) for name in SETTINGS},
    "configured": Probe({}, {}, missing=("ACME_API_KEY",)),
}


def choose(probe: Probe, changes: Mapping[str, Any], *, asked: bool = True, missing: tuple[str, ...] = ()) -> Decision:
    """Put a question, or none, to a catalogue of one."""
    descriptor = evolve(BACKEND, **changes)
    entry = CatalogueEntry(
        id=descriptor.id,
        descriptor=descriptor,
        claims=descriptor.claims,
        unknown=descriptor.unknown,
        missing=missing,
        opener=lambda _: ScriptedBackend(),
    )
    return decide(Catalogue(entries=[entry]), **probe.asked if asked else {})


def cell(decision: Decision) -> str:
    """Say what became of the one."""
    if decision.chosen is not None:
        return "passes"
    reasons = [
        re.sub(r"if you know it, state .* in the configuration", "state it", reason.text)
        for reason in decision.rejected[0].reasons
    ]
    return "; and ".join(reasons)


def cells(probe: Probe) -> Iterator[str]:
    """Run the four questions of one gate."""
    yield cell(choose(probe, probe.good))
    yield cell(choose(probe, probe.bad, missing=probe.missing))
    yield "—" if probe.unknown is None else cell(choose(probe, probe.unknown))
    yield "—" if not probe.asked else cell(choose(probe, probe.bad, asked=False))


HEAD = """\
# Truth table of gates

After this page you know what each gate does with a fact that fits, one that does not, and one that nobody has stated.

Every cell was written by running the selection on a catalogue of one backend that passes all other gates.
*State it* is short for where to state it.
The column *not asked* is the backend of the column *does not fit*, asked for nothing.

| gate | fits | does not fit | unknown | not asked |
| --- | --- | --- | --- | --- |
"""


def page() -> str:
    """Write the page."""
    return HEAD + "".join(f"| `{name}` | {' | '.join(cells(probe))} |\n" for name, probe in PROBES.items())


def test_truth_table_is_what_the_gates_do() -> None:
    """The page is what running every gate gives today."""
    assert PAGE.read_text("utf-8") == page(), "a gate changed; if that is meant, run: tox -e golden"


def test_truth_table_has_every_gate() -> None:
    """No gate is left out, and they stand in the order of their reasons."""
    assert list(PROBES) == [gate.name for gate in gates.GATES]


@pytest.mark.parametrize("name", PROBES)
def test_gate_tells_its_three_facts_apart(name: str) -> None:
    """A fact that fits passes; one that does not, or that is unknown, fails this gate and no other."""
    probe = PROBES[name]
    bad = choose(probe, probe.bad, missing=probe.missing)

    assert choose(probe, probe.good).chosen is not None
    assert [(reason.gate, reason.unknown) for reason in bad.rejected[0].reasons] == [(name, False)]
    if probe.unknown is not None:
        reasons = choose(probe, probe.unknown).rejected[0].reasons
        assert [(reason.gate, reason.unknown) for reason in reasons] == [(name, True)]


def removed(gate: Gate) -> Gate:
    """Sabotage a gate: it rejects nobody."""
    return Gate(gate.name, lambda _table, _question: 0, gate.reason)


def inverted(gate: Gate) -> Gate:
    """Sabotage a gate: it rejects whom it should let pass, and the other way round."""
    reason = Reason(gate.name, "inverted")
    return Gate(
        gate.name, lambda table, question: table.all & ~gate.failing(table, question), lambda _t, _q, _place: reason
    )


@pytest.mark.parametrize("sabotage", [removed, inverted])
@pytest.mark.parametrize("name", PROBES)
def test_sabotaged_gate_is_caught(name: str, sabotage: Callable[[Gate], Gate], monkeypatch: pytest.MonkeyPatch) -> None:
    """The row of a gate that is removed, or inverted, is not the row of the page."""
    honest = gates._asked

    def sabotaged(question: Question) -> tuple[Gate, ...]:
        return tuple(sabotage(gate) if gate.name == name else gate for gate in honest(question))

    before = list(cells(PROBES[name]))
    monkeypatch.setattr(gates, "_asked", sabotaged)

    assert f"| `{name}` | {' | '.join(before)} |\n" in PAGE.read_text("utf-8")
    assert list(cells(PROBES[name])) != before


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
