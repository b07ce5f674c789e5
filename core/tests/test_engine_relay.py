"""Relayed jobs: who is eligible, what bounds them, and that every end has a code and leaves nothing behind."""

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest
from attrs import define, evolve, field

from converge_provider import (
    AuthDenied,
    Catalogue,
    ConfigurationError,
    ContentFiltered,
    ContextLengthExceeded,
    Engine,
    HedgingSettings,
    InvalidRequest,
    Job,
    JobError,
    JobErrorCode,
    JobReply,
    JobResult,
    JobSink,
    JsonObject,
    LlmError,
    LoopError,
    ModelNotFound,
    NetworkError,
    Outcome,
    Prices,
    ProviderError,
    RateLimited,
    RegisteredChatBackend,
    Relay,
    Resilience,
    RetrySettings,
    Timeout,
    UsageDetail,
    WireFormat,
)
from converge_provider.testing import ManualClock, ScriptedBackend, ScriptedJobs, catalogue_of

if TYPE_CHECKING:
    from converge_provider import Attempt

pytestmark = pytest.mark.anyio

ASKED: JsonObject = {"messages": [{"role": "user", "content": "Hi"}]}
ONCE = Resilience(retry=RetrySettings(attempts=1))


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run every test of this file on both event loops."""
    return str(request.param)


@define
class Taken:
    """A sink that keeps what it is given, slowly if asked to, and may refuse."""

    delay_s: float = 0.0
    refusal: Exception | None = None
    chunks: list[bytes] = field(factory=list[bytes])
    seen: anyio.Event = field(factory=anyio.Event)

    async def send_chunk(self, chunk: bytes) -> None:
        """Keep a piece."""
        if self.refusal is not None:
            raise self.refusal
        if self.delay_s:
            await anyio.sleep(self.delay_s)
        self.chunks.append(chunk)
        self.seen.set()


def job(
    request: JsonObject | None = None, *, model: str = "one", name: str = "j1", spoken: str = "openai", ms: int = 5_000
) -> Job:
    """Make a job."""
    asked = ASKED if request is None else request
    return Job(id=name, model=model, request=asked, format=WireFormat(spoken), deadline_ms=ms)


async def refused(relay: Relay, asked: Job | None = None, sink: JobSink | None = None) -> JobError:
    """Have a job fail, and give the error."""
    with pytest.raises(JobError) as caught:
        await relay.execute(asked or job(), sink or Taken())
    return caught.value


async def test_job_goes_to_a_backend_that_speaks_its_format() -> None:
    """The reply says who did it, why, after which attempts and at what cost; the journal knows it, too."""
    chats, speaks = (
        ScriptedBackend("never", id="acme/one"),
        ScriptedJobs(b"a", b"b", id="beta/one", formats=[WireFormat.OPENAI]),
    )
    engine = Engine(catalogue_of(chats, speaks))
    sink = Taken()
    reply = await engine.relay().execute(job(), sink)

    assert sink.chunks == [b"a", b"b"]
    assert (reply.backend, reply.sent_bytes, len(reply.attempts)) == ("beta/one", 2, 1)
    assert reply.attempts[0].first_event_s is not None
    (rejected,) = reply.decision.rejected
    assert rejected.id == "acme/one"
    assert [reason.gate for reason in rejected.reasons] == ["wire_format"]
    assert "'openai' natively" in rejected.reasons[0].text
    row = engine.journal.get(reply.decision.id)
    assert row is not None
    assert row.outcome is Outcome.ANSWERED


async def test_format_that_nobody_speaks_is_said() -> None:
    """A model that is there but speaks another format is not eligible, and nothing is translated."""
    backend = ScriptedJobs(b"a", id="acme/one", formats=[WireFormat.OPENAI])
    error = await refused(Engine(catalogue_of(backend)).relay(), job(spoken="anthropic"))

    assert error.code is JobErrorCode.NOT_ELIGIBLE
    assert "does not say that it speaks the wire format 'anthropic' natively" in str(error.remedy)
    assert backend.jobs == []


async def test_model_that_nobody_has_is_not_loaded() -> None:
    """A model that no backend has is not loaded; that some other model speaks the format is beside the point."""
    error = await refused(Engine(catalogue_of(ScriptedJobs(b"a", id="acme/one"))).relay(), job(model="two"))

    assert error.code is JobErrorCode.MODEL_NOT_LOADED
    assert (error.job, error.sent_bytes) == ("j1", 0)


@pytest.mark.parametrize(
    "request_",
    [{"model": "two", **ASKED}, {}, {"messages": []}, {"messages": "Hi"}],
    ids=["model", "bare", "none", "odd"],
)
async def test_wrong_request_is_refused_before_anybody_is_asked(request_: JsonObject) -> None:
    """Another model than the job's, or no message at all, is the caller's mistake."""
    backend = ScriptedJobs(b"a", id="acme/one")
    error = await refused(Engine(catalogue_of(backend)).relay(), job(request_))

    assert error.code is JobErrorCode.INVALID_REQUEST
    assert backend.jobs == []


async def test_alias_becomes_the_models_own_name() -> None:
    """A name that restricts the candidates is no model of the server's, so the backend gets the model's own."""
    backend = ScriptedJobs(b"a", id="acme/one")
    await Engine(catalogue_of(backend)).relay().execute(job({"model": "acme/one", **ASKED}, model="acme/one"), Taken())

    (asked,) = backend.jobs
    assert asked.model == "one"
    assert asked.request == ASKED


async def test_usage_is_priced_and_journaled() -> None:
    """What the server said it used is priced as that of any request."""
    backend = ScriptedJobs(b"a", id="acme/one", usage=UsageDetail(input_uncached=1_000_000))
    descriptor = evolve(
        backend.descriptor, claims=evolve(backend.descriptor.claims, prices=Prices(input_usd_per_mtok=Decimal(2)))
    )
    reply = await Engine(Catalogue.of(RegisteredChatBackend(descriptor, backend))).relay().execute(job(), Taken())

    assert reply.cost.usd == 2
    assert reply.usage == UsageDetail(input_uncached=1_000_000).totals()
    assert isinstance(reply, JobReply)


class Witness:
    """An observer that is told at once."""

    name = "witness"
    inline = True

    def __init__(self) -> None:
        """Start with nothing."""
        self.told: list[str] = []

    def observe(self, event: object) -> None:
        """Remember what kind of event it is."""
        self.told.append(type(event).__name__)


async def test_observers_are_told_of_jobs_as_of_any_request() -> None:
    """Decision, attempts and end are told, with those of an attempt that failed before."""
    witness = Witness()
    first, second = ScriptedJobs(NetworkError("gone"), id="acme/one"), ScriptedJobs(b"a", id="beta/one")
    engine = Engine(catalogue_of(first, second), resilience=ONCE, observers=[witness])
    await engine.relay().execute(job(), Taken())

    once = ["DecisionMade", "AttemptStarted", "AttemptFinished"]
    assert witness.told == [*once, "DecisionMade", "RequestSwitched", *once[1:], "RequestFinished"]


async def test_failure_before_the_first_byte_goes_on() -> None:
    """As long as the sink was given nothing, the next candidate is asked."""
    first, second = ScriptedJobs(NetworkError("gone"), id="acme/one"), ScriptedJobs(b"a", id="beta/one")
    engine = Engine(catalogue_of(first, second), resilience=ONCE)
    reply = await engine.relay().execute(job(), Taken())

    assert [attempt.backend for attempt in reply.attempts] == ["acme/one", "beta/one"]


async def test_failure_after_a_byte_ends_the_job() -> None:
    """Bytes of two answers never mix: after the first one nobody else is asked, and the attempt counts as failed."""
    first, second = ScriptedJobs(b"abc", NetworkError("gone"), id="acme/one"), ScriptedJobs(b"x", id="beta/one")
    sink = Taken()
    error = await refused(Engine(catalogue_of(first, second)).relay(), job(), sink)

    assert (error.code, error.sent_bytes, sink.chunks) == (JobErrorCode.BACKEND_UNREACHABLE, 3, [b"abc"])
    assert second.jobs == []
    cause = error.__cause__
    assert isinstance(cause, LlmError)
    assert [cast("Attempt", attempt).outcome for attempt in cause.attempts] == [Outcome.FAILED]


async def test_jobs_are_never_hedged() -> None:
    """Two backends never write to one sink, whatever the engine's settings say of hedging."""
    first, second = ScriptedJobs(0.05, b"a", id="acme/one"), ScriptedJobs(b"x", id="beta/one")
    hedging = HedgingSettings(enabled=True, delay_s=0.0, share=1.0)
    engine = Engine(catalogue_of(first, second), resilience=Resilience(hedging=hedging))
    sink = Taken()
    await engine.relay().execute(job(), sink)

    assert sink.chunks == [b"a"]
    assert second.jobs == []


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (ModelNotFound("one"), "model_not_loaded"),
        (InvalidRequest("no"), "invalid_request"),
        (ContextLengthExceeded(1, 2), "context_length_exceeded"),
        (ContentFiltered("no"), "content_filtered"),
        (AuthDenied("no"), "auth_rejected_by_backend"),
        (RateLimited(0.0, "slow"), "rate_limited_by_backend"),
        (NetworkError("gone"), "backend_unreachable"),
        (Timeout(1, 1), "backend_timeout"),
        (ProviderError("down", "503"), "backend_failed"),
        (RuntimeError("sk-secret"), "backend_failed"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
async def test_every_failure_has_a_code_of_its_own(failure: Exception, code: str) -> None:
    """What a backend raises has a truthful code; a stranger's text stays out."""
    error = await refused(Engine(catalogue_of(ScriptedJobs(failure, id="acme/one")), resilience=ONCE).relay())

    assert str(error.code) == code
    assert str(error).startswith(f"{code}: ")
    assert "sk-secret" not in str(error)


async def test_capacity_is_refused_at_once_and_never_leaks() -> None:
    """One job more than allowed is refused without waiting; whatever their end, jobs give their place back, once."""
    backend = ScriptedJobs(b"a", 30.0, id="acme/one")
    relay = Engine(catalogue_of(backend)).relay(max_concurrent=2)

    async def cancelled(name: str) -> None:
        assert (await refused(relay, job(name=name))).code is JobErrorCode.CANCELLED

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cancelled, "j1")
        tasks.start_soon(cancelled, "j2")
        await anyio.wait_all_tasks_blocked()
        assert relay.in_flight == 2
        with anyio.fail_after(1):
            assert (await refused(relay, job(name="j3"))).code is JobErrorCode.OUT_OF_CAPACITY
        assert relay.in_flight == 2
        assert (relay.cancel("j1"), relay.cancel("j1"), relay.cancel("j2"), relay.cancel("j9")) == (
            True,
            True,
            True,
            False,
        )
    assert relay.in_flight == 0
    assert relay.cancel("j1") is False


