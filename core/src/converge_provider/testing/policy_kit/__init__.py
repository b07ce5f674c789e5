"""
The conformance kit of policies: what every host relies on, tried on made-up candidates, ordinary and hostile.

An author subclasses one class::

    class TestLocalFirst(PolicyConformance):
        policy = local_first

The rooms::

    worlds       candidates, questions and measurements      subjects   a policy, and what it says of a world
    scoring      checks of its scores                         counting   what it costs, in steps
    recording    checks within a selection and its record     showing    views that show something else
    suite        all checks, as a class and as a function
"""

from converge_provider.testing.policy_kit.suite import POLICY_CHECKS, PolicyConformance, policy_findings

__all__ = ("POLICY_CHECKS", "PolicyConformance", "policy_findings")
