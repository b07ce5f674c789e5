"""A backend of the catalogue, verified against llama.cpp's own server."""

from collections.abc import Generator
from decimal import Decimal

import anyio
import pytest

import converge_openai
from converge_provider import Capability, CatalogueEntry, Configuration, PluginRegistry, Secret
from converge_provider.configuration import ProviderTable
from converge_provider.testing.llamacpp import llamacpp_server
from converge_provider.testing.verifying import LIVE_CHECKS, Verification, subjected, verify

pytestmark = pytest.mark.real

KEY = Secret("sk-planted-verify-0123456789")
CHECKS = ("live.chat", "live.stream", "live.schema", "live.list-models", "live.secrets")


@pytest.fixture(scope="module")
def entry() -> Generator[CatalogueEntry, None, None]:
    """Start the server once, and give its model as a host has it in the catalogue."""
    with llamacpp_server(key=KEY.reveal()) as url:
        settings = {"base_url": url, "models": {"smollm2": {"context_tokens": 1024}}}
        providers, environ = {"llamacpp": ProviderTable(settings=settings)}, {"LLAMA_API_KEY": KEY.reveal()}
        configuration = Configuration(providers=providers, environ=environ)
        found = PluginRegistry.of(converge_openai).catalogue(configuration).get("llamacpp/smollm2")
        assert found is not None
        yield found


def verified(entry: CatalogueEntry, *checks: str) -> Verification:
    """Run some checks within a cap that nothing here can reach."""
    chosen = [LIVE_CHECKS[name] for name in checks]
    whom = subjected(entry, distribution="converge-openai")
    return anyio.run(lambda: verify(whom, date="2026-11-20", checks=chosen, cost_cap_usd=Decimal("0.01")))


def test_real_server_does_what_the_adapter_claims(entry: CatalogueEntry) -> None:
    """It answers, streams, keeps to a schema and lists its model, for nothing; the key stays where it belongs."""
    made = verified(entry, *CHECKS)

    assert {one.check: str(one.outcome) for one in made.report.results} == dict.fromkeys(CHECKS, "passed")
    assert made.holds
    assert made.report.spent_usd == 0
    assert made.claims is not None
    assert made.claims.capabilities == {
        Capability.TEXT_GENERATION: True,
        Capability.STREAMING: True,
        Capability.STRUCTURED_OUTPUT: True,
    }
