"""Weigh price, latency and quality by rules in words; see this distribution's README."""

from typing import TYPE_CHECKING

from converge_provider import hookimpl

if TYPE_CHECKING:
    from converge_provider import Policy, Registrar


@hookimpl
def converge_register_policies(registrar: "Registrar[Policy]") -> None:
    """Register the policy ``fuzzy``."""
    from converge_policy_fuzzy.policy import fuzzy

    registrar.add(fuzzy)
