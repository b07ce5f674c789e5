"""The gates: each rejects whom it should with its own words, lets everybody else pass, and all of them speak up."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

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
    CostTier,
    DataClassification,
    DataSovereignty,
    DocumentPart,
    ImagePart,
    Jurisdiction,
    LatencyClass,
    LatencyRule,
    Measured,
    Prices,
    PriceTier,
    ReasoningEffort,
    RequiredCapabilities,
    RiskTier,
    SelectionCriteria,
    StateView,
    TaskComplexity,
    ToolCall,
    ToolChoice,
    ToolDefinition,
)
from converge_provider.selection import Decision, Reason, decide
from converge_provider.selection.gates import GATES
from converge_provider.testing import ScriptedBackend

ALL_ABLE = ChatBackendCapabilities(
    reasoning=True,
    web_search=True,
    tool_use=True,
    vision=True,
    structured_output=True,
    code=True,
    multilingual=True,
    content_generation=True,
    business_acumen=True,
    context_tokens=100_000,
)
DOCUMENTS, AUDIO = Capability.other("DocumentUnderstanding"), Capability.other("AudioUnderstanding")
FEATURES = frozenset(
    {
        "tool_choice",
        "parallel_tool_calls",
        "response_schema",
        "seed",
        "top_p",
        "reasoning_effort",
        "cache_hints",
    }
)
PRICES = Prices(input_usd_per_mtok=Decimal(1), output_usd_per_mtok=Decimal(2))
CLAIMS = Claims(
    honours=FEATURES,
    capabilities={DOCUMENTS: True, AUDIO: True},
    max_output_tokens=4_000,
    country="SE",
    region="EU",
    processing_countries={"SE"},
    processing_regions={"EU"},
    certifications=(Certification(name="ISO27001"),),
    trains_on_inputs=False,
    retention_days=0,
    supports_replay=True,
    requires_network=False,
    prices=PRICES,
)
PERFECT = BackendDescriptor(
    provider="acme",
    model="m",
    cost_class=CostClass.FREE,
    typical_latency_ms=1,
    quality=1.0,
    capabilities=ALL_ABLE,
    data_sovereignty=DataSovereignty.EU,
    compliance=ComplianceLevel.GDPR,
    claims=CLAIMS,
)
REQUEST = ChatRequest.of("hello")
TOOL = ToolDefinition(name="t", description="d", parameters={})
IN_CONFIGURATION = 'under [claims."acme/m"] in the configuration'
OR_CATALOGUE = ", or run: pip install converge-catalogue"


def entry(descriptor: BackendDescriptor, *, missing: tuple[str, ...] = ()) -> CatalogueEntry:
    """Put a backend into a catalogue as it describes itself."""
    return CatalogueEntry(
        id=descriptor.id,
        descriptor=descriptor,
        claims=descriptor.claims,
        unknown=descriptor.unknown,
        missing=missing,
        opener=lambda _: ScriptedBackend(),
    )


def ask(descriptor: BackendDescriptor, question: Mapping[str, Any], *, missing: tuple[str, ...] = ()) -> Decision:
    """Ask a question of a catalogue of one."""
    return decide(Catalogue(entries=[entry(descriptor, missing=missing)]), **question)


def without(flag: str) -> dict[str, Any]:
    """Describe a backend that lacks a capability."""
    return {"capabilities": evolve(ALL_ABLE, **{flag: False})}


def unsure_of(flag: str) -> dict[str, Any]:
    """Describe a backend of which nobody has stated a capability."""
    return {**without(flag), "unknown": frozenset({flag})}


def claiming(**changes: object) -> dict[str, Any]:
    """Describe a backend with other claims."""
    return {"claims": evolve(CLAIMS, **changes)}  # type: ignore[arg-type]  # the cases below name fields of Claims


def needing(**capabilities: Any) -> dict[str, Any]:
    """Ask for some capabilities, in criteria."""
    return {"criteria": SelectionCriteria(capabilities=RequiredCapabilities(**capabilities))}


def sending(**fields: Any) -> dict[str, Any]:
    """Ask with a request that sets some fields."""
    return {"request": evolve(REQUEST, **fields)}


def elsewhere(**changes: object) -> dict[str, Any]:
    """Describe a backend that computes on other machines, with other claims."""
    return claiming(requires_network=True, **changes)


def costing(**prices: Any) -> dict[str, Any]:
    """Describe a backend with other prices."""
    return claiming(prices=evolve(PRICES, **prices))


def demanding(**constraints: Any) -> dict[str, Any]:
    """Ask with some constraints."""
    return {"constraints": Constraints(**constraints)}


def holding(*parts: Any) -> dict[str, Any]:
    """Ask with a request whose message has some parts."""
    return {"request": ChatRequest(messages=(ChatMessage(role=ChatRole.USER, parts=parts),))}


IMAGE = ImagePart(media_type="image/png", data=b"x")
DOCUMENT = DocumentPart(media_type="application/pdf", data=b"x")
RECORDING = AudioPart(media_type="audio/wav", data=b"x")
REASONING = {"criteria": SelectionCriteria(complexity=TaskComplexity.REASONING)}
FLAGS = ("web_search", "tool_use", "vision", "structured_output", "code", "multilingual", "content_generation")
IN_EU = {"criteria": SelectionCriteria(jurisdiction=Jurisdiction.SAME_REGION, user_region="EU")}
UNDER_GDPR = {"criteria": SelectionCriteria(compliance=ComplianceLevel.GDPR)}

TRUSTED = {"criteria": SelectionCriteria(jurisdiction=Jurisdiction.TRUSTED)}
IN_SE = {"criteria": SelectionCriteria(jurisdiction=Jurisdiction.SAME_COUNTRY, user_country="se", user_region="EU")}

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], Reason]] = {
    "provider": ({"provider": "other"}, {"provider": "ACME"}, Reason("provider", "provider other, ACME is asked for")),
    "backend id": ({"model": "n"}, {"backend": "acme/m"}, Reason("backend", "backend acme/m is asked for")),
    "backend model": ({"model": "n"}, {"backend": "m"}, Reason("backend", "backend m is asked for")),
    "model": ({"model": "n"}, sending(model="m"), Reason("model", "model m is asked for by the request")),
    "reasoning": (without("reasoning"), REASONING, Reason("reasoning", "reasoning no")),
    **{flag: (without(flag), needing(**{flag: True}), Reason(flag, f"{flag} no")) for flag in FLAGS},
    "business_acumen": (
        without("business_acumen"),
        needing(business_acumen=True),
        Reason("business_acumen", "business_acumen no"),
    ),
    "flag unknown": (
        unsure_of("vision"),
        needing(vision=True),
        Reason(
            "vision",
            f"vision unknown; if you know it, state capabilities.ImageUnderstanding {IN_CONFIGURATION}",
            unknown=True,
        ),
    ),
    "tools": (without("tool_use"), sending(tools=(TOOL,)), Reason("tool_use", "tool_use no")),
    "image": (without("vision"), holding(IMAGE), Reason("vision", "vision no")),
    "schema": (
        without("structured_output"),
        sending(response_schema={"type": "object"}),
        Reason("structured_output", "structured_output no"),
    ),
    "documents": (
        claiming(capabilities={DOCUMENTS: False}),
        holding(DOCUMENT),
        Reason("documents", "documents no"),
    ),
    "documents unknown": (
        claiming(capabilities={}),
        holding(DOCUMENT),
        Reason(
            "documents",
            f'documents unknown; if you know it, state capabilities."other:DocumentUnderstanding" {IN_CONFIGURATION}',
            unknown=True,
        ),
    ),
    "audio": (claiming(capabilities={AUDIO: False}), holding(RECORDING), Reason("audio", "audio no")),
    "context": (
        {"capabilities": evolve(ALL_ABLE, context_tokens=999)},
        needing(min_context_tokens=1000),
        Reason("context", "context window 999 < 1000 tokens"),
    ),
    "context unknown": (
        {"capabilities": evolve(ALL_ABLE, context_tokens=None)},
        needing(min_context_tokens=0),
        Reason(
            "context",
            f"context window unknown, 0 tokens are needed; if you know it, state context_tokens {IN_CONFIGURATION}",
            unknown=True,
        ),
    ),
    "context of the request": (
        {"capabilities": evolve(ALL_ABLE, context_tokens=105)},
        sending(max_tokens=100),
        Reason("context", "context window 105 < 106 tokens"),
    ),
    "context of a long request": (
        {"capabilities": evolve(ALL_ABLE, context_tokens=None)},
        sending(max_tokens=3000),
        Reason(
            "context",
            f"context window unknown, 3006 tokens are needed; if you know it, state context_tokens {IN_CONFIGURATION}",
            unknown=True,
        ),
    ),
    "cost": (
        {"cost_class": CostClass.HIGH},
        {"criteria": SelectionCriteria(cost=CostTier.STANDARD)},
        Reason("cost", "cost class High > Medium"),
    ),
    "cost unknown": (
        {"cost_class": CostClass.VERY_HIGH, "unknown": frozenset({"cost_class"})},
        {"criteria": SelectionCriteria()},
        Reason(
            "cost",
            "cost class unknown, at most Medium is asked for; "
            f"if you know it, state cost_class {IN_CONFIGURATION}{OR_CATALOGUE}",
            unknown=True,
        ),
    ),
    "latency": (
        {"typical_latency_ms": 101},
        {"criteria": SelectionCriteria(latency=LatencyClass.REALTIME)},
        Reason("latency", "typical latency 101 ms > 100 ms"),
    ),
    "latency unknown": (
        {"typical_latency_ms": 2**32 - 1, "unknown": frozenset({"typical_latency_ms"})},
        {"criteria": SelectionCriteria()},
        Reason(
            "latency",
            "typical latency unknown, at most 2000 ms is asked for; "
            f"if you know it, state typical_latency_ms {IN_CONFIGURATION}",
            unknown=True,
        ),
    ),
    "quality": ({"quality": 0.59}, {"criteria": SelectionCriteria()}, Reason("quality", "quality 0.59 < 0.6")),
    "quality unknown": (
        {"quality": 0.0, "unknown": frozenset({"quality"})},
        {"criteria": SelectionCriteria()},
        Reason(
            "quality",
            f"quality unknown, at least 0.6 is asked for; if you know it, state quality {IN_CONFIGURATION}",
            unknown=True,
        ),
    ),
    "sovereignty": (
        {"data_sovereignty": DataSovereignty.US},
        IN_EU,
        Reason("sovereignty", "data sovereignty US, EU is asked for"),
    ),
    "sovereignty by claims": (
        {
            "data_sovereignty": DataSovereignty.ANY,
            **claiming(data_sovereignty=frozenset({DataSovereignty.US, DataSovereignty.CHINA})),
        },
        IN_EU,
        Reason("sovereignty", "data sovereignty China, US, EU is asked for"),
    ),
    "sovereignty unknown": (
        {"data_sovereignty": DataSovereignty.ANY},
        IN_EU,
        Reason(
            "sovereignty",
            f"data sovereignty unknown, EU is asked for; if you know it, state data_sovereignty {IN_CONFIGURATION}",
            unknown=True,
        ),
    ),
    "compliance": (
        {"compliance": ComplianceLevel.SOC2},
        UNDER_GDPR,
        Reason("compliance", "compliance ISO27001, SOC2, GDPR is asked for"),
    ),
    "compliance none": (
        {"compliance": ComplianceLevel.NONE, **claiming(compliance=frozenset[ComplianceLevel](), certifications=())},
        UNDER_GDPR,
        Reason("compliance", "compliance none, GDPR is asked for"),
    ),
    "compliance unknown": (
        {"compliance": ComplianceLevel.NONE, **claiming(certifications=None)},
        UNDER_GDPR,
        Reason(
            "compliance",
            f"compliance unknown, GDPR is asked for; if you know it, state compliance {IN_CONFIGURATION}",
            unknown=True,
        ),
    ),
}
DEMANDS: dict[str, tuple[dict[str, Any], dict[str, Any], Reason]] = {
    "jurisdiction": (elsewhere(region="US"), IN_EU, Reason("jurisdiction", "region US, EU is asked for")),
    "jurisdiction trusted": (
        elsewhere(region="US"),
        TRUSTED,
        Reason("jurisdiction", "region US, a trusted one is asked for"),
    ),
    "jurisdiction country": (elsewhere(country="NO"), IN_SE, Reason("jurisdiction", "country NO, SE is asked for")),
    "jurisdiction unknown": (
        elsewhere(region=None),
        TRUSTED,
        Reason(
            "jurisdiction",
            f"region unknown, a trusted one is asked for; if you know it, state region {IN_CONFIGURATION}",
            unknown=True,
        ),
    ),
    "country unknown": (
        elsewhere(country=None),
        IN_SE,
        Reason(
            "jurisdiction",
            f"country unknown, SE is asked for; if you know it, state country {IN_CONFIGURATION}",
            unknown=True,
        ),
    ),
    "kind": (
        claiming(kind=BackendKind.SEARCH),
        demanding(kind=BackendKind.LLM),
        Reason("kind", "kind search, llm is asked for"),
    ),
    "output": (
        claiming(max_output_tokens=99),
        demanding(min_output_tokens=100),
        Reason("output", "output limit 99 < 100 tokens"),
    ),
    "output of the request": (
        claiming(max_output_tokens=99),
        sending(max_tokens=100),
        Reason("output", "output limit 99 < 100 tokens"),
    ),
    "output unknown": (
        claiming(max_output_tokens=None),
        demanding(min_output_tokens=100),
        Reason(
            "output",
            f"output limit unknown, 100 tokens are needed; if you know it, state max_output_tokens {IN_CONFIGURATION}",
            unknown=True,
        ),
    ),
    "input_price": (
        costing(input_usd_per_mtok=Decimal("1.01")),
        demanding(max_input_usd_per_mtok=1),
        Reason("input_price", "input price $1.01 > $1 per million tokens"),
    ),
    "output_price": (
        costing(output_usd_per_mtok=Decimal("2.01")),
        demanding(max_output_usd_per_mtok=2),
        Reason("output_price", "output price $2.01 > $2 per million tokens"),
    ),
    "input_price of a long request": (
        costing(tiers=[PriceTier(above_input_tokens=50, input_usd_per_mtok=Decimal(3))]),
        {**demanding(max_input_usd_per_mtok=2), **sending(messages=(ChatMessage.user("word " * 100),))},
        Reason("input_price", "input price $3 > $2 per million tokens"),
    ),
    "price unknown": (
        claiming(prices=None),
        demanding(max_output_usd_per_mtok=2),
        Reason(
            "output_price",
            "output price unknown, at most $2 per million tokens is asked for; "
            f"if you know it, state prices.output_usd_per_mtok {IN_CONFIGURATION}{OR_CATALOGUE}",
            unknown=True,
        ),
    ),
    "request_price": (
        costing(output_usd_per_mtok=Decimal("2.01")),
        {**demanding(max_usd_per_request="0.000206"), **sending(max_tokens=100)},
        Reason("request_price", "this request costs up to $0.000207 > $0.000206"),
    ),
    "request_price unknown": (
        claiming(prices=None),
        {**demanding(max_usd_per_request=1), **sending(max_tokens=100)},
        Reason(
            "request_price",
            "price of this request unknown, at most $1 is asked for; "
            f"if you know it, state prices {IN_CONFIGURATION}{OR_CATALOGUE}",
            unknown=True,
        ),
    ),
    "request_price unbounded": (
        claiming(max_output_tokens=None),
        {**demanding(max_usd_per_request=1), **sending()},
        Reason(
            "request_price",
            "price of this request unknown, at most $1 is asked for; "
            f"if you know it, state max_output_tokens {IN_CONFIGURATION}",
            unknown=True,
        ),
    ),
    "processing_region": (
        elsewhere(processing_regions={"EU", "US"}),
        demanding(processing_regions={"EU", "CH"}),
        Reason("processing_region", "processing region EU, US, only CH, EU is asked for"),
    ),
    "processing_country unknown": (
        elsewhere(processing_countries=None),
        demanding(processing_countries={"SE"}),
        Reason(
            "processing_country",
            "processing country unknown, only SE is asked for; "
            f"if you know it, state processing_countries {IN_CONFIGURATION}",
            unknown=True,
        ),
    ),
    "certifications": (
        claiming(certifications=(Certification(name="SOC2"),)),
        demanding(certifications={"iso27001", "gdpr"}),
        Reason("certifications", "certifications GDPR, SOC2, ISO27001 is asked for"),
    ),
    "certifications unknown": (
        {"compliance": ComplianceLevel.NONE, **claiming(certifications=None)},
        demanding(certifications={"ISO27001", "GDPR"}),
        Reason(
            "certifications",
            "certifications unknown, GDPR, ISO27001 are asked for; "
            f"if you know it, state certifications {IN_CONFIGURATION}",
            unknown=True,
        ),
    ),
    "training": (
        claiming(trains_on_inputs=True),
        demanding(no_training=True),
        Reason("training", "trains on inputs, no training is asked for"),
    ),
    "training unknown": (
        claiming(trains_on_inputs=None),
        demanding(no_training=True),
        Reason(
            "training",
            "training on inputs unknown, no training is asked for; "
            f"if you know it, state trains_on_inputs {IN_CONFIGURATION}",
            unknown=True,
        ),
    ),
    "retention": (
        claiming(retention_days=31),
        demanding(max_retention_days=30),
        Reason("retention", "retention 31 days > 30 days"),
    ),
    "retention unknown": (
        claiming(retention_days=None),
        demanding(max_retention_days=0),
        Reason(
            "retention",
            f"retention unknown, at most 0 days is asked for; if you know it, state retention_days {IN_CONFIGURATION}",
            unknown=True,
        ),
    ),
    "replay": (
        claiming(supports_replay=False),
        demanding(replay=True),
        Reason("replay", "replay no, replay is asked for"),
    ),
    "replay unknown": (
        claiming(supports_replay=None),
        demanding(replay=True),
        Reason(
            "replay",
            f"replay unknown, replay is asked for; if you know it, state supports_replay {IN_CONFIGURATION}",
            unknown=True,
        ),
    ),
    "offline": (
        claiming(requires_network=True),
        demanding(offline=True),
        Reason("offline", "needs a network, offline is asked for"),
    ),
    "offline unknown": (
        claiming(requires_network=None),
        demanding(offline=True),
        Reason(
            "offline",
            "need of a network unknown, offline is asked for; "
            f"if you know it, state requires_network {IN_CONFIGURATION}",
            unknown=True,
        ),
    ),
    "allowed": (
        {"model": "n"},
        demanding(allow={"ACME/m", "zeta"}),
        Reason("allowed", "is not on the list of those that are allowed"),
    ),
    "denied": (
        {"model": "n"},
        demanding(deny={"acme/N"}, allow={"acme"}),
        Reason("denied", "is on the list of those that are denied"),
    ),
    "risk_tier": (
        claiming(requires_network=True),
        demanding(risk_tier=RiskTier.CRITICAL),
        Reason("risk_tier", "risk tier Critical admits only local"),
    ),
    "data_classification": (
        claiming(requires_network=True),
        demanding(data_classification=DataClassification.CONFIDENTIAL),
        Reason("data_classification", "data classification Confidential admits only local"),
    ),
    "data_classification unknown": (
        claiming(requires_network=None),
        demanding(data_classification=DataClassification.RESTRICTED),
        Reason(
            "data_classification",
            "data classification Restricted admits only local; whether it needs a network is unknown; "
            f"if you know it, state requires_network {IN_CONFIGURATION}",
            unknown=True,
        ),
    ),
}
SETTINGS: dict[str, Any] = {
    "tool_choice": ToolChoice.AUTO,
    "parallel_tool_calls": False,
    "response_schema": {},
    "seed": 0,
    "top_p": 0.5,
    "reasoning_effort": ReasoningEffort.LOW,
    "cache_hints": (CacheHint(),),
}
FEATURE_CASES = {
    name: (
        claiming(honours=FEATURES - {name}),
        sending(**{name: value}),
        Reason(name, f"{name} is not honoured, the request sets it"),
    )
    for name, value in SETTINGS.items()
}
FEATURE_CASES["feature unknown"] = (
    claiming(honours=None),
    sending(seed=7),
    Reason(
        "seed", f"seed unknown, the request sets it; if you know it, state honours {IN_CONFIGURATION}", unknown=True
    ),
)


@pytest.mark.parametrize(
    ("changes", "question", "reason"),
    [*CASES.values(), *DEMANDS.values(), *FEATURE_CASES.values()],
    ids=[*CASES, *DEMANDS, *FEATURE_CASES],
)
def test_gate_rejects_in_its_own_words(changes: dict[str, Any], question: dict[str, Any], reason: Reason) -> None:
    """Whoever lacks just one thing is rejected for just that; whoever has it is chosen."""
    lacking = ask(evolve(PERFECT, **changes), question)

    assert lacking.chosen is None
    ((found,),) = [row.reasons for row in lacking.rejected]
    assert evolve(found, key=None) == reason
    assert (found.key is not None) is reason.unknown
    assert lacking.counts == {reason.gate: 1}
    assert ask(PERFECT, question).chosen == "acme/m"


def test_gate_configured_names_what_is_missing() -> None:
    """A backend whose provider lacks something is rejected, naming each thing."""
    one, two = ask(PERFECT, {}, missing=("ACME_KEY",)), ask(PERFECT, {}, missing=("ACME_KEY", "ACME_URL"))

    assert one.rejected[0].reasons == (Reason("configured", "not configured: ACME_KEY is missing"),)
    assert two.rejected[0].reasons == (Reason("configured", "not configured: ACME_KEY, ACME_URL are missing"),)


def test_gate_of_the_caller_stands_under_the_callers_name() -> None:
    """What the caller bars is rejected by a gate of the name and the words that it gives."""
    reason = Reason("breaker", "out of service until 12:00")
    decision = decide(Catalogue(entries=[entry(PERFECT)]), barred={"acme/m": reason, "gone/x": reason})

    assert decision.rejected[0].reasons == (reason,)
    assert decision.counts == {"breaker": 1}


def test_gate_of_the_caller_may_share_a_name() -> None:
    """A caller's gate that is called like one of the floor is counted together with it, each backend once."""
    small = evolve(PERFECT, model="small", capabilities=evolve(ALL_ABLE, context_tokens=10))
    both = Catalogue(entries=[entry(PERFECT), entry(small)])
    bars = {name: Reason("context", "overflowed before") for name in ("acme/m", "acme/small")}
    once = decide(both, **needing(min_context_tokens=100), barred={"acme/m": bars["acme/m"]})
    twice = decide(both, **needing(min_context_tokens=100), barred=bars)

    assert once.counts == twice.counts == {"context": 2}
    assert [len(row.reasons) for row in twice.rejected] == [1, 2]


