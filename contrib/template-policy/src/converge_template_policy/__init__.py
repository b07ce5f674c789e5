"""Prefer models with room to spare; see this distribution's README."""

from typing import TYPE_CHECKING

from converge_provider import hookimpl

if TYPE_CHECKING:
    from converge_provider import Policy, Registrar


@hookimpl
def converge_register_policies(registrar: "Registrar[Policy]") -> None:
    """Register the policy ``template-score``."""
    from converge_template_policy.policy import template_score

    registrar.add(template_score)
