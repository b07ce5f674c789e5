"""Building a catalogue: providers, their settings, and everybody's claims about their models."""

import importlib
import itertools
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import pytest
from attrs import field, frozen
from hypothesis import given, settings, strategies as st

from converge_provider import (
    BackendDescriptor,
    Capability,
    Catalogue,
    ChatBackendCapabilities,
    ChatBackendDescriptor,
    Claims,
    ComplianceLevel,
    Configuration,
    ConfigurationError,
    ConvergeError,
    CostClass,
    DataSovereignty,
    PluginError,
    PluginRegistry,
    RegisteredChatBackend,
    RegistryValueError,
    Secret,
    from_environ,
    hookimpl,
    load_configuration,
)
from converge_provider.configuration import ProviderTable
from converge_provider.registry.claims import CAPABILITY_OF_FLAG, merge_claims
from converge_provider.testing import FakeSite
from converge_provider.values.claims import FactSource

T = TypeVar("T")


@frozen(kw_only=True)
class AcmeSettings:
    """Settings with a secret, a text, a number and a mapping."""

    api_key: Secret = field(default=Secret(), metadata=from_environ("ACME_API_KEY"))
    base_url: str = field(default="https://acme.invalid/v1", metadata=from_environ("ACME_BASE_URL"))
    retries: int = field(default=2, metadata=from_environ("ACME_RETRIES"))
    headers: Mapping[str, Secret] = field(factory=dict[str, Secret])
    routes: Mapping[str, Sequence[str]] = field(factory=dict[str, Sequence[str]])


class Acme:
    """A provider type whose parts a test replaces."""

    name = "acme"
    display_name = "Acme"
    settings: Any = AcmeSettings
    default_model: str | None = "small"

    def __init__(self, **parts: Any) -> None:
        for name, part in parts.items():
            setattr(self, name, part)

    def missing(self, settings: Any) -> Sequence[str]:
        """Miss the key."""
        return () if settings.api_key else ("ACME_API_KEY",)

    def descriptors(self, settings: Any) -> Sequence[ChatBackendDescriptor]:
        """Know two models."""
        return [describe("small"), describe("large")]

    def open(self, descriptor: ChatBackendDescriptor, settings: Any) -> Any:
        """Give a handle that remembers what it was made from."""
        return Handle(descriptor, settings)


class Handle:
    """What an opened backend is here."""

    def __init__(self, descriptor: ChatBackendDescriptor, settings: Any) -> None:
        self.descriptor, self.settings = descriptor, settings

    async def chat(self, request: Any) -> Any:
        """Never be called."""
        raise NotImplementedError


def describe(model: str, **facts: Any) -> ChatBackendDescriptor:
    """Describe a model with the contract's fields alone."""
    usual: dict[str, Any] = {"cost_class": CostClass.LOW, "typical_latency_ms": 900, "quality": 0.7}
    return ChatBackendDescriptor(provider="whatever", model=model, **usual | facts)


class Plugin:
    """A plugin that registers provider types and declares claims."""

    def __init__(self, *types: Any, declares: Any = None) -> None:
        self.types, self.declares = types, declares

    @hookimpl
    def converge_register_backends(self, registrar: Any) -> None:
        """Add the types."""
        for one in self.types:
            registrar.add(one)

    @hookimpl
    def converge_declare_capabilities(self, descriptors: Any) -> Any:
        """Declare what the test wants."""
        return self.declares(descriptors) if callable(self.declares) else self.declares


def build(*plugins: Any, environ: Mapping[str, str] | None = None, **tables: Any) -> Catalogue:
    """Build a catalogue from plugins, an environment, and tables as they stand in a file."""
    configuration = load_configuration(
        environ={"CONVERGE_HOME": "/nowhere", **(environ or {})}, overrides=tables or None, directory=None
    )
    return PluginRegistry.of(*plugins).catalogue(configuration)


def test_default_provider_exists_for_every_type() -> None:
    """Without configuration each type has a provider of its own name, whose models are described as that one's."""
    catalogue = build(Plugin(Acme()))

    assert [entry.id for entry in catalogue.entries] == ["acme/large", "acme/small"]
    state = catalogue.providers["acme"]
    assert (state.type_name, state.display_name, state.plugin, state.enabled, state.default_model) == (
        "acme",
        "Acme",
        "Plugin",
        True,
        "small",
    )


