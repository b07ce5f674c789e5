"""Give a share of the traffic to a new backend; see this distribution's README."""

from typing import TYPE_CHECKING

from converge_provider import hookimpl

if TYPE_CHECKING:
    from converge_provider import Policy, Registrar


@hookimpl
def converge_register_policies(registrar: "Registrar[Policy]") -> None:
    """Register the policy ``canary``."""
    from converge_policy_canary.policy import canary

    registrar.add(canary)