async def test_id_of_a_job_under_way_is_refused() -> None:
    """Two jobs of one id could not be told apart when one is cancelled; the first one goes on."""
    relay = Engine(catalogue_of(ScriptedJobs(b"a", 30.0, id="acme/one"))).relay()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(refused, relay, job())
        await anyio.wait_all_tasks_blocked()
        assert (await refused(relay)).code is JobErrorCode.INVALID_REQUEST
        assert relay.in_flight == 1
        relay.cancel("j1")
    assert relay.in_flight == 0


async def test_caller_that_is_cancelled_gives_its_place_back() -> None:
    """A cancelled task ends its job, which is no failure of the backend's."""
    engine = Engine(catalogue_of(ScriptedJobs(b"a", 30.0, id="acme/one")))
    relay, sink = engine.relay(), Taken()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(relay.execute, job(), sink)
        await sink.seen.wait()
        tasks.cancel_scope.cancel()

    assert relay.in_flight == 0
    assert [row.outcome for row in engine.journal.latest(1)] == [Outcome.CANCELLED]


@pytest.mark.parametrize("steps", [(30.0,), (b"abc", 30.0)], ids=["before", "after"])
async def test_deadline_ends_a_job(steps: tuple[bytes | float, ...]) -> None:
    """The job's own deadline holds, before the first byte and after it; the error says how much had arrived."""
    relay = Engine(catalogue_of(ScriptedJobs(*steps, id="acme/one"))).relay()
    error = await refused(relay, job(ms=50))

    assert error.code is JobErrorCode.BACKEND_TIMEOUT
    assert error.sent_bytes == (3 if len(steps) == 2 else 0)