def test_what_is_missing_is_named_and_keeps_a_backend_from_opening() -> None:
    """A provider that is not configured names what it lacks, on its state, on its backends, and when one is opened."""
    catalogue = build(Plugin(Acme()), environ={"ACME_API_KEY": "  "})
    entry = catalogue.entries[0]

    assert catalogue.providers["acme"].missing == entry.missing == ("ACME_API_KEY",)
    with pytest.raises(ConfigurationError) as caught:
        entry.open()
    assert str(caught.value) == "provider 'acme' is not configured: ACME_API_KEY missing"
    assert caught.value.remedy == "Set ACME_API_KEY"


def test_environment_fills_what_the_table_leaves_out() -> None:
    """A variable counts where nothing is configured, in the form that the field wants."""
    catalogue = build(
        Plugin(Acme()),
        environ={"ACME_API_KEY": " sk-1\n", "ACME_BASE_URL": "https://other.invalid", "ACME_RETRIES": "5"},
        providers={"acme": {"base_url": "https://table.invalid"}},
    )
    handle: Any = catalogue.entries[0].open()

    assert handle.settings == AcmeSettings(api_key=Secret("sk-1"), base_url="https://table.invalid", retries=5)
    assert handle.descriptor.id == "acme/large"


def test_variable_that_makes_no_sense_is_named() -> None:
    """A variable that the field does not take is a configuration error that names it."""
    with pytest.raises(ConfigurationError) as caught:
        build(Plugin(Acme()), environ={"ACME_RETRIES": "many"})

    assert str(caught.value) == "environment variable ACME_RETRIES: expected an integer, got 'many'"


def test_further_provider_of_a_type_has_its_own_settings() -> None:
    """A table with a type makes a further provider; the type's default one stays."""
    catalogue = build(
        Plugin(Acme()),
        environ={"WORK_KEY": "sk-work"},
        providers={
            "work": {"type": "acme", "api_key": {"env": "WORK_KEY"}, "headers": {"X-Team": {"env": "WORK_KEY"}}}
        },
    )

    assert [entry.id for entry in catalogue.entries] == ["acme/large", "acme/small", "work/large", "work/small"]
    assert catalogue.providers["acme"].missing == ("ACME_API_KEY",)
    work = catalogue.get("work/small")
    assert work is not None
    assert (work.missing, work.type_name) == ((), "acme")
    handle: Any = work.open()
    assert handle.settings.api_key.reveal() == handle.settings.headers["X-Team"].reveal() == "sk-work"


def test_reference_to_a_variable_that_is_not_set_is_named_instead_of_the_default_one() -> None:
    """What is missing is called by the name that the user chose."""
    catalogue = build(Plugin(Acme()), providers={"acme": {"api_key": {"env": "MY_OWN"}}})

    assert catalogue.providers["acme"].missing == ("MY_OWN",)


def test_reference_in_a_plain_field_becomes_a_plain_text() -> None:
    """A reference may also stand for a setting that is no secret."""
    catalogue = build(
        Plugin(Acme()),
        environ={"ACME_API_KEY": "k", "WHERE": "https://here.invalid"},
        providers={"acme": {"base_url": {"env": "WHERE"}, "routes": {"a": ["b", {"env": "WHERE"}]}}},
    )
    handle: Any = catalogue.entries[0].open()

    assert handle.settings.base_url == "https://here.invalid"
    assert handle.settings.routes == {"a": ("b", "https://here.invalid")}


LATE = """
from __future__ import annotations

from attrs import field, frozen

from converge_provider import Secret, from_environ

@frozen(kw_only=True)
class Late:
    api_key: Secret = field(default=Secret(), metadata=from_environ("ACME_API_KEY"))
    retries: int = field(default=1, metadata=from_environ("ACME_RETRIES"))
"""


def test_settings_with_annotations_as_text_work(tmp_path: Path) -> None:
    """A settings class of a module that postpones its annotations is understood, secrets included."""
    with FakeSite(tmp_path) as site:
        (site.folder / "late_settings.py").write_text(LATE)
        late = importlib.import_module("late_settings").Late

        catalogue = build(Plugin(Acme(settings=late)), environ={"ACME_API_KEY": "k", "ACME_RETRIES": "7"})

    handle: Any = catalogue.entries[0].open()
    assert (handle.settings.api_key, handle.settings.retries) == (Secret("k"), 7)


