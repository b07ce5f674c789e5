"""Prefer backends that are better at a kind of task; see this distribution's README."""

from typing import TYPE_CHECKING

from converge_provider import hookimpl

if TYPE_CHECKING:
    from converge_provider import Policy, Registrar


@hookimpl
def converge_register_policies(registrar: "Registrar[Policy]") -> None:
    """Register the policy ``quality``."""
    from converge_policy_quality.policy import quality

    registrar.add(quality)
