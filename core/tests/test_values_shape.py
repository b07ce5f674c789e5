"""What all values have in common: frozen, slotted, keyword-only, hashable, picklable, and their own."""

import copy
import importlib
import inspect
import pickle
import pkgutil
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import attrs
import pytest

import converge_provider.contract
import converge_provider.values
from converge_provider import (
    AgentRequirements,
    AudioPart,
    BackendDescriptor,
    BackendKind,
    BackendRequirements,
    BackendSwitched,
    CacheHint,
    Capability,
    CapabilityAssignment,
    Certification,
    ChatBackendCapabilities,
    ChatBackendDescriptor,
    ChatBackendSelectionConfig,
    ChatMessage,
    ChatRequest,
    ChatResponse,
    Citation,
    Claims,
    ComplianceLevel,
    Constraints,
    Conversation,
    Cost,
    CostClass,
    DataSovereignty,
    DocumentPart,
    EnabledPolicy,
    Experience,
    Finished,
    Health,
    ImagePart,
    Job,
    JobResult,
    LatencyRule,
    LocalEngine,
    LocalPlace,
    Measured,
    NoOptions,
    PolicyChoice,
    PriceHours,
    Prices,
    PriceTier,
    ProviderAssignment,
    ProviderRequest,
    Rates,
    ReasoningBlock,
    ReasoningDelta,
    ReasoningPart,
    RegisteredChatBackend,
    RequiredCapabilities,
    ResolvedChatBackend,
    RiskTier,
    RoutingPolicy,
    Scores,
    SelectionCriteria,
    StateView,
    TaskQuality,
    TextDelta,
    TextPart,
    TokenUsage,
    ToolCall,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallMalformed,
    ToolCallStarted,
    ToolChoice,
    ToolDefinition,
    UsageDetail,
    UsageReported,
    WireFormat,
    policy,
)
from converge_provider.values.claims import FactSource
from converge_provider.values.scalars import IntRange


class Deaf:
    """A backend that never answers; equal to itself only."""

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """Answer nothing, once asked."""
        return ChatResponse(content="")


def last_word(view: Any, options: Any) -> list[float]:
    """Score every candidate alike."""
    return [1.0] * len(view)


DEAF = Deaf()
CALL = ToolCall(id="c1", name="f", arguments="{}")
DESCRIPTOR = ChatBackendDescriptor(
    provider="p", model="m", cost_class=CostClass.LOW, typical_latency_ms=10, quality=0.5
)
RICH = ChatRequest(
    messages=[
        ChatMessage.user("hi"),
        ChatMessage.assistant("", tool_calls=[CALL]),
        ChatMessage.tool("c1", "42"),
        ChatMessage(
            role=ChatMessage.user("").role,
            parts=[
                TextPart(text="look"),
                ImagePart(media_type="image/png", data=b"png"),
                DocumentPart(media_type="application/pdf", url="https://example.org/a.pdf", name="a"),
                AudioPart(media_type="audio/wav", data=b"wav"),
                ReasoningPart(text="hm", signature="s"),
            ],
        ),
    ],
    tools=[ToolDefinition(name="f", description="d", parameters={"type": "object", "required": ["a"]})],
    stop_sequences=["END"],
    tool_choice=ToolChoice.named("f"),
    response_schema={"type": "object"},
    cache_hints=[CacheHint(after_message=0)],
    metadata={"who": "me"},
    extra={"top_k": 3, "deep": {"er": [1, 2.5, None, True]}},
)

