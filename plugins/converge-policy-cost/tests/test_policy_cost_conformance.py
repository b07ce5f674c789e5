"""The policy cost keeps what every host relies on."""

from converge_policy_cost.policy import CostOptions, cost
from converge_provider.testing import PolicyConformance


class TestCost(PolicyConformance):
    """The policy cost."""

    policy = cost
    options = (CostOptions(output_share=0.5, cached_share=0.25, unknown=0.25),)
