"""The policy fuzzy keeps what every host relies on."""

from converge_policy_fuzzy.options import FuzzyOptions
from converge_policy_fuzzy.policy import fuzzy
from converge_provider.testing import PolicyConformance


class TestFuzzy(PolicyConformance):
    """The policy fuzzy."""

    policy = fuzzy
    options = (FuzzyOptions(degree=0.0), FuzzyOptions(rules=(), degree=1.0))
