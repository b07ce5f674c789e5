"""Prefer backends that answer sooner; see this distribution's README."""

from typing import TYPE_CHECKING

from converge_provider import hookimpl

if TYPE_CHECKING:
    from converge_provider import Policy, Registrar


@hookimpl
def converge_register_policies(registrar: "Registrar[Policy]") -> None:
    """Register the policy ``latency``."""
    from converge_policy_latency.policy import latency

    registrar.add(latency)
