"""One request, one answer, and how it came about."""

from collections.abc import Mapping
from decimal import Decimal
from random import Random

import anyio
import pytest

from converge_provider import (
    BackendDescriptor,
    BackendErrorKind,
    CandidateView,
    Catalogue,
    ChatBackendSelectionConfig,
    ChatMessage,
    ChatRequest,
    ChatResponse,
    Claims,
    CostClass,
    EnabledPolicy,
    Engine,
    InvalidRequest,
    Outcome,
    PolicyError,
    PriceHours,
    Prices,
    ProviderError,
    RegisteredChatBackend,
    Reply,
    SelectionCriteria,
    TokenUsage,
    UsageDetail,
    codec,
    policy,
)
from converge_provider.errors import BackendError
from converge_provider.testing import ManualClock, ScriptedBackend, catalogue_of

pytestmark = pytest.mark.anyio

PRICES = Prices(input_usd_per_mtok=Decimal(2), output_usd_per_mtok=Decimal(10))


async def test_chat_of_a_text_asks_as_the_user_and_gives_the_answer() -> None:
    """A text becomes one user message, and the reply names who answered it."""
    backend = ScriptedBackend("Hello.", id="acme/one")

    reply = await Engine(catalogue_of(backend)).chat("Hi")

    assert reply.content == "Hello."
    assert reply.backend == "acme/one"
    assert backend.calls == [ChatRequest(messages=[ChatMessage.user("Hi")])]


async def test_chat_of_a_request_hands_it_on_unchanged() -> None:
    """A backend gets the host's request as it is."""
    backend = ScriptedBackend("Hello.")
    request = ChatRequest(messages=[ChatMessage.user("Hi")], system="Be brief.", max_tokens=7)

    await Engine(catalogue_of(backend)).chat(request)

    assert backend.calls == [request]


async def test_reply_carries_everything_that_the_backend_answered() -> None:
    """No field of the backend's response is lost on the way."""
    response = ChatResponse(
        content="Hello.",
        usage=TokenUsage(prompt_tokens=3, completion_tokens=2, total_tokens=5),
        model="one-2026",
        metadata={"vendor": "says"},
    )

    class Plain:
        async def chat(self, request: ChatRequest) -> ChatResponse:
            return response

    catalogue = Catalogue.of(RegisteredChatBackend(ScriptedBackend().descriptor, Plain()))
    reply = await Engine(catalogue).chat("Hi")

    assert (reply.content, reply.usage, reply.model, reply.metadata) == (
        response.content,
        response.usage,
        response.model,
        response.metadata,
    )
    assert reply.decision.chosen == reply.backend


async def test_reply_records_its_one_attempt() -> None:
    """An attempt has a number, a backend, a time by the engine's clock, and an outcome."""
    clock = ManualClock(now_s=1000.0, autojump=True)
    engine = Engine(catalogue_of(ScriptedBackend([2.5, "Hello."], id="acme/one", clock=clock)), clock=clock)

    reply = await engine.chat("Hi")

    (attempt,) = reply.attempts
    assert (attempt.number, attempt.backend, attempt.started_s, attempt.elapsed_s) == (1, "acme/one", 1000.0, 2.5)
    assert (attempt.outcome, attempt.error) == (Outcome.ANSWERED, None)


async def test_reply_has_a_document_like_every_value() -> None:
    """A reply goes through the codec and back, with its decision and attempts."""
    reply = await Engine(catalogue_of(ScriptedBackend("Hello."))).chat("Hi")

    assert codec.load(Reply, codec.dump(reply)) == reply


async def test_cost_is_exact_when_prices_and_usage_are_known() -> None:
    """Money is the sum of the priced buckets, without rounding."""
    usage = UsageDetail(input_uncached=1000, output=500)
    response = ChatResponse(content="Hello.", usage=usage.totals(), usage_detail=usage)

    reply = await Engine(catalogue_of(ScriptedBackend(response, claims=Claims(prices=PRICES)))).chat("Hi")

    assert reply.cost.usd == Decimal("0.007")


