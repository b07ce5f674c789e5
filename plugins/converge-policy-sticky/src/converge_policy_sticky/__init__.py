"""Stay with the backend that a conversation has; see this distribution's README."""

from typing import TYPE_CHECKING

from converge_provider import hookimpl

if TYPE_CHECKING:
    from converge_provider import Policy, Registrar


@hookimpl
def converge_register_policies(registrar: "Registrar[Policy]") -> None:
    """Register the policy ``sticky``."""
    from converge_policy_sticky.policy import sticky

    registrar.add(sticky)