SAMPLES: tuple[object, ...] = (
    AgentRequirements.powerful(),
    AudioPart(media_type="audio/wav", data=b"x"),
    BackendDescriptor.unstated("p", "m", claims=Claims(country="SE")),
    BackendRequirements.reasoning_llm(),
    BackendSwitched("a/b", "c/d", "cut"),
    CacheHint(),
    CapabilityAssignment(capability=Capability.TOOL_USE, backend_name="b"),
    Certification(name="SOC2", source="the auditor", as_of=date(2026, 1, 2)),
    ChatBackendCapabilities(context_tokens=8192, vision=True),
    DESCRIPTOR,
    ChatBackendSelectionConfig(provider_override="x"),
    RICH.messages[3],
    RICH,
    ChatResponse(content="hi", tool_calls=[CALL], metadata={"a": "b"}, parts=[TextPart(text="hi")]),
    Citation(url="https://example.org"),
    Claims(
        as_of=date(2026, 11, 20),
        capabilities={Capability.TOOL_USE: True, Capability.other("Singing"): False},
        honours=["seed"],
        data_sovereignty=frozenset({DataSovereignty.EU}),
        compliance=frozenset({ComplianceLevel.GDPR}),
        prices=Prices(input_usd_per_mtok=Decimal("0.25")),
    ),
    Constraints(max_usd_per_request=Decimal("0.25"), allow=["acme"], risk_tier=RiskTier.HIGH),
    Conversation(system="Be brief.").user("hi"),
    Cost(usd=Decimal("0.0075")),
    DocumentPart(media_type="application/pdf", data=b"x"),
    EnabledPolicy(policy(last_word), 2.0, NoOptions()),
    Experience(request_id="1", number=1, backend="a/b", outcome="answered", elapsed_s=0.5),
    Finished(ChatResponse(content="hi")),
    Health(reachable=True, healthy=False, detail="busy"),
    ImagePart(media_type="image/png", url="https://example.org/a.png"),
    IntRange(0, 1),
    Job(id="j", model="m", request={"messages": []}, format=WireFormat.OPENAI),
    JobResult(usage_detail=UsageDetail(output=5), duration_ms=7, sent_bytes=9),
    LatencyRule(percentile=95, samples=20),
    LocalEngine(url="http://127.0.0.1:1", models=[DESCRIPTOR], settings={"base_url": "x"}, latency_s=0.1),
    LocalPlace(port=1, rank=2, start="begin"),
    Measured(latency_s=1.5, latency_samples=3),
    NoOptions(),
    PolicyChoice(name="p", options={"a": [1]}),
    PriceHours(from_utc_min=60, until_utc_min=240, input_usd_per_mtok=Decimal(3)),
    Prices(output_usd_per_mtok=Decimal(1), tiers=[PriceTier(above_input_tokens=1)]),
    PriceTier(above_input_tokens=200_000, input_usd_per_mtok=Decimal(2)),
    ProviderAssignment(request_id="r", assignments=[], unmatched=[Capability.REPLAY], coverage_ratio=0.0),
    ProviderRequest(id="r", required_capabilities=[Capability.REPLAY]),
    Rates(input_usd_per_mtok=Decimal(1)),
    ReasoningBlock("t", "s"),
    ReasoningDelta("t"),
    ReasoningPart(text="t", signature="s", redacted=True),
    RegisteredChatBackend(DESCRIPTOR, DEAF),
    RequiredCapabilities(tool_use=True, min_context_tokens=1),
    ResolvedChatBackend(DESCRIPTOR, DEAF),
    RoutingPolicy.default_deny_remote(),
    Scores(values=(1.0,), vetoes={0: "no"}),
    SelectionCriteria.analysis(),
    StateView(measured={"a/b": Measured(in_flight=1)}, key="k", remembered={"p": {"a": 1}}),
    TaskQuality(task="coding", score=0.5, benchmark="ours"),
    FactSource(said_by="configuration", source="the auditor", as_of=date(2026, 1, 2)),
    TextDelta("t"),
    TextPart(text="t"),
    TokenUsage(prompt_tokens=1, completion_tokens=2, total_tokens=3),
    CALL,
    ToolCallDelta(0, "{"),
    ToolCallFinished(0, CALL),
    ToolCallMalformed(0, CALL, "no JSON"),
    ToolCallStarted(0, "c1", "f"),
    ToolChoice.named("f"),
    RICH.tools[0],
    UsageDetail(output=5),
    UsageReported(UsageDetail(output=5)),
    policy(last_word),
)
NAMES = [type(sample).__name__ for sample in SAMPLES]
POSITIONAL = {RegisteredChatBackend, ResolvedChatBackend, ToolChoice, EnabledPolicy, IntRange, type(policy(last_word))}
"""The contract's one class, its twin, and small ones of our own; stream events are positional too."""
HANDLES = {RegisteredChatBackend, ResolvedChatBackend, EnabledPolicy, type(policy(last_word))}
"""Classes that hold what a host has made: copied with them, not by value."""