@pytest.mark.parametrize(("now_s", "usd"), [(1_800_003_599.0, "1"), (1_800_003_600.0, "5")], ids=["before", "in"])
async def test_cost_is_that_of_the_moment_of_the_attempt(now_s: float, usd: str) -> None:
    """Where prices change with the hour, the engine's clock says which hour it was."""
    busy = PriceHours(from_utc_min=9 * 60, until_utc_min=10 * 60, output_usd_per_mtok=Decimal(5))
    prices = Prices(input_usd_per_mtok=Decimal(1), output_usd_per_mtok=Decimal(1), hours=[busy])
    usage = UsageDetail(output=1_000_000)
    backend = ScriptedBackend(ChatResponse(content="Hello.", usage_detail=usage), claims=Claims(prices=prices))
    clock = ManualClock(now_s=now_s, autojump=True)

    reply = await Engine(catalogue_of(backend), clock=clock).chat("Hi")

    assert reply.cost.usd == Decimal(usd)


@pytest.mark.parametrize(
    ("claims", "detail", "why"),
    [
        pytest.param(
            Claims(),
            UsageDetail(output=1),
            "nobody has stated its prices; state them as claims, or run: pip install converge-catalogue",
            id="no-prices",
        ),
        pytest.param(Claims(prices=PRICES), None, "did not say in detail", id="no-usage"),
        pytest.param(
            Claims(prices=Prices(input_usd_per_mtok=Decimal(1))),
            UsageDetail(output=1),
            "output",
            id="one-price-missing",
        ),
    ],
)
async def test_cost_is_said_to_be_unknown_with_the_reason(claims: Claims, detail: UsageDetail | None, why: str) -> None:
    """What cannot be priced is unknown, never zero."""
    response = ChatResponse(content="Hello.", usage_detail=detail)

    reply = await Engine(catalogue_of(ScriptedBackend(response, claims=claims))).chat("Hi")

    assert reply.cost.usd is None
    assert why in str(reply.cost)


@pytest.mark.parametrize("pin", ["b/2", "2", "second"], ids=["id", "model", "alias"])
async def test_backend_argument_pins_by_id_model_and_alias(pin: str) -> None:
    """The backend that a host names answers, although another one scores better."""
    best = ScriptedBackend("best", id="a/1", quality=1.0)
    named = ScriptedBackend("named", id="b/2", quality=0.1)
    plain = catalogue_of(best, named)
    catalogue = Catalogue(entries=plain.entries, providers=plain.providers, aliases={"second": "b/2"})

    reply = await Engine(catalogue).chat("Hi", backend=pin)

    assert reply.content == "named"


async def test_pinned_backend_must_still_pass_the_gates() -> None:
    """Naming a backend does not waive what the host asks for."""
    engine = Engine(catalogue_of(ScriptedBackend("never", id="a/1", cost_class=CostClass.VERY_HIGH)))

    with pytest.raises(ProviderError) as caught:
        await engine.chat("Hi", backend="a/1", criteria=SelectionCriteria.interactive())

    assert "cost class" in str(caught.value.remedy)
    assert caught.value.attempts == ()


async def test_unknown_pin_suggests_the_nearest_name() -> None:
    """A misspelt backend fails before any call, and the remedy names the one that was meant."""
    backend = ScriptedBackend("never", id="acme/large")

    with pytest.raises(ProviderError) as caught:
        await Engine(catalogue_of(backend)).chat("Hi", backend="acme/lagre")

    assert "acme/large" in str(caught.value.remedy)
    assert backend.calls == []


async def test_model_of_a_request_reaches_the_backend_as_its_own_name() -> None:
    """A request that restricts by backend id is sent with the model's own name."""
    backend = ScriptedBackend("Hello.", id="acme/one")

    await Engine(catalogue_of(backend)).chat(ChatRequest(messages=[ChatMessage.user("Hi")], model="acme/one"))

    assert backend.calls[0].model == "one"


