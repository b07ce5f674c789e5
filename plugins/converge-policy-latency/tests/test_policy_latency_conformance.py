"""The policy latency keeps what every host relies on."""

from converge_policy_latency.policy import LatencyOptions, latency
from converge_provider.testing import PolicyConformance


class TestLatency(PolicyConformance):
    """The policy latency."""

    policy = latency
    options = (LatencyOptions(until="first_token", measure="p95"), LatencyOptions(measure="p50", explore=0.5))