EVERYTHING = Constraints(
    kind=BackendKind.LLM,
    max_usd_per_request=0,
    max_input_usd_per_mtok=0,
    max_output_usd_per_mtok=0,
    processing_regions={"EU"},
    processing_countries={"SE"},
    certifications={"ISO27001"},
    no_training=True,
    max_retention_days=0,
    replay=True,
    offline=True,
    allow={"acme"},
    deny={"other/m"},
    risk_tier=RiskTier.HIGH,
    data_classification=DataClassification.RESTRICTED,
)


def test_gates_report_every_reason_in_their_order() -> None:
    """A backend that is wrong in every way is told so by every gate, in the documented order."""
    useless = evolve(
        PERFECT,
        provider="other",
        capabilities=ChatBackendCapabilities(context_tokens=1),
        cost_class=CostClass.VERY_HIGH,
        typical_latency_ms=10**6,
        quality=0.0,
        data_sovereignty=DataSovereignty.CHINA,
        compliance=ComplianceLevel.SOC2,
        claims=Claims(honours=frozenset(), max_output_tokens=1, kind=BackendKind.SEARCH),
    )
    everything = SelectionCriteria(
        jurisdiction=Jurisdiction.SAME_COUNTRY,
        complexity=TaskComplexity.REASONING,
        compliance=ComplianceLevel.HIPAA,
        capabilities=RequiredCapabilities(**dict.fromkeys((*FLAGS, "business_acumen"), True), min_context_tokens=2),
    )
    request = evolve(
        REQUEST,
        **SETTINGS,
        model="m2",
        max_tokens=2,
        messages=(ChatMessage(role=ChatRole.USER, parts=(DOCUMENT, RECORDING)),),
    )
    decision = decide(
        Catalogue(entries=[entry(useless, missing=("KEY",))]),
        request=request,
        criteria=everything,
        constraints=EVERYTHING,
        provider="acme",
        backend="acme/m",
        barred={"other/m": Reason("attempted", "tried before")},
        state=StateView(
            measured={"other/m": Measured(latency_p95_s=1e4, latency_samples=20)}, latency_rule=LatencyRule()
        ),
    )

    assert [reason.gate for reason in decision.rejected[0].reasons] == [*(gate.name for gate in GATES), "attempted"]
    assert set(decision.counts.values()) == {1}


