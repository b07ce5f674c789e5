"""Backends of every kind come from plugins, are kept apart from chat backends, and are assigned."""

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen

from converge_provider import (
    Backend,
    BackendKind,
    BackendRequirements,
    Capability,
    Claims,
    Configuration,
    CostClass,
    Engine,
    PluginError,
    PluginRegistry,
    ProviderRequest,
    ProviderType,
    Registrar,
    RegistryValueError,
    cli,
    hookimpl,
)
from converge_provider.testing import ScriptedBackend, ScriptedProviderType


@frozen(kw_only=True)
class Gatekeeper:
    """A policy engine."""

    name: str = "gatekeeper"
    kind: Any = BackendKind.POLICY
    capabilities: Any = (Capability.ACCESS_CONTROL,)
    supports_replay: Any = True
    requires_network: Any = False
    typical_latency_ms: int = 1


class Bringing:
    """A plugin that registers what it is given."""

    def __init__(self, *items: Any) -> None:
        self.items = items

    @hookimpl
    def converge_register_backends(self, registrar: Registrar[ProviderType | Backend]) -> None:
        """Register it."""
        for item in self.items:
            registrar.add(item)


CHAT = ScriptedProviderType(
    "acme", ScriptedBackend(id="acme/swift", cost_class=CostClass.LOW, claims=Claims(requires_network=True))
)


def test_backends_are_kept_apart_from_provider_types() -> None:
    """One hook takes both; the registry tells them apart, and the catalogue holds chat backends only."""
    registry = PluginRegistry.of(Bringing(Gatekeeper(), CHAT))

    assert list(registry.backends) == ["gatekeeper"]
    assert list(registry.provider_types) == ["acme"]
    assert [entry.id for entry in registry.catalogue().entries] == ["acme/swift"]
    assert registry.report.loaded[0].backends == ("gatekeeper",)
    assert "gatekeeper" in str(registry.report)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        pytest.param({"kind": "policy"}, "kind is no BackendKind", id="kind"),
        pytest.param({"capabilities": ("AccessControl",)}, "capabilities are no Capability", id="capability"),
        pytest.param({"capabilities": "AccessControl"}, "expected a sequence", id="text"),
        pytest.param({"requires_network": "no"}, "requires_network is neither True nor False", id="network"),
        pytest.param({"supports_replay": None}, "supports_replay is neither True nor False", id="replay"),
        pytest.param({"name": "Gate Keeper"}, "expected lower-case letters", id="name"),
    ],
)
def test_backend_that_is_none_is_refused(changes: dict[str, Any], text: str) -> None:
    """The plugin goes into quarantine, and the cause names what is wrong."""
    with pytest.raises(PluginError, match=text):
        PluginRegistry.of(Bringing(evolve(Gatekeeper(), **changes)))


def test_backend_of_one_name_from_two_plugins_is_refused() -> None:
    """Neither takes the other's place."""
    with pytest.raises(PluginError, match="backend 'gatekeeper' is also registered by"):
        PluginRegistry.of(Bringing(Gatekeeper()), Bringing(Gatekeeper()))


def test_engine_assigns_backends_of_every_kind() -> None:
    """Roles and slots go to registered backends first, then to the catalogue's configured chat backends."""
    engine = Engine.of(PluginRegistry.of(Bringing(Gatekeeper()), CHAT))
    access = ProviderRequest(
        id="r1", required_capabilities=(), backend_requirements=BackendRequirements.access_policy()
    )
    words = ProviderRequest(id="r2", required_capabilities=(), backend_requirements=BackendRequirements.fast_llm())
    both = ProviderRequest(id="r3", required_capabilities=(Capability.TEXT_GENERATION, Capability.ACCESS_CONTROL))

    assert [one.backend_name for one in engine.assign(access).assignments] == ["gatekeeper"]
    assert [one.backend_name for one in engine.assign(words).assignments] == ["acme/swift"]
    assert [one.backend_name for one in engine.assign(both).assignments] == ["acme/swift", "gatekeeper"]
    assert engine.backends["gatekeeper"] == Gatekeeper()


def test_engine_assigns_no_chat_backend_that_is_not_configured() -> None:
    """What lacks its key cannot be given a role."""
    locked = ScriptedProviderType("acme", ScriptedBackend(id="acme/swift"), missing=["ACME_API_KEY"])
    engine = Engine.of(PluginRegistry.of(locked), Configuration())
    words = ProviderRequest(id="r", required_capabilities=(Capability.TEXT_GENERATION,))

    assert engine.assign(words).unmatched == (Capability.TEXT_GENERATION,)


def test_engine_refuses_two_backends_of_one_name() -> None:
    """A host that gives two of one name is told which one."""
    with pytest.raises(RegistryValueError, match="backend 'gatekeeper' is there twice; names are unique"):
        Engine(PluginRegistry.of().catalogue(), backends=[Gatekeeper(), Gatekeeper()])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an own home and an empty folder to work in."""
    monkeypatch.setenv("CONVERGE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_list_and_plugins_show_backends_of_other_kinds(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """People see them in both tables, programs in the document."""
    registry = PluginRegistry.of(Bringing(Gatekeeper()))
    cli.main(["list"], registry=registry)
    table = capsys.readouterr().out
    cli.main(["plugins"], registry=registry)
    plugins = capsys.readouterr().out
    cli.main(["list", "--json"], registry=registry)
    document = json.loads(capsys.readouterr().out)

    assert table.splitlines()[1].split() == ["gatekeeper", "AccessControl", "policy,", "to", "be", "assigned"]
    assert "backends: gatekeeper" in plugins
    assert document["others"] == [
        {
            "name": "gatekeeper",
            "kind": "Policy",
            "capabilities": ["AccessControl"],
            "supports_replay": True,
            "requires_network": False,
        }
    ]
