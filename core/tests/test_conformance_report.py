"""What the kit says of a backend beside what is claimed, what live checks may cost, and the report."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import anyio
import pytest
from attrs import evolve

from converge_provider import (
    Capability,
    ChatBackend,
    ChatBackendDescriptor,
    ChatRequest,
    ChatResponse,
    Claims,
    ContentFiltered,
    ContextLengthExceeded,
    FinishReason,
    Prices,
    Secret,
    codec,
)
from converge_provider.testing import HANG, CannedRequest, ScriptedBackend, ScriptedProviderType
from converge_provider.testing.conformance import (
    CHECKS,
    CheckResult,
    ConformanceReport,
    Endpoint,
    NotOnThisWireError,
    Outcome,
    Subject,
    WireDouble,
    certify,
    run_check,
)
from converge_provider.testing.conformance.obedient import obedient_subject
from converge_provider.testing.conformance.purses import Metered, Purse
from converge_provider.testing.conformance.reference import (
    MODEST,
    REFERENCE,
    ReferenceDouble,
    modest_subject,
    reference_subject,
)
from converge_provider.testing.conformance.saboteurs import Broken
from converge_provider.testing.conformance.trials import holds
from converge_provider.testing.provider_types import NoSettings
from converge_provider.values.usage import UsageDetail

BY_ID = {check.id: check for check in CHECKS}


def judged(check: str, subject: Subject) -> str:
    """Run one check, and give the outcome with its text."""
    return anyio.run(run_check, BY_ID[check], subject).told


def test_gap_without_a_reason_fails() -> None:
    """A feature of the wire that is not claimed needs a reason, even where its check cannot pass."""
    bare = evolve(modest_subject(), exceptions={})

    assert judged("media.image", bare) == (
        "failed: the wire reference has images, and it is not claimed: claim it, or give the reason in "
        "exceptions['images']"
    )
    assert judged("media.image", evolve(bare, wire=None, double=modest_subject().double)).startswith("failed")


def test_backend_without_a_wire_has_no_floor() -> None:
    """Nobody documents what a model inside the process must have."""
    live = evolve(obedient_subject(), descriptor=modest_subject().descriptor)

    assert judged("live.image", live) == "works, unclaimed"


def test_wire_that_nobody_knows_is_refused() -> None:
    """A floor that is not written down cannot be kept."""
    with pytest.raises(ValueError) as caught:
        anyio.run(run_check, BY_ID["media.image"], evolve(modest_subject(), wire="telepathy", exceptions={}))

    assert str(caught.value).startswith("no floor is known for the wire 'telepathy'; floors.toml has ")


def test_claim_and_excuse_contradict_each_other() -> None:
    """Who claims images and excuses them at once is told so."""
    both = evolve(reference_subject(), exceptions={"images": "text only"})

    assert judged("media.image", both) == "failed: images is claimed, and excused at once: text only"


def test_implied_claim_may_be_excused_by_feature_or_by_check() -> None:
    """What counts as claimed by itself is excused with a reason, whole or check by check."""
    for name in ("usage", "usage.plain"):
        excused = evolve(reference_subject(), exceptions={name: "the service does not count"})

        assert judged("usage.plain", excused) == "works, unclaimed: the service does not count"


@pytest.mark.parametrize(
    ("exceptions", "text"),
    [
        pytest.param(
            {"imags": "x"},
            "exceptions name 'imags', which is neither a feature nor a check; did you mean 'images'?",
            id="misspelt",
        ),
        pytest.param({"images": " "}, "the exception for 'images' gives no reason", id="no reason"),
        pytest.param({"zzz": "x"}, "exceptions name 'zzz', which is neither a feature nor a check", id="unknown"),
    ],
)
def test_exception_that_excuses_nothing_is_refused(exceptions: dict[str, str], text: str) -> None:
    """Misspelt names and empty reasons do not pass silently."""
    with pytest.raises(ValueError) as caught:
        anyio.run(lambda: certify(evolve(modest_subject(), exceptions=exceptions), date="2026-11-20", checks=[]))

    assert str(caught.value) == text


def test_report_becomes_a_document_and_a_table() -> None:
    """What is written can be read again, and people see marks, reasons and sums."""
    checks = [BY_ID[name] for name in ("chat.plain", "media.image", "reasoning.apart", "live.chat")]
    report = anyio.run(lambda: certify(modest_subject(), date="2026-11-20", checks=checks))
    quiet = evolve(report, version="1.0", results=[evolve(result, elapsed_s=0.0) for result in report.results])

    assert codec.load(ConformanceReport, json.loads(json.dumps(codec.dump(report)))) == report
    assert report.passed
    assert quiet.table() == (
        "reference/modest-1 by converge-provider 1.0, suite 1.0, 2026-11-20\n"
        "✓ chat.plain       passed\n"
        "- media.image      not claimed: the service takes text alone\n"
        "+ reasoning.apart  works, unclaimed: the service takes text alone\n"
        "· live.chat        not run: no live backend\n"
        "1 passed, 1 not claimed, 1 works, unclaimed, 1 not run"
    )


def test_table_folds_what_did_not_run_for_one_reason() -> None:
    """Two dozen lines that say the same are one."""
    results = [
        CheckResult(check=f"live.{number}", feature="chat", outcome=Outcome.NOT_RUN, text="no live backend")
        for number in range(24)
    ]
    head = {"backend": "a/1", "distribution": "d", "version": "1", "core_version": "1", "date": "2026-11-20"}
    report = ConformanceReport(**head, results=results, spent_usd=Decimal("0.0120"))

    assert report.table().splitlines()[1:] == [
        "· 24 checks  not run: no live backend",
        "24 not run, for $0.012",
    ]
    assert evolve(report, results=()).table().splitlines()[1:] == ["no check, for $0.012"]


def priced(subject: Subject, prices: Prices | None) -> Subject:
    """Give the obedient model prices."""
    return evolve(subject, descriptor=evolve(REFERENCE, claims=evolve(REFERENCE.claims, prices=prices)))


def test_cost_cap_stops_before_it_is_passed() -> None:
    """Each check is estimated before it runs; what ran is counted by its usage and the claimed prices."""
    prices = Prices(input_usd_per_mtok=Decimal(1), output_usd_per_mtok=Decimal(2))
    checks = [BY_ID[name] for name in ("live.chat", "live.overflow", "live.system")]
    subject = priced(obedient_subject(), prices)
    report = anyio.run(lambda: certify(subject, date="2026-11-20", checks=checks, cost_cap_usd=Decimal("0.01")))

    assert [result.outcome for result in report.results] == [Outcome.PASSED, Outcome.NOT_RUN, Outcome.PASSED]
    assert report.results[1].text.startswith("it may cost $0.066048, and $0.00")
    assert report.spent_usd is not None
    assert Decimal(0) < report.spent_usd < Decimal("0.01")


@pytest.mark.parametrize("prices", [None, Prices(input_usd_per_mtok=Decimal(1))], ids=["none", "input only"])
def test_cost_cap_without_prices_runs_nothing(prices: Prices | None) -> None:
    """A cap that cannot be held is no cap."""
    subject = priced(obedient_subject(), prices)
    report = anyio.run(
        lambda: certify(subject, date="2026-11-20", checks=[BY_ID["live.chat"]], cost_cap_usd=Decimal(1))
    )

    assert report.results[0].told.startswith("not run: a cap is set, and nobody has stated a price for ")


def test_calls_without_usage_are_counted_as_estimated() -> None:
    """A call that fails, or that does not say what it took, costs the whole estimate."""
    purse = Purse(prices=Prices(input_usd_per_mtok=Decimal(1), output_usd_per_mtok=Decimal(1)))
    backend = Metered(ScriptedBackend("no usage", ContextLengthExceeded(1, 2)), purse)
    anyio.run(backend.chat, ChatRequest.of("?"))
    purse.settle((30, 70))
    with pytest.raises(ContextLengthExceeded):
        anyio.run(backend.chat, ChatRequest.of("?"))
    purse.settle((30, 70))
    purse.settle((30, 70))

    assert purse.spent == UsageDetail(input_uncached=60, output=140)
    assert purse.spent_usd == Decimal("0.0002")


def test_markers_are_found_wherever_a_wire_puts_them() -> None:
    """Texts count as part of any text or key, also in JSON inside a text; numbers count as they are."""
    document = {"a": [{"marker": 'x "quoted" y'}, '{"city": "Oslo"}', 4321, True, None]}

    assert all(holds(document, wanted) for wanted in ("marker", 'x "quoted"', "Oslo", 4321))
    assert not any(holds(document, wanted) for wanted in ("absent", 432, 1, 4321.5))


def test_subject_of_a_type_takes_what_the_type_describes() -> None:
    """The descriptor is the type's own; a model that it does not describe is refused with those that it does."""

    class Type:
        name = "reference"
        display_name = "Reference"
        settings = Endpoint
        default_model = None

        def missing(self, settings: Endpoint) -> list[str]:
            return []

        def descriptors(self, settings: Endpoint) -> list[ChatBackendDescriptor]:
            return [REFERENCE]

        def open(self, descriptor: ChatBackendDescriptor, settings: Endpoint) -> ChatBackend:
            backend = reference_subject().backend
            assert backend is not None
            return backend(settings)

    double = reference_subject().double
    assert double is not None
    made = Subject.of_type(
        Type(),
        "reference-1",
        settings=lambda endpoint: endpoint,
        distribution="converge-provider",
        double=double,
    )

    assert judged("chat.plain", made) == "passed"
    assert judged("conduct.list-models", made).startswith("failed: the wire reference has list_models, and it is not ")
    with pytest.raises(ValueError) as caught:
        Subject.of_type(
            Type(),
            "another",
            settings=lambda endpoint: endpoint,
            distribution="converge-provider",
            double=double,
        )
    assert str(caught.value) == "reference does not describe 'another'; it knows reference-1"