async def test_sink_that_takes_too_long_ends_the_job() -> None:
    """Back-pressure has an end, and a slow reader is no failure of the backend's."""
    engine = Engine(catalogue_of(ScriptedJobs(b"abc", b"d", id="acme/one")))
    error = await refused(engine.relay(sink_timeout_s=0.05), job(), Taken(delay_s=30.0))

    assert (error.code, error.sent_bytes) == (JobErrorCode.SINK_STALLED, 0)
    assert "3 bytes within 0.05 s" in str(error)
    assert [row.outcome for row in engine.journal.latest(1)] == [Outcome.CLOSED]


async def test_sink_has_five_seconds_unless_told_otherwise() -> None:
    """By default a piece may wait for five seconds of the engine's clock."""
    clock = ManualClock()
    relay = Engine(catalogue_of(ScriptedJobs(b"abc", id="acme/one")), clock=clock).relay()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(refused, relay, job(ms=60_000), Taken(delay_s=30.0))
        await anyio.wait_all_tasks_blocked()
        clock.advance(4.9)
        await anyio.wait_all_tasks_blocked()
        assert relay.in_flight == 1
        clock.advance(0.2)


async def test_sink_that_refuses_ends_the_job() -> None:
    """What the sink raises is the cause, and its text stays out of what goes over the wire."""
    refusal = RuntimeError("private")
    error = await refused(
        Engine(catalogue_of(ScriptedJobs(b"abc", id="acme/one"))).relay(), job(), Taken(refusal=refusal)
    )

    assert error.code is JobErrorCode.SINK_FAILED
    assert error.__cause__ is refusal
    assert "private" not in str(error)


