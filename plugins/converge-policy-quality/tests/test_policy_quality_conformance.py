"""The policy quality keeps what every host relies on."""

from converge_policy_quality.policy import QualityOptions, quality
from converge_provider.testing import PolicyConformance


class TestQuality(PolicyConformance):
    """The policy quality."""

    policy = quality
    options = (QualityOptions(task="coding", benchmark="made up"), QualityOptions(task="summaries", general=0.5))