def test_backend_that_only_chats_is_told_apart() -> None:
    """Checks of streams, health and closing look for what is there."""

    class Plain:
        def __init__(self, inner: Any) -> None:
            self.chat = inner.chat

    class Closing(Plain):
        def __init__(self, inner: Any) -> None:
            super().__init__(inner)
            self.aclose = inner.aclose

    good = reference_subject()
    assert good.backend is not None
    opened = good.backend

    def open_plain(endpoint: Endpoint) -> ChatBackend:
        return Plain(opened(endpoint))

    def open_closing(endpoint: Endpoint) -> ChatBackend:
        return Closing(opened(endpoint))

    forever, plain = evolve(good, backend=open_plain), evolve(good, backend=open_closing)

    assert judged("chat.plain", plain) == "passed"
    assert judged("conduct.close-twice", forever) == "not run: the backend has no aclose()"
    assert judged("stream.order", plain) == "not run: the backend has no stream()"
    assert judged("conduct.health", plain) == "not run: the backend has no health()"
    assert judged("errors.bad-key", plain) == judged("conduct.concurrent", plain) == "passed"
    assert judged("conduct.key-in-headers", plain) == judged("conduct.secrets", plain) == "passed"
    assert judged("errors.nonsense", plain) == "passed"


def test_claims_of_a_plain_descriptor_are_empty() -> None:
    """A subject whose descriptor is the contract's own claims what its flags say."""
    stated = modest_subject().descriptor
    descriptor = ChatBackendDescriptor(
        provider=stated.provider,
        model=stated.model,
        cost_class=stated.cost_class,
        typical_latency_ms=stated.typical_latency_ms,
        quality=stated.quality,
    )
    plain = evolve(modest_subject(), descriptor=descriptor)

    assert judged("chat.temperature", plain) == "passed"


