"""The policy sticky keeps what every host relies on."""

from converge_policy_sticky.policy import StickyOptions, sticky
from converge_provider.testing import PolicyConformance


class TestSticky(PolicyConformance):
    """The policy sticky."""

    policy = sticky
    options = (StickyOptions(value="prompt_cache", min_tokens=0),)