def _classes() -> Iterator[type]:
    for package in (converge_provider.values, converge_provider.contract):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(found.name)
            for _, cls in inspect.getmembers(module, inspect.isclass):
                if cls.__module__ == module.__name__ and attrs.has(cls):
                    yield cls


def _fields(sample: object) -> "tuple[attrs.Attribute[Any], ...]":
    cls: Any = type(sample)
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(cls)
    return fields


def _by_name(sample: object) -> dict[str, Any]:
    return {field.alias or field.name: getattr(sample, field.name) for field in _fields(sample)}


def test_every_value_class_has_a_sample() -> None:
    """No attrs class of the values and the contract is missing from these tests."""
    hidden = {"_Media", "_Reader"}

    assert {cls.__name__ for cls in _classes()} - hidden == set(NAMES)


@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
def test_value_is_frozen_and_slotted(sample: object) -> None:
    """No field can be set or deleted, and no other attribute can be put beside the fields."""
    assert not hasattr(sample, "__dict__")
    for name in [*(field.name for field in _fields(sample)), "new_attribute"]:
        with pytest.raises((AttributeError, TypeError)):
            setattr(sample, name, 1)
        with pytest.raises((AttributeError, TypeError)):
            delattr(sample, name)


@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
def test_value_takes_its_fields_by_name(sample: object) -> None:
    """Every class is made by keyword, and but for a few named ones only so."""
    cls: Any = type(sample)
    by_name = _by_name(sample)

    assert cls(**by_name) == sample
    events = cls.__module__.endswith(".events")
    if by_name and cls not in POSITIONAL and not events:
        with pytest.raises(TypeError, match="positional"):
            cls(*by_name.values())


@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
def test_value_is_hashable_and_equal_by_value(sample: object) -> None:
    """A value can stand in a set, also one that holds mappings, and equals another of the same content."""
    cls: Any = type(sample)
    twin = cls(**_by_name(sample))

    assert twin == sample
    assert hash(twin) == hash(sample)
    assert len({twin, sample}) == 1
    assert sample != object()


@pytest.mark.parametrize("sample", [s for s in SAMPLES if type(s) not in HANDLES], ids=str)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_value_survives_pickling(sample: object, protocol: int) -> None:
    """A value crosses a process boundary and is the same on the other side."""
    back = pickle.loads(pickle.dumps(sample, protocol))

    assert back == sample
    assert type(back) is type(sample)
    assert hash(back) == hash(sample)


@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
def test_value_survives_copying(sample: object, duplicate: Callable[[object], object]) -> None:
    """A copy equals the original; handles are shared, unless a deep copy was asked for."""
    if duplicate is copy.deepcopy and type(sample) in {RegisteredChatBackend, ResolvedChatBackend}:
        assert duplicate(sample) != sample  # its backend is another one
    else:
        assert duplicate(sample) == sample


@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
def test_value_names_itself_in_its_repr(sample: object) -> None:
    """The repr begins with the class's name."""
    assert repr(sample).startswith(type(sample).__name__)


def test_registered_chat_backend_takes_descriptor_and_backend_by_position() -> None:
    """The contract's one value with positions takes them in the contract's order."""
    registered = RegisteredChatBackend(DESCRIPTOR, DEAF)

    assert (registered.descriptor, registered.backend) == (DESCRIPTOR, DEAF)
    assert registered == RegisteredChatBackend(descriptor=DESCRIPTOR, backend=DEAF)


def test_resolved_chat_backend_names_provider_and_model_as_plain_text() -> None:
    """Provider and model are given as plain strings."""
    resolved = ResolvedChatBackend(DESCRIPTOR, DEAF)

    assert (resolved.provider, resolved.model) == ("p", "m")
    assert (type(resolved.provider), type(resolved.model)) == (str, str)


def test_value_owns_the_mappings_it_is_given() -> None:
    """What the caller does to a mapping afterwards changes no value, however deep it goes."""
    parameters: dict[str, Any] = {"properties": {"a": {"enum": [1]}}}
    metadata = {"a": "b"}
    abilities = {Capability.TOOL_USE: True}
    tool = ToolDefinition(name="f", description="", parameters=parameters)
    request = ChatRequest(messages=(), metadata=metadata, extra=parameters, response_schema=parameters)
    response = ChatResponse(content="", metadata=metadata)
    claims = Claims(capabilities=abilities)
    choice = PolicyChoice(name="p", options=parameters)

    parameters["properties"]["a"]["enum"].append(2)
    parameters["more"] = 1
    metadata["c"] = "d"
    abilities.clear()

    untouched = {"properties": {"a": {"enum": [1]}}}
    assert (tool.parameters, request.extra, request.response_schema, choice.options) == (untouched,) * 4
    assert (request.metadata, response.metadata) == ({"a": "b"},) * 2
    assert claims.capabilities == {Capability.TOOL_USE: True}