def but(subject: Subject, **changes: Any) -> Subject:
    """Give a subject whose descriptor claims something else."""
    return evolve(subject, descriptor=evolve(subject.descriptor, **changes))


def answering(**changes: Any) -> Subject:
    """Give the obedient model with something else in every answer."""
    live = obedient_subject().live
    assert live is not None
    return evolve(obedient_subject(), live=lambda: Broken(live(), whole=lambda response: evolve(response, **changes)))


def bare_live() -> Subject:
    """Give the obedient model without optional fields among its claims."""
    claims = Claims(honours=frozenset(), capabilities={Capability.TOOL_USE: True, Capability.REASONING: True})
    return evolve(obedient_subject(), descriptor=evolve(REFERENCE, claims=claims))


@pytest.mark.parametrize(
    ("check", "subject", "told"),
    [
        pytest.param("live.chat", bare_live(), "passed", id="no limit of the answer"),
        pytest.param("live.tools", bare_live(), "not run: the model called no tool", id="no choice of tools"),
        pytest.param(
            "live.json",
            answering(finish_reason=FinishReason.LENGTH),
            "not run: the answer met the limit before it was whole",
            id="limit met",
        ),
        pytest.param(
            "live.reasoning", answering(parts=()), "not run: the model showed no reasoning", id="no reasoning"
        ),
        pytest.param(
            "live.overflow",
            but(obedient_subject(), capabilities=evolve(REFERENCE.capabilities, context_tokens=1_000_000)),
            "not run: the claimed window is 1000000, and one of up to 32768 tokens is filled",
            id="large window",
        ),
        pytest.param(
            "live.list-models",
            evolve(obedient_subject(), discover=None, exceptions={"list_models": "one model"}),
            "not run: the subject has no discover",
            id="nobody to ask for models, live",
        ),
        pytest.param(
            "conduct.list-models",
            evolve(reference_subject(), discover=None, exceptions={"list_models": "one model"}),
            "not run: the subject has no discover",
            id="nobody to ask for models",
        ),
        pytest.param(
            "live.secrets",
            evolve(obedient_subject(), secrets=()),
            "not run: the subject names no secrets",
            id="no secrets",
        ),
        pytest.param("live.usage", answering(usage_detail=None), "passed", id="no buckets"),
    ],
)
def test_check_that_has_nothing_to_look_at_says_so(check: str, subject: Subject, told: str) -> None:
    """What cannot be seen is neither a success nor a failure."""
    assert judged(check, subject) == told


