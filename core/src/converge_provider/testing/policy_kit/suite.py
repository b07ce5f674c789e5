"""All checks, for pytest as a class and for everybody else as a function."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest

from converge_provider.contract.policies import Policy
from converge_provider.testing.policy_kit import recording, scoring
from converge_provider.testing.policy_kit.subjects import Check, PolicySubject

__all__ = ("POLICY_CHECKS", "PolicyConformance", "policy_findings")

POLICY_CHECKS: tuple[Check, ...] = (
    scoring.check_declaration,
    scoring.check_options,
    scoring.check_count,
    scoring.check_range,
    scoring.check_determinism,
    scoring.check_hashing,
    scoring.check_permutation,
    scoring.check_monotonicity,
    scoring.check_cost,
    recording.check_gates,
    recording.check_vetoes,
    recording.check_explanations,
    recording.check_harmlessness,
    recording.check_replay,
    recording.check_learning,
)
"""Every check of a policy; ``docs/extend/policy.md`` says what each is about."""


def policy_findings(policy: Policy, *, options: Sequence[Any] = ()) -> Mapping[str, str]:
    """
    Try a policy.

    Args:
        policy: The policy.
        options: Options to try beside its defaults.

    Returns:
        What it does not keep: by the name of the check, one line each; empty when it conforms.

    Example:
        >>> from converge_provider import FITNESS
        >>> dict(policy_findings(FITNESS.policy))
        {}

    """
    subject, found = PolicySubject(policy, options), dict[str, str]()
    for check in POLICY_CHECKS:
        try:
            check(subject)
        except Exception as exc:  # noqa: BLE001 - a policy may break anything
            found[_name(check)] = " ".join(
                f"{'' if isinstance(exc, AssertionError) else type(exc).__name__} {exc}".split()
            )
    return found


def _name(check: Check) -> str:
    return str(getattr(check, "__name__", check)).removeprefix("check_")


class PolicyConformance:
    """
    Test that a policy conforms; a subclass names it, and its own name begins with ``Test``.

    Example::

        class TestLocalFirst(PolicyConformance):
            policy = local_first
            options = (LocalFirstOptions(remote=0.25),)

    """

    policy: ClassVar[Policy]
    """The policy."""
    options: ClassVar[Sequence[Any]] = ()
    """Options to try beside the defaults."""

    @pytest.mark.parametrize("check", POLICY_CHECKS, ids=_name)
    def test_policy_conforms(self, check: Check) -> None:
        """A policy keeps what every host relies on."""
        check(PolicySubject(self.policy, self.options))