class Stubborn(ScriptedJobs):
    """A backend that does not mind what its sink raises."""

    async def execute(self, job: Job, sink: JobSink) -> JobResult:
        """Go on twice."""
        for _ in range(2):
            try:
                await sink.send_chunk(b"abc")
            except JobError:
                continue
        return JobResult(duration_ms=0, sent_bytes=6)


async def test_backend_cannot_hide_that_the_sink_failed() -> None:
    """After a failure the sink gets nothing more, and the job has failed whatever the backend says."""
    sink = Taken(refusal=RuntimeError())
    error = await refused(Engine(catalogue_of(Stubborn(id="acme/one"))).relay(), job(), sink)

    assert (error.code, error.sent_bytes) == (JobErrorCode.SINK_FAILED, 0)


class Claiming(ScriptedBackend):
    """A backend that claims to relay and cannot, or gives nonsense."""

    def __init__(self, *, sends: bytes = b"", executes: bool = True) -> None:
        """Take what it sends first."""
        super().__init__(id="acme/one", claims=ScriptedJobs().descriptor.claims)
        self._sends = sends
        if executes:
            self.execute = self._execute

    async def _execute(self, _: Job, sink: JobSink) -> object:
        if self._sends:
            await sink.send_chunk(self._sends)
        return "done"


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        (Claiming(executes=False), "has no execute(), a defect of its plugin"),
        (Claiming(), "a str instead of a JobResult"),
        (Claiming(sends=b"abc"), "a str instead of a JobResult"),
    ],
    ids=["no-method", "nonsense", "nonsense-after-bytes"],
)
async def test_plugin_that_does_not_keep_its_claim_is_named(backend: Claiming, said: str) -> None:
    """A backend that claims to relay and does not is one clear error."""
    error = await refused(Engine(catalogue_of(backend), resilience=ONCE).relay())

    assert error.code is JobErrorCode.BACKEND_FAILED
    assert said in str(error)


NEEDY: tuple[tuple[JsonObject, str], ...] = (
    ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}, "tool_use"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}]}, "vision"),
    ({"messages": [{"role": "user", "content": [{"type": "document", "source": {}}]}]}, "documents"),
    ({"messages": [{"role": "user", "content": [{"type": "tool_result", "content": [{"type": "image"}]}]}]}, "vision"),
)


@pytest.mark.parametrize(("parts", "gate"), NEEDY, ids=["tools", "image", "document", "image-of-a-tool"])
async def test_needs_are_read_from_the_callers_json(parts: JsonObject, gate: str) -> None:
    """Every gate holds for a relayed request, in either format's spelling."""
    error = await refused(Engine(catalogue_of(ScriptedJobs(b"a", id="acme/one"))).relay(), job({**ASKED, **parts}))

    assert error.code is JobErrorCode.NOT_ELIGIBLE
    cause = error.__cause__
    assert isinstance(cause, LlmError)
    assert gate in str(cause.remedy) + str(cause)


@pytest.mark.parametrize(
    "odd",
    [
        {"tools": "none", "max_tokens": True, "system": [{"type": "text", "text": "Be brief."}]},
        {"tools": [], "max_tokens": 2**40, "system": "Be brief.", "messages": [{"content": [1, {"type": ["x"]}]}]},
        {"max_completion_tokens": 5, "messages": [{"role": "developer", "content": None}]},
    ],
    ids=["words", "numbers", "roles"],
)
async def test_odd_requests_are_the_servers_to_refuse(odd: JsonObject) -> None:
    """What has no known shape goes along untouched."""
    backend = ScriptedJobs(b"a", id="acme/one")
    await Engine(catalogue_of(backend)).relay().execute(job({**ASKED, **odd}), Taken())

    assert backend.jobs[0].request == {**ASKED, **odd}


@pytest.mark.parametrize("value", [0, -1, True, 1.5], ids=repr)
async def test_number_of_jobs_that_makes_no_sense_is_refused(value: Any) -> None:
    """At least one whole job may be under way."""
    with pytest.raises(ConfigurationError, match="max_concurrent must be"):
        Engine(catalogue_of()).relay(max_concurrent=value)


@pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan, "5"], ids=repr)
async def test_time_of_a_sink_that_makes_no_sense_is_refused(value: Any) -> None:
    """A sink has some time, and never for ever."""
    with pytest.raises(ConfigurationError, match="sink_timeout_s must be"):
        Engine(catalogue_of()).relay(sink_timeout_s=value)


async def test_closed_engine_takes_no_jobs() -> None:
    """A relay lives as long as its engine."""
    engine = Engine(catalogue_of(ScriptedJobs(b"a", id="acme/one")))
    relay = engine.relay()
    await engine.aclose()

    with pytest.raises(LoopError):
        await relay.execute(job(), Taken())