def test_double_that_says_no_more_than_it_must_is_enough() -> None:
    """Failures inside streams, and whatever is no chat, are not run, each with the reason."""

    class Small(ReferenceDouble):
        failure_event = WireDouble.failure_event
        aside = WireDouble.aside

    small = evolve(reference_subject(), double=Small())

    assert judged("errors.failure-under-way", small) == (
        "not run: its streams tell of no failure, such as server_error"
    )
    with pytest.raises(NotOnThisWireError) as caught:
        Small().aside(CannedRequest(method="GET", path="/models", headers={}, body=b"", connection=0), ["m"])
    assert str(caught.value) == "it answers nothing but chats, and was asked GET /models about ['m']"


def test_backend_that_hangs_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check does not wait for ever."""
    monkeypatch.setattr("converge_provider.testing.conformance.running.LIVE_LIMIT_S", 0.05)
    hanging = evolve(obedient_subject(), live=lambda: ScriptedBackend([HANG]))

    assert judged("live.chat", hanging) == "failed: not over after 0.05 s"


def test_distribution_that_is_not_installed_is_told() -> None:
    """A report never invents a version."""
    report = anyio.run(lambda: certify(evolve(modest_subject(), distribution="acme"), date="2026-11-20", checks=[]))

    assert (report.version, report.spent_usd) == ("not installed", None)
    assert str(BY_ID["chat.plain"]) == "chat.plain"


def test_subject_of_a_type_asks_a_double_for_its_models() -> None:
    """Its ``discover`` is the type's own, and there is nobody to ask but a double."""

    class Type(ScriptedProviderType):
        def descriptors(self, settings: object) -> list[ChatBackendDescriptor]:
            return [REFERENCE]

        async def discover(self, settings: Endpoint) -> Sequence[ChatBackendDescriptor]:
            return [REFERENCE] if settings.url else []

    made = Subject.of_type(
        Type("reference"),
        "reference-1",
        settings=lambda endpoint: endpoint,
        distribution="converge-provider",
        double=ReferenceDouble(),
    )
    assert made.discover is not None

    assert anyio.run(made.discover, Endpoint(url="http://x", key=Secret("k"))) == [REFERENCE]
    with pytest.raises(ValueError) as caught:
        anyio.run(made.discover, None)
    assert str(caught.value) == "a subject made by of_type() is asked for its models at a double only"


def test_effort_that_is_refused_counts_as_refused() -> None:
    """A service that takes no effort at all fails where it claims to take some."""
    claims = evolve(REFERENCE.claims, honours=frozenset({"reasoning_effort"}))
    refusing = evolve(modest_subject(), descriptor=evolve(MODEST, claims=claims), exceptions={})

    assert judged("chat.reasoning-effort", refusing) == "failed: every effort is refused"


def test_answer_that_was_filtered_may_be_an_error() -> None:
    """An adapter raises what is filtered, or says so; both are typed."""
    opened = reference_subject().backend
    assert opened is not None

    def refuse(_response: object) -> ChatResponse:
        reason = "policy"
        raise ContentFiltered(reason)

    def open_typed(endpoint: Endpoint) -> ChatBackend:
        return Broken(opened(endpoint), whole=refuse)

    typed = evolve(reference_subject(), backend=open_typed)

    assert judged("chat.filtered", typed) == "passed"


def test_live_subject_of_a_type_says_who_answers() -> None:
    """At a real service the type's own settings lead there, for answers and for lists, and the report names it."""

    class Type(ScriptedProviderType):
        async def discover(self, settings: NoSettings) -> Sequence[ChatBackendDescriptor]:
            return self.descriptors(settings)

    backend = ScriptedBackend("Good morning.", id="acme/one")
    facts: Any = {"settings": NoSettings(), "distribution": "converge-provider", "server": "acme-server 2.1"}
    made, deaf = (Subject.live_of_type(kind("acme", backend), "one", **facts) for kind in (Type, ScriptedProviderType))
    checks = [BY_ID["live.system"], BY_ID["live.list-models"]]
    report = anyio.run(lambda: certify(made, date="2026-11-20", checks=checks))

    assert report.counts == {"passed": 2}
    assert (report.server, deaf.discover) == ("acme-server 2.1", None)
    assert " at acme-server 2.1, suite " in report.table().splitlines()[0]
    with pytest.raises(ValueError, match="acme does not describe 'two'; it knows one"):
        Subject.live_of_type(Type("acme", backend), "two", **facts)
