"""The policy balance keeps what every host relies on."""

from converge_policy_balance.policy import BalanceOptions, balance
from converge_provider.testing import PolicyConformance


class TestBalance(PolicyConformance):
    """The policy balance."""

    policy = balance
    options = (
        BalanceOptions(weights={"provider-1": 3.0, "provider-2/model-2": 0.0}),
        BalanceOptions(mode="least_busy", weights={"provider-1": 3.0}),
        BalanceOptions(mode="power_of_two", others=0.5),
    )
