"""Prefer backends on which this request costs less; see this distribution's README."""

from typing import TYPE_CHECKING

from converge_provider import hookimpl

if TYPE_CHECKING:
    from converge_provider import Policy, Registrar


@hookimpl
def converge_register_policies(registrar: "Registrar[Policy]") -> None:
    """Register the policy ``cost``."""
    from converge_policy_cost.policy import cost

    registrar.add(cost)
