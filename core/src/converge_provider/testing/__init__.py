"""
What tests of hosts and plugins need: a scripted backend, a manual clock, no network, an empty environment.

Load it as a pytest plugin with ``-p converge_provider.testing``; importing it alone does not import pytest.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from converge_provider.testing.canned import CannedRequest
    from converge_provider.testing.choosing import choose_among, terms_of
    from converge_provider.testing.clock import ManualClock
    from converge_provider.testing.conformance import (
        CannedAnswer,
        CannedCall,
        CannedFailure,
        CannedReasoning,
        ChatBackendConformance,
        ConformanceReport,
        DoubleProof,
        Endpoint,
        Failure,
        NotOnThisWireError,
        Subject,
        WireDouble,
        certify,
    )
    from converge_provider.testing.distributions import FakeDistribution, FakeSite
    from converge_provider.testing.fixtures import no_network
    from converge_provider.testing.jobs import ScriptedJobs
    from converge_provider.testing.network import NetworkGuard, NetworkRefusedError
    from converge_provider.testing.policy_kit import POLICY_CHECKS, PolicyConformance, policy_findings
    from converge_provider.testing.provider_types import ScriptedProviderType
    from converge_provider.testing.scripted import ScriptedBackend, catalogue_of
    from converge_provider.testing.stores import StateStoreSuite
    from converge_provider.testing.turns import BREAK_OFF, HANG, Step, Turn

pytest_plugins: tuple[str, ...] = (
    "converge_provider.testing.fixtures",
    "converge_provider.testing.conformance.plugin",
)
"""What pytest loads when this package is loaded as a plugin."""

_HOMES = {
    "BREAK_OFF": "turns",
    "CannedAnswer": "conformance",
    "CannedCall": "conformance",
    "CannedFailure": "conformance",
    "CannedReasoning": "conformance",
    "CannedRequest": "canned",
    "ChatBackendConformance": "conformance",
    "ConformanceReport": "conformance",
    "DoubleProof": "conformance",
    "Endpoint": "conformance",
    "Failure": "conformance",
    "FakeDistribution": "distributions",
    "FakeSite": "distributions",
    "HANG": "turns",
    "ManualClock": "clock",
    "NetworkGuard": "network",
    "NetworkRefusedError": "network",
    "NotOnThisWireError": "conformance",
    "POLICY_CHECKS": "policy_kit",
    "PolicyConformance": "policy_kit",
    "ScriptedBackend": "scripted",
    "ScriptedJobs": "jobs",
    "ScriptedProviderType": "provider_types",
    "StateStoreSuite": "stores",
    "Step": "turns",
    "Subject": "conformance",
    "Turn": "turns",
    "WireDouble": "conformance",
    "catalogue_of": "scripted",
    "certify": "conformance",
    "choose_among": "choosing",
    "no_network": "fixtures",
    "policy_findings": "policy_kit",
    "terms_of": "choosing",
}

__all__ = (
    "BREAK_OFF",
    "HANG",
    "POLICY_CHECKS",
    "CannedAnswer",
    "CannedCall",
    "CannedFailure",
    "CannedReasoning",
    "CannedRequest",
    "ChatBackendConformance",
    "ConformanceReport",
    "DoubleProof",
    "Endpoint",
    "Failure",
    "FakeDistribution",
    "FakeSite",
    "ManualClock",
    "NetworkGuard",
    "NetworkRefusedError",
    "NotOnThisWireError",
    "PolicyConformance",
    "ScriptedBackend",
    "ScriptedJobs",
    "ScriptedProviderType",
    "StateStoreSuite",
    "Step",
    "Subject",
    "Turn",
    "WireDouble",
    "catalogue_of",
    "certify",
    "choose_among",
    "no_network",
    "policy_findings",
    "terms_of",
)


def __getattr__(name: str) -> object:
    """Fetch a public name from its module at first use."""
    home = _HOMES.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message, name=name, obj=None)
    value: object = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
