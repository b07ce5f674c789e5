"""Rules that allow or deny a request, and say why; see this distribution's README."""

from typing import TYPE_CHECKING

from converge_provider import hookimpl

if TYPE_CHECKING:
    from converge_provider import Backend, ProviderType, Registrar


@hookimpl
def converge_register_backends(registrar: "Registrar[ProviderType | Backend]") -> None:
    """Register the policy engine with the rules that come with it."""
    from converge_example_policy_engine.engine import RuleEngine
    from converge_example_policy_engine.rules import shipped_rules

    registrar.add(RuleEngine(shipped_rules()))
