"""The maintained plugins work together, alone, and in any order of discovery."""

import random
from itertools import combinations

import importlib_metadata
import pytest

from converge_provider import Catalogue, Configuration, PluginRegistry
from converge_provider.configuration import PluginTable

MAINTAINED = {
    "anthropic",
    "catalogue",
    "example-policy-engine",
    "example-vector-search",
    "gemini",
    "local",
    "ollama",
    "openai",
    "policy-balance",
    "policy-canary",
    "policy-cost",
    "policy-fuzzy",
    "policy-latency",
    "policy-local-first",
    "policy-quality",
    "policy-sticky",
    "template-backend",
    "template-policy",
}
SOME = [chosen for number in (1, 2) for chosen in combinations(sorted(MAINTAINED), number)]


def catalogue_of(registry: PluginRegistry) -> Catalogue:
    """Build what a host without any configuration would choose from."""
    return registry.catalogue(Configuration())


def test_all_plugins_load_together() -> None:
    """Every maintained plugin is loaded, and none is in quarantine."""
    report = PluginRegistry.discover().report

    assert {plugin.name for plugin in report.loaded} == MAINTAINED
    assert report.quarantined == ()


@pytest.mark.parametrize(
    "chosen", [*combinations(sorted(MAINTAINED), 1), *combinations(sorted(MAINTAINED), 2)], ids=str
)
def test_plugins_load_without_their_siblings(chosen: tuple[str, ...]) -> None:
    """Any one, and any two of them, bring exactly what they bring in company."""
    everything = catalogue_of(PluginRegistry.discover())
    registry = PluginRegistry.discover(plugins=PluginTable(allow=chosen))
    catalogue = catalogue_of(registry)

    assert {plugin.name for plugin in registry.report.loaded} == set(chosen)
    assert registry.report.quarantined == ()
    assert [entry.id for entry in catalogue.entries] == [
        entry.id for entry in everything.entries if entry.plugin in chosen
    ]


@pytest.mark.parametrize("seed", range(5))
def test_order_of_discovery_changes_nothing(seed: int) -> None:
    """Distributions found in another order give the same catalogue, to the last bit of its digest."""
    found = list(importlib_metadata.distributions())  # pyright: ignore[reportUnknownMemberType]  # untyped options
    random.Random(seed).shuffle(found)
    shuffled = PluginRegistry.discover(distributions=found)
    plain = PluginRegistry.discover()

    assert catalogue_of(shuffled).digest == catalogue_of(plain).digest
    assert list(shuffled.policies) == list(plain.policies)
    assert [plugin.name for plugin in shuffled.report.loaded] == [plugin.name for plugin in plain.report.loaded]


def test_every_backend_belongs_to_the_plugin_that_brought_it() -> None:
    """The catalogue names the plugin of each backend, and no two backends share an id."""
    catalogue = catalogue_of(PluginRegistry.discover())
    ids = [entry.id for entry in catalogue.entries]

    assert ids == sorted(set(ids))
    assert {entry.plugin for entry in catalogue.entries} <= MAINTAINED