def test_gates_of_cost_latency_and_quality_are_off_without_criteria() -> None:
    """A host that states nothing rejects nobody for a price, a pace or a quality, known or not, and is told so."""
    unstated = BackendDescriptor.unstated("acme", "m", unknown=frozenset({"reasoning"}))
    decision = ask(unstated, {})

    assert decision.chosen == "acme/m"
    assert decision.requirements.max_latency_ms == 300_000
    assert decision.notes == (
        "No criteria are stated: cost, latency and quality are no gates; fitness scales latency by 300000 ms.",
    )


def test_gates_that_anything_passes_reject_nothing_unknown() -> None:
    """An unknown cost class passes where every class is allowed, since no fact could make a difference."""
    unsure = evolve(PERFECT, cost_class=CostClass.VERY_HIGH, unknown=frozenset({"cost_class"}))

    assert ask(unsure, {"criteria": SelectionCriteria(cost=CostTier.PREMIUM)}).chosen == "acme/m"


def test_gate_context_takes_a_small_need_for_granted() -> None:
    """A short request goes to a backend of unstated window, but not to one whose window is known to be too small."""
    short = sending(max_tokens=2_000)

    assert ask(evolve(PERFECT, capabilities=evolve(ALL_ABLE, context_tokens=None)), short).chosen == "acme/m"
    assert ask(evolve(PERFECT, capabilities=evolve(ALL_ABLE, context_tokens=512)), short).counts == {"context": 1}


def test_gate_sovereignty_and_compliance_take_any_member_that_is_claimed() -> None:
    """A backend that keeps the rules of several places, or holds several certificates, passes with each of them."""
    several = evolve(
        PERFECT,
        data_sovereignty=DataSovereignty.ON_PREMISES,
        compliance=ComplianceLevel.NONE,
        **claiming(data_sovereignty=frozenset(DataSovereignty), compliance=frozenset({ComplianceLevel.GDPR})),
    )

    assert ask(several, IN_EU).chosen == "acme/m"
    assert ask(several, UNDER_GDPR).chosen == "acme/m"


def test_gate_tool_use_is_needed_to_go_on_with_a_conversation_about_tools() -> None:
    """A conversation that holds a tool's call or its result needs a backend that knows tools."""
    call = ToolCall(id="1", name="t", arguments="{}")
    talk = ChatRequest(messages=(ChatMessage.assistant("", tool_calls=(call,)), ChatMessage.tool("1", "42")))
    decision = ask(evolve(PERFECT, **without("tool_use")), {"request": talk})

    assert decision.counts == {"tool_use": 1}