def test_settings_whose_annotations_cannot_be_read_are_the_plugins_mistake() -> None:
    """An annotation that names nothing costs that type its providers."""

    @frozen(kw_only=True)
    class Lost:
        what: "Nothing" = 3  # type: ignore[name-defined]  # noqa: F821 - about that  # pyright: ignore[reportUndefinedVariable]

    catalogue = build(Plugin(Acme(settings=Lost)))

    assert str(catalogue.providers["acme"].problem).startswith("NameError: name 'Nothing' is not defined")


def test_value_that_the_settings_class_refuses_is_a_configuration_error() -> None:
    """A variable that a validator of the settings refuses is the user's mistake, and is not shown if it is a secret."""

    def begins_well(_: object, __: object, key: Secret) -> None:
        if key and not key.reveal().startswith("acme-"):
            text = f"api_key must begin with 'acme-', got {key.reveal()}"
            raise ValueError(text)

    @frozen(kw_only=True)
    class Picky:
        api_key: Secret = field(default=Secret(), metadata=from_environ("ACME_API_KEY"), validator=begins_well)

    with pytest.raises(ConfigurationError) as caught:
        build(Plugin(Acme(settings=Picky)), environ={"ACME_API_KEY": "sk-planted"})
    assert str(caught.value) == "providers.acme: api_key must begin with 'acme-', got ***"


NO_SECRET = 'expected a reference such as {env = "NAME"}: a secret is never written down'
BAD_TABLES = {
    "unknown-setting": (
        {"base_ur": "x"},
        "argument: providers.acme.base_ur: is not a field of AcmeSettings; did you mean 'base_url'?",
    ),
    "wrong-kind": ({"retries": "3"}, "argument: providers.acme.retries: expected an integer, got '3'"),
    "reference-to-no-number": (
        {"retries": {"env": "PLANTED"}},
        "argument: providers.acme.retries: expected an integer",
    ),
    "written-secret": (
        {"headers": {"X-Key": "sk-planted"}},
        f"argument: providers.acme.headers.X-Key: {NO_SECRET}",
    ),
}