async def test_configured_selection_counts_when_a_call_says_nothing() -> None:
    """Criteria and provider of the engine's selection are the defaults of its calls."""
    cheap = ScriptedBackend("cheap", "cheap", id="cheap/1", quality=0.7)
    dear = ScriptedBackend("dear", id="dear/1", quality=1.0, cost_class=CostClass.VERY_HIGH)
    selection = ChatBackendSelectionConfig(criteria=SelectionCriteria.interactive(), provider_override="CHEAP")
    engine = Engine(catalogue_of(cheap, dear), selection=selection)

    reply = await engine.chat("Hi")

    assert reply.backend == "cheap/1"
    assert reply.decision.criteria == SelectionCriteria.interactive()


async def test_named_backend_outweighs_the_configured_provider() -> None:
    """A provider that is only configured gives way to a backend that the call names."""
    selection = ChatBackendSelectionConfig(criteria=SelectionCriteria.interactive(), provider_override="a")
    engine = Engine(catalogue_of(ScriptedBackend("a", id="a/1"), ScriptedBackend("b", id="b/1")), selection=selection)

    reply = await engine.chat("Hi", backend="b/1")

    assert reply.backend == "b/1"


@pytest.mark.parametrize("empty", ["", " \n", ChatRequest(messages=[])], ids=["nothing", "blank", "no-message"])
async def test_request_that_says_nothing_is_refused_before_any_call(empty: ChatRequest | str) -> None:
    """An empty prompt is the caller's mistake, found at once."""
    backend = ScriptedBackend("never")

    with pytest.raises(InvalidRequest):
        await Engine(catalogue_of(backend)).chat(empty)

    assert backend.calls == []


async def test_request_of_another_type_is_refused_in_one_line() -> None:
    """What is neither a request nor a text is named."""
    given: object = ["Hi"]

    with pytest.raises(TypeError, match="a ChatRequest or a text is expected, got a list"):
        await Engine(catalogue_of(ScriptedBackend())).chat(given)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_backend_without_chat_is_read_from_its_stream() -> None:
    """A backend that only streams answers chat requests too."""
    scripted = ScriptedBackend(["Hel", "lo"])
    catalogue = Catalogue.of(RegisteredChatBackend(scripted.descriptor, scripted.stream_only()))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    reply = await Engine(catalogue).chat("Hi")

    assert reply.content == "Hello"
    assert scripted.running == 0


async def test_backend_is_opened_once_and_closed_with_the_engine() -> None:
    """The handle is shared by all calls and closed when the engine is left."""
    backend = ScriptedBackend("one", "two")

    async with Engine(catalogue_of(backend)) as engine:
        await engine.chat("Hi")
        await engine.chat("Hi")
        assert backend.closed == 0

    assert backend.closed == 1


async def test_backend_that_fails_to_close_keeps_nobody_from_closing() -> None:
    """One broken backend does not leave the others open."""

    class Broken(ScriptedBackend):
        async def aclose(self) -> None:
            message = "no"
            raise RuntimeError(message)

    broken, sound = Broken("one", id="a/1"), ScriptedBackend("two", id="b/1")

    async with Engine(catalogue_of(broken, sound)) as engine:
        await engine.chat("Hi", backend="a/1")
        await engine.chat("Hi", backend="b/1")

    assert sound.closed == 1


async def test_backend_that_hangs_while_closing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing is bounded: the engine's end does not depend on a backend's."""
    from converge_provider.engine import handles

    class Stuck(ScriptedBackend):
        async def aclose(self) -> None:
            await anyio.sleep_forever()

    monkeypatch.setattr(handles, "_CLOSING_S", 0.02)

    with anyio.fail_after(5):
        async with Engine(catalogue_of(Stuck("one"))) as engine:
            await engine.chat("Hi")


async def test_failing_policy_ends_the_request_with_its_error() -> None:
    """A policy that gives nonsense is the host's matter, not an attempt's."""

    @policy
    def nonsense(view: CandidateView, options: object) -> list[float]:
        return [7.0] * len(view)

    engine = Engine(catalogue_of(ScriptedBackend("never")), policies=[EnabledPolicy(nonsense)])

    with pytest.raises(PolicyError, match="nonsense"):
        await engine.chat("Hi")

    assert engine.journal.latest(1) == []


async def test_same_random_numbers_give_the_same_ids() -> None:
    """With the clock and the random numbers injected, a request's decision is the same again."""

    async def ask() -> str:
        engine = Engine(catalogue_of(ScriptedBackend("Hello.")), clock=ManualClock(), random=Random(7))
        return (await engine.chat("Hi")).decision.id

    assert await ask() == await ask()