def test_value_owns_the_sequences_it_is_given() -> None:
    """What the caller does to a list afterwards changes no value."""
    messages = [ChatMessage.user("a")]
    stops = ["x"]
    request = ChatRequest(messages=messages, stop_sequences=stops)
    messages.clear()
    stops.append("y")

    assert [message.content for message in request.messages] == ["a"]
    assert request.stop_sequences == ("x",)


def test_value_tells_a_text_from_a_sequence_of_texts() -> None:
    """One text where several are meant is refused instead of being taken apart into letters."""
    text: Any = "END"
    for make in (
        lambda: ChatRequest(messages=(), stop_sequences=text),
        lambda: Claims(honours=text),
        lambda: BackendDescriptor.unstated("p", "m", claims=Claims(), unknown=frozenset()).__class__(
            provider="p", model="m", cost_class=CostClass.LOW, typical_latency_ms=1, quality=0, unknown=text
        ),
    ):
        with pytest.raises(TypeError, match="expected several texts, got the single text 'END'"):
            make()


def test_value_with_mappings_counts_them_for_equality_but_not_for_its_hash() -> None:
    """Requests that differ in a mapping alone are different and hash alike, as the documentation says."""
    one = ChatRequest(messages=(), extra={"a": 1})
    other = ChatRequest(messages=(), extra={"a": 2})

    assert one != other
    assert hash(one) == hash(other)


@pytest.mark.parametrize("kind", ["object", "list"])
def test_value_refuses_json_without_bottom(kind: str) -> None:
    """JSON that is nested more than a hundred levels deep, or contains itself, never becomes part of a value."""
    deep: Any = {}
    deep["a"] = deep if kind == "object" else [deep]
    with pytest.raises(ValueError, match="nested more than 100 levels deep"):
        ToolDefinition(name="f", description="", parameters=deep)


def test_value_takes_tuples_in_json_as_lists() -> None:
    """A tuple in a JSON object becomes the list that a document would have."""
    tool = ToolDefinition(name="f", description="", parameters={"required": ("a", ("b",))})

    assert tool.parameters == {"required": ["a", ["b"]]}


def test_media_parts_print_sizes_not_contents() -> None:
    """A picture of megabytes, or a URL that holds one, takes one short line to print."""
    data = ImagePart(media_type="image/png", data=b"\xff" * 5_000_000)
    url = ImagePart(media_type="image/png", url="data:image/png;base64," + "A" * 5_000_000)

    assert repr(data) == "ImagePart(media_type='image/png', data=<5000000 bytes>, url=None)"
    assert len(repr(url)) < 120
    assert "data:image/png" in repr(url)


def test_reasoning_prints_no_signature() -> None:
    """The vendor's proof is opaque and stays out of logs, in messages and in streams."""
    assert "secret-proof" not in repr(ReasoningPart(text="t", signature="secret-proof"))
    assert "secret-proof" not in repr(ReasoningBlock("t", "secret-proof"))


def test_media_part_takes_data_or_url_but_not_both() -> None:
    """Exactly one of bytes and URL is given."""
    for wrong in ({}, {"data": b"x", "url": "https://example.org"}):
        kwargs: Any = wrong
        with pytest.raises(ValueError, match="ImagePart takes either data or url, exactly one of them"):
            ImagePart(media_type="image/png", **kwargs)


def test_kind_is_part_of_a_descriptor_with_more_facts() -> None:
    """A descriptor that knows more is not equal to the plain one, since it says more."""
    rich = BackendDescriptor(**_by_name(DESCRIPTOR))

    assert rich != DESCRIPTOR
    assert (rich.id, rich.claims, rich.unknown) == (DESCRIPTOR.id, Claims(), frozenset())
    assert BackendRequirements(kind=BackendKind.LLM) != BackendRequirements(kind=BackendKind.other("Llm"))