@pytest.mark.parametrize(("table", "text"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_table_that_makes_no_sense_is_refused_with_its_path(table: Mapping[str, Any], text: str) -> None:
    """A broken provider table is the user's mistake: it is said where it stands, and never with a secret in it."""
    with pytest.raises(ConfigurationError) as caught:
        build(Plugin(Acme()), environ={"PLANTED": "sk-planted" * 9}, providers={"acme": table})

    assert str(caught.value) == text
    assert "sk-planted" not in str(caught.value)


def test_mistyped_type_is_refused_with_the_nearest_name() -> None:
    """A provider whose type looks mistyped is refused, naming the type that was meant."""
    with pytest.raises(ConfigurationError) as caught:
        build(Plugin(Acme()), providers={"acmee": {}})

    assert str(caught.value) == "argument: providers.acmee: there is no provider type 'acmee'; did you mean 'acme'?"


def test_provider_whose_plugin_is_not_installed_stands_aside() -> None:
    """A provider of a type that nobody brings is known, lacks a plugin, and hinders nobody."""
    catalogue = build(Plugin(Acme()), providers={"gpu2": {"type": "vllm"}})

    state = catalogue.providers["gpu2"]
    assert state.missing == ("a plugin that brings the provider type 'vllm'",)
    assert state.problem == "needs a plugin that brings the provider type 'vllm'"
    assert len(catalogue.entries) == 2


def test_provider_that_is_switched_off_has_no_backends() -> None:
    """A provider that is switched off is known, and none of its models is."""
    catalogue = build(Plugin(Acme()), providers={"acme": {"enabled": False}})

    assert catalogue.entries == ()
    assert catalogue.providers["acme"].enabled is False


def explode(*_: Any) -> Any:
    """Fail as a plugin may, with a secret in the text."""
    text = "cannot reach sk-planted"
    raise RuntimeError(text)


def leave(*_: Any) -> Any:
    """Try to end the program."""
    sys.exit(1)


def refuse(*_: Any) -> Any:
    """Fail as a provider type should."""
    text = "no such binary"
    raise ConfigurationError(text)


def giving(answer: Any) -> Callable[..., Any]:
    """Make a function that gives an answer whatever it is asked."""
    return lambda *_: answer


def endless(_: Any) -> Any:
    """Give models for ever."""
    return (describe(f"m{number}") for number in itertools.count())


def wrong(cls: Callable[..., T], **facts: Any) -> T:
    """Make a value with what its class does not take, as an untyped plugin may."""
    return cls(**facts)


class Moody:
    """A provider type that tells its default model only once."""

    name, display_name, settings = "acme", "Acme", AcmeSettings
    missing = descriptors = open = staticmethod(giving(()))

    def __init__(self) -> None:
        self._answers = iter(["small"])

    @property
    def default_model(self) -> str | None:
        """Fail the second time."""
        return next(self._answers)


NO_NAMES: Any = frozenset({3})
MISBEHAVING: Mapping[str, tuple[Any, str]] = {
    "missing-raises": (Acme(missing=explode), "RuntimeError: cannot reach ***"),
    "missing-exits": (Acme(missing=leave), "SystemExit: 1"),
    "missing-gives-text": (Acme(missing=giving("KEY")), "missing() gave a str, expected a sequence"),
    "missing-gives-numbers": (Acme(missing=giving([3])), "missing() gave a int, expected names"),
    "missing-gives-none": (Acme(missing=giving(None)), "missing() gave None, expected a sequence"),
    "descriptors-raise": (Acme(descriptors=explode), "RuntimeError: cannot reach ***"),
    "descriptors-give-text": (Acme(descriptors=giving(["gpt"])), "descriptors() gave a str, expected descriptors"),
    "descriptors-endless": (Acme(descriptors=endless), "descriptors() gave more than 20000"),
    "descriptors-twice": (Acme(descriptors=giving([describe("a"), describe("a")])), "descriptors() gave 'a' twice"),
    "cost-rubbish": (Acme(descriptors=giving([describe("a", cost_class="cheap")])), "whose cost_class is a str"),
    "flag-rubbish": (
        Acme(descriptors=giving([describe("a", capabilities=wrong(ChatBackendCapabilities, vision="yes"))])),
        "whose flag vision is a str",
    ),
    "place-rubbish": (Acme(descriptors=giving([describe("a", data_sovereignty="EU")])), "data_sovereignty is a str"),
    "rulebook-rubbish": (Acme(descriptors=giving([describe("a", compliance="GDPR")])), "compliance is a str"),
    "flags-rubbish": (Acme(descriptors=giving([describe("a", capabilities={})])), "capabilities are a dict"),
    "unknown-rubbish": (
        Acme(descriptors=giving([BackendDescriptor.unstated("x", "a", unknown=NO_NAMES)])),
        "unknown fields are not names",
    ),
    "name-unprintable": (
        Acme(descriptors=giving([describe("a\x1bb")])),
        "whose name is longer than 256 or not printable",
    ),
    "claims-rubbish": (
        Acme(descriptors=giving([BackendDescriptor.unstated("x", "a", claims=wrong(Claims, country=3))])),
        "whose claims are unusable: country is a int",
    ),
    "default-model-raises": (Moody(), "StopIteration"),
}


@pytest.mark.parametrize(("broken", "problem"), MISBEHAVING.values(), ids=MISBEHAVING)
def test_misbehaving_type_loses_its_providers_alone(broken: Any, problem: str) -> None:
    """A type that raises, or gives rubbish, has no backends; its state and the catalogue say why; others work."""
    catalogue = build(Plugin(broken), Plugin(Acme(name="good")), environ={"ACME_API_KEY": "sk-planted"})

    state = catalogue.providers["acme"]
    assert problem in str(state.problem)
    assert "sk-planted" not in str(state)
    assert [entry.id for entry in catalogue.entries] == ["good/large", "good/small"]
    (found,) = catalogue.problems
    assert (found.name, found.stage) == ("Plugin", "provider")
    assert found.cause.startswith("provider 'acme': ")
    assert problem in found.cause


OPENING: Mapping[str, tuple[Callable[..., Any], type[ConvergeError], str]] = {
    "raises": (explode, PluginError, "provider 'acme' cannot open 'acme/large': RuntimeError: cannot reach ***"),
    "own-error": (refuse, ConfigurationError, "no such binary"),
    "no-backend": (
        giving(object()),
        PluginError,
        "provider 'acme' gave a object for 'acme/large', expected a chat backend",
    ),
}


@pytest.mark.parametrize(("opens", "cls", "text"), OPENING.values(), ids=OPENING)
def test_handle_that_cannot_be_made_is_one_clear_error(opens: Any, cls: type[ConvergeError], text: str) -> None:
    """A type that fails to open a backend raises one error that names provider and backend."""
    entry = build(Plugin(Acme(open=opens)), environ={"ACME_API_KEY": "sk-planted"}).entries[0]

    with pytest.raises(cls) as caught:
        entry.open()
    assert str(caught.value).startswith(text)
    assert caught.value.__cause__ is None


def test_discovered_models_join_those_known_without_asking() -> None:
    """What asking found adds models and fills what is unknown, and never overrides what is stated."""
    known = BackendDescriptor.unstated("x", "small", quality=0.6)
    registry = PluginRegistry.of(Plugin(Acme(descriptors=giving([known]))))
    asked = [
        BackendDescriptor.unstated("y", "small", quality=0.1, claims=Claims(context_tokens=8192)),
        BackendDescriptor.unstated("y", "new"),
    ]

    catalogue = registry.catalogue(Configuration(), number=7, discovered={"acme": asked, "gone": asked})

    assert catalogue.number == 7
    assert [entry.id for entry in catalogue.entries] == ["acme/new", "acme/small"]
    small = catalogue.get("acme/small")
    assert small is not None
    assert (small.descriptor.quality, small.descriptor.capabilities.context_tokens) == (0.6, 8192)
    assert small.unknown == {"cost_class", "typical_latency_ms"}


def test_discovered_rubbish_leaves_what_is_known() -> None:
    """What asking found is checked too; if it is rubbish the known models stay."""
    registry = PluginRegistry.of(Plugin(Acme()))

    rubbish: Any = ["rubbish"]
    catalogue = registry.catalogue(Configuration(), discovered={"acme": rubbish})

    assert len(catalogue.entries) == 2
    assert catalogue.problems[0].cause == "provider 'acme': PluginError: discover() gave a str, expected descriptors"


def test_claims_are_merged_in_the_fixed_order() -> None:
    """For each fact the strongest source counts: configuration, measured, adapter, catalogues from the newest on."""
    stated = BackendDescriptor.unstated(
        "x", "m", quality=0.5, unknown=frozenset({"vision", "tool_use"}), claims=Claims(country="AT", licence="MIT")
    )
    old = Plugin(declares={"acme/m": Claims(as_of=date(2025, 1, 1), region="EU", retention_days=30, country="XX")})
    new = Plugin(
        declares={
            "acme/m": Claims(
                as_of=date(2026, 1, 1),
                source="a paper",
                retention_days=0,
                quality=0.99,
                capabilities={Capability.IMAGE_UNDERSTANDING: True, Capability.STREAMING: True},
            ),
            "acme/foreign": Claims(country="ZZ"),
        }
    )
    registry = PluginRegistry.of(Plugin(Acme(descriptors=giving([stated]))), old, new)
    configuration = Configuration(
        claims={"acme/m": Claims(typical_latency_ms=400, capabilities={Capability.TOOL_USE: True}, licence="own")}
    )

    measured = {"acme/m": Claims(typical_latency_ms=999, quality=0.8)}
    (entry,) = registry.catalogue(configuration, measured=measured).entries

    claims = entry.claims
    assert (claims.typical_latency_ms, claims.quality, claims.country, claims.licence) == (400, 0.8, "AT", "own")
    assert (claims.region, claims.retention_days) == ("EU", 0)
    assert entry.descriptor.typical_latency_ms == 400
    assert entry.descriptor.quality == 0.8
    assert entry.descriptor.capabilities == ChatBackendCapabilities(vision=True, tool_use=True)
    assert entry.unknown == {"cost_class"}
    assert isinstance(entry.descriptor, BackendDescriptor)
    assert (entry.descriptor.claims, entry.descriptor.unknown) == (claims, entry.unknown)
    assert entry.origins == {
        "typical_latency_ms": "configuration",
        "licence": "configuration",
        "capabilities.ToolUse": "configuration",
        "quality": "measured",
        "retention_days": "plugin 'Plugin-3' (a paper, 2026-01-01)",
        "capabilities.ImageUnderstanding": "plugin 'Plugin-3' (a paper, 2026-01-01)",
        "capabilities.Streaming": "plugin 'Plugin-3' (a paper, 2026-01-01)",
        "region": "plugin 'Plugin-2' (2025-01-01)",
    }
    sources = entry.sources()
    assert sources["licence"] == FactSource(said_by="configuration")
    assert sources["country"] == FactSource(said_by="adapter")
    assert sources["retention_days"] == FactSource(
        said_by="plugin 'Plugin-3'", source="a paper", as_of=date(2026, 1, 1)
    )
    assert {name: said.said_by for name, said in sources.items() if said.said_by != "adapter"}.keys() == {
        *entry.origins
    }


def all_swedish(found: Sequence[ChatBackendDescriptor]) -> Mapping[str, Claims]:
    """Say of every backend that it computes in Sweden."""
    return {one.id: Claims(country="SE") for one in found}


RUBBISH_CLAIMS: Mapping[str, tuple[Any, str]] = {
    "raises": (explode, "RuntimeError: cannot reach"),
    "exits": (leave, "SystemExit: 1"),
    "no-mapping": (["acme/small"], "PluginError: expected a mapping of backend ids to Claims, got a list"),
    "no-claims": ({"acme/small": {"country": "SE"}}, "PluginError: about 'acme/small': expected Claims, got a dict"),
    "wrong-fact": ({"acme/small": wrong(Claims, country=1)}, "about 'acme/small': country is a int"),
    "flag-as-number": (
        {"acme/small": wrong(Claims, retention_days=True)},
        "about 'acme/small': retention_days is a bool",
    ),
    "wrong-set": (
        {"acme/small": wrong(Claims, compliance={"GDPR"})},
        "about 'acme/small': compliance is not a frozenset of ComplianceLevel",
    ),
    "wrong-capability": (
        {"acme/small": wrong(Claims, capabilities={"ToolUse": True})},
        "capabilities are not a mapping of Capability to bool",
    ),
    "too-many": (
        {"acme/small": Claims(capabilities={Capability.other(str(n)): True for n in range(300)})},
        "capabilities are more than 256",
    ),
    "wrong-second": (
        {"acme/small": [Claims(), {"country": "SE"}]},
        "PluginError: about 'acme/small': expected Claims, got a dict",
    ),
    "too-many-sources": ({"acme/small": (Claims(),) * 17}, "about 'acme/small': expected at most 16 claims, got 17"),
    "too-long": ({"acme/small": Claims(licence="x" * 1001)}, "licence is longer than 1000"),
}


@pytest.mark.parametrize(("declares", "cause"), RUBBISH_CLAIMS.values(), ids=RUBBISH_CLAIMS)
def test_rubbish_claims_lose_that_plugins_claims_alone(declares: Any, cause: str) -> None:
    """A plugin that fails to declare, or declares rubbish, loses its claims; its backends and others' claims stay."""
    bad = Plugin(Acme(), declares=declares)
    good = Plugin(declares=all_swedish)

    catalogue = build(bad, good)

    (found,) = catalogue.problems
    assert (found.name, found.stage) == ("Plugin", "claims")
    assert cause in found.cause
    assert [entry.claims.country for entry in catalogue.entries] == ["SE", "SE"]


def test_claims_about_backends_that_are_not_there_are_not_looked_at() -> None:
    """A catalogue may speak of any backend; what it says of those that are not there cannot do harm."""
    catalogue = build(Plugin(Acme(), declares={"elsewhere/m": "rubbish", 7: None, "acme/small": Claims(country="SE")}))

    assert catalogue.problems == ()
    small = catalogue.get("acme/small")
    assert small is not None
    assert small.claims.country == "SE"


def test_plugin_may_declare_claims_of_several_sources() -> None:
    """Each fact keeps its own source and date; among one plugin's the newest counts, then the first."""
    older = Claims(source="old", as_of=date(2026, 1, 1), licence="MIT", retention_days=1)
    newer = Claims(source="new", as_of=date(2026, 2, 1), retention_days=2)
    same = Claims(source="same", as_of=date(2026, 2, 1), retention_days=3, country="SE")
    (entry, _) = build(Plugin(Acme(), declares={"acme/large": [older, newer, same]})).entries

    claims, sources = entry.claims, entry.sources()
    assert (claims.licence, claims.retention_days, claims.country) == ("MIT", 2, "SE")
    assert [sources[fact].source for fact in ("licence", "retention_days", "country")] == ["old", "new", "same"]
    assert sources["licence"].as_of == date(2026, 1, 1)


def test_declaring_plugin_sees_every_backend_sorted() -> None:
    """A declaring plugin is asked once, with every backend of the catalogue."""
    asked: list[Any] = []

    build(Plugin(Acme()), Plugin(Acme(name="beta"), declares=asked.append))

    assert [[one.id for one in found] for found in asked] == [["acme/large", "acme/small", "beta/large", "beta/small"]]


PLACES = {
    "one": (frozenset({DataSovereignty.EU}), DataSovereignty.ANY, DataSovereignty.EU),
    "several": (frozenset({DataSovereignty.EU, DataSovereignty.US}), DataSovereignty.ANY, DataSovereignty.ANY),
    "own-among-several": (frozenset({DataSovereignty.EU, DataSovereignty.US}), DataSovereignty.US, DataSovereignty.US),
    "other-than-own": (frozenset({DataSovereignty.EU}), DataSovereignty.US, DataSovereignty.EU),
    "none": (frozenset[DataSovereignty](), DataSovereignty.US, DataSovereignty.ANY),
    "any-says-nothing": (frozenset({DataSovereignty.ANY, DataSovereignty.EU}), DataSovereignty.ANY, DataSovereignty.EU),
}


@pytest.mark.parametrize(("claimed", "own", "folded"), PLACES.values(), ids=PLACES)
def test_claimed_places_fold_into_the_one_field(
    claimed: frozenset[DataSovereignty], own: DataSovereignty, folded: DataSovereignty
) -> None:
    """The contract's field holds one place: the backend's own if that is claimed too, the only one, or none."""
    facts = merge_claims(
        describe("m", data_sovereignty=own), stronger=[("configuration", Claims(data_sovereignty=claimed))]
    )

    assert facts.descriptor.data_sovereignty is folded
    assert facts.claims.data_sovereignty == claimed


def test_claimed_rulebook_folds_into_the_one_field() -> None:
    """A single certification that is claimed becomes the contract's."""
    facts = merge_claims(describe("m"), weaker=[("plugin 'x'", Claims(compliance=frozenset({ComplianceLevel.SOC2})))])

    assert facts.descriptor.compliance is ComplianceLevel.SOC2
    assert facts.origins == {"compliance": "plugin 'x'"}


def test_contract_fields_of_a_plain_descriptor_outrank_a_catalogue() -> None:
    """A plain descriptor states all its fields: a flag that is false is a no, which a catalogue does not turn."""
    weaker = Claims(quality=0.1, capabilities={Capability.TOOL_USE: True}, context_tokens=4096, source="a list")

    facts = merge_claims(describe("m"), weaker=[("plugin 'x'", weaker)])

    assert facts.descriptor.quality == 0.7
    assert facts.descriptor.capabilities.tool_use is False
    assert facts.claims.capabilities[Capability.TOOL_USE] is False
    assert facts.descriptor.capabilities.context_tokens == 4096
    assert facts.claims.source is None


facts_of = st.fixed_dictionaries(
    {},
    optional={
        "quality": st.floats(0, 1),
        "typical_latency_ms": st.integers(1, 10_000),
        "cost_class": st.sampled_from(CostClass),
        "context_tokens": st.integers(1, 10**6),
        "country": st.sampled_from(["SE", "US"]),
        "capabilities": st.dictionaries(st.sampled_from(list(CAPABILITY_OF_FLAG.values())), st.booleans()),
    },
)


@settings(max_examples=200, deadline=None)
@given(
    sources=st.lists(facts_of, max_size=4), unknown=st.frozensets(st.sampled_from(["quality", "cost_class", "vision"]))
)
def test_merging_takes_each_fact_from_the_first_source_that_states_it(
    sources: list[dict[str, Any]], unknown: frozenset[str]
) -> None:
    """Law: a merged fact is the first stated one, folding changes nothing else, and what is stated is not unknown."""
    own = BackendDescriptor(
        provider="x", model="m", cost_class=CostClass.HIGH, typical_latency_ms=50, quality=0.3, unknown=unknown
    )
    facts = merge_claims(own, stronger=[(f"s{number}", Claims(**one)) for number, one in enumerate(sources)])

    stated = {"cost_class": CostClass.HIGH, "typical_latency_ms": 50, "quality": 0.3}
    for name in ("quality", "typical_latency_ms", "cost_class"):
        expected = next((one[name] for one in sources if name in one), None if name in unknown else stated[name])
        assert getattr(facts.claims, name) == expected
        assert getattr(facts.descriptor, name) == (stated[name] if expected is None else expected)
        assert (name in facts.unknown) is (expected is None)
    for flag, capability in CAPABILITY_OF_FLAG.items():
        said = (one["capabilities"][capability] for one in sources if capability in one.get("capabilities", {}))
        assert getattr(facts.descriptor.capabilities, flag) is next(said, False)
    assert facts.descriptor.id == "x/m"
    assert merge_claims(facts.descriptor).descriptor == facts.descriptor


def test_catalogue_of_constructed_backends_gives_back_their_handles() -> None:
    """A host's own backends make a catalogue whose entries open to the very handles, configured and sorted by id."""
    first, second = Handle(describe("z"), None), Handle(describe("a"), None)
    catalogue = Catalogue.of(RegisteredChatBackend(describe("z"), first), RegisteredChatBackend(describe("a"), second))

    assert [entry.id for entry in catalogue.entries] == ["whatever/a", "whatever/z"]
    assert catalogue.entries[0].open() is second
    assert (catalogue.entries[0].missing, catalogue.entries[0].plugin) == ((), None)
    assert catalogue.providers["whatever"].missing == ()


def test_catalogue_refuses_two_backends_of_one_id() -> None:
    """Ids are unique; the error names both owners."""
    same = RegisteredChatBackend(describe("a"), Handle(describe("a"), None))

    with pytest.raises(RegistryValueError) as caught:
        Catalogue.of(same, same)
    assert str(caught.value) == "backend 'whatever/a' is there twice, by the host and by the host; ids are unique"


def test_catalogue_digest_depends_on_content_alone() -> None:
    """Equal content has an equal digest whatever the number, and any fact that changes changes it."""
    one, other = build(Plugin(Acme())), PluginRegistry.of(Plugin(Acme())).catalogue(Configuration(), number=9)

    assert one.digest == other.digest
    assert len(one.digest) == 64
    assert build(Plugin(Acme()), environ={"ACME_API_KEY": "k"}).digest != one.digest
    assert build(Plugin(Acme()), aliases={"fast": "acme/small"}).digest != one.digest
    assert build(Plugin(Acme()), claims={"acme/small": {"country": "SE"}}).digest != one.digest


def test_catalogue_keeps_what_is_derived_from_it() -> None:
    """What is built from a catalogue is built once per key."""
    catalogue = Catalogue.of()
    built: list[object] = []

    def build_none(_: Catalogue) -> None:
        built.append(_)

    assert catalogue.derived("a", build_none) is None
    assert catalogue.derived("a", build_none) is None
    assert catalogue.derived("b", lambda found: found.number) == 1
    assert built == [catalogue]


def test_catalogue_names_the_versions_that_took_part() -> None:
    """The catalogue says which versions of which distributions it comes from."""
    registry = PluginRegistry.discover(distributions=())

    assert list(registry.catalogue().versions) == ["converge-provider"]


def test_settings_never_show_in_an_entry() -> None:
    """An entry's text holds no settings, so no secret can get out through it."""
    entry = build(Plugin(Acme()), environ={"ACME_API_KEY": "sk-planted"}).entries[0]

    assert "sk-planted" not in repr(entry)
    assert "AcmeSettings" not in repr(entry.opener)


def test_provider_table_without_file_or_type_is_the_types_own() -> None:
    """A provider table that a host makes by hand works like one from a file."""
    configuration = Configuration(
        providers={"acme": ProviderTable(settings={"api_key": Secret("k")})}, environ={"ACME_API_KEY": "other"}
    )

    handle: Any = PluginRegistry.of(Plugin(Acme())).catalogue(configuration).entries[0].open()

    assert handle.settings.api_key.reveal() == "k"
