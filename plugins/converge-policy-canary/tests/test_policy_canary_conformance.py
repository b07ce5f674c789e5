"""The policy canary keeps what every host relies on."""

from converge_policy_canary.policy import CanaryOptions, canary
from converge_provider.testing import PolicyConformance


class TestCanary(PolicyConformance):
    """The policy canary."""

    policy = canary
    options = (
        CanaryOptions(shares={"provider-1": 0.5, "provider-2/model-2": 0.0}),
        CanaryOptions(shares={"provider-1": 1.0, "only": 0.0}, spare=False),
    )