async def test_select_chooses_as_chat_does_and_calls_nobody() -> None:
    """A dry run gives the same answer to the same question."""
    backends = [ScriptedBackend("Hello.", id=f"p{i}/m", quality=i / 10) for i in range(5)]
    engine = Engine(catalogue_of(*backends))

    decision = engine.select("Hi")

    assert all(not backend.calls for backend in backends)
    assert decision.chosen == (await engine.chat("Hi")).backend


KINDS: Mapping[BackendErrorKind, str] = {
    BackendErrorKind.AUTHENTICATION: "AuthDenied",
    BackendErrorKind.RATE_LIMIT: "RateLimited",
    BackendErrorKind.INVALID_REQUEST: "InvalidRequest",
    BackendErrorKind.UNAVAILABLE: "NetworkError",
    BackendErrorKind.NETWORK: "NetworkError",
    BackendErrorKind.BACKEND_ERROR: "ProviderError",
    BackendErrorKind.PARSE_ERROR: "ProviderError",
    BackendErrorKind.TIMEOUT: "Timeout",
    BackendErrorKind.UNSUPPORTED_CAPABILITY: "ProviderError",
    BackendErrorKind.RESOURCE_EXHAUSTED: "ProviderError",
    BackendErrorKind.CONFIGURATION: "ProviderError",
}


@pytest.mark.parametrize("kind", BackendErrorKind, ids=str)
async def test_generic_errors_become_members_of_the_family(kind: BackendErrorKind) -> None:
    """An error of the generic family is raised as the chat error that means the same."""
    from converge_provider import LlmError

    engine = Engine(catalogue_of(ScriptedBackend(BackendError(kind, "because"))))

    with pytest.raises(LlmError) as caught:
        await engine.chat("Hi")

    assert type(caught.value).__name__ == KINDS[kind]
    assert isinstance(caught.value.__cause__, BackendError)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        pytest.param(KeyError("sk-secret"), "provider error: the backend raised KeyError", id="defect"),
        pytest.param(ConnectionResetError("sk-secret"), "network error: the backend raised Connection", id="os-error"),
        pytest.param(TimeoutError("sk-secret"), "timeout after", id="timeout"),
    ],
)
async def test_foreign_exceptions_are_named_but_not_quoted(raised: Exception, expected: str) -> None:
    """A stranger's exception becomes one of the family; its text, which may hold a secret, is only its cause's."""
    from converge_provider import LlmError

    engine = Engine(catalogue_of(ScriptedBackend(raised)))

    with pytest.raises(LlmError) as caught:
        await engine.chat("Hi")

    assert str(caught.value).startswith(expected)
    assert "sk-secret" not in str(caught.value)
    assert type(caught.value.__cause__) is type(raised)


async def test_answer_of_another_type_is_a_defect_of_the_backend() -> None:
    """A backend that returns rubbish is found out, and its plugin is blamed."""

    class Rubbish:
        async def chat(self, request: ChatRequest) -> ChatResponse:
            return "Hello."  # type: ignore[return-value]  # pyright: ignore[reportReturnType]

    engine = Engine(Catalogue.of(RegisteredChatBackend(ScriptedBackend().descriptor, Rubbish())))

    with pytest.raises(ProviderError, match="answered with a str instead of a ChatResponse"):
        await engine.chat("Hi")


async def test_engine_without_backends_says_what_to_install() -> None:
    """With nothing installed the error tells how to change that."""
    with pytest.raises(ProviderError) as caught:
        await Engine(catalogue_of()).chat("Hi")

    assert "pip install" in str(caught.value.remedy)


def test_descriptor_of_a_scripted_backend_is_what_the_catalogue_holds() -> None:
    """What the double says of itself reaches selection unchanged."""
    backend = ScriptedBackend(id="acme/one", quality=0.3)

    (entry,) = catalogue_of(backend).entries

    assert isinstance(backend.descriptor, BackendDescriptor)
    assert (entry.id, entry.descriptor.quality) == ("acme/one", 0.3)
