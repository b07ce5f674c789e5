"""From the options of a command to an engine and the arguments of its calls."""

from typing import TYPE_CHECKING, Any

from attrs import evolve

if TYPE_CHECKING:
    from converge_provider.cli.session import Session
    from converge_provider.cli.wishes import Wish
    from converge_provider.configuration import Configuration
    from converge_provider.engine import Engine

__all__ = ("engine_for", "selection_arguments")


def engine_for(session: "Session", wish: "Wish", configured: "Configuration | None" = None) -> "Engine":
    """
    Make an engine of the session's plugins and configuration, with the policies that were said.

    Args:
        session: Whose plugins it uses.
        wish: What was said.
        configured: What counts instead of the session's configuration.

    Raises:
        PolicyError: A policy is named that is not installed.

    """
    from converge_provider.engine import Engine
    from converge_provider.engine.composing import journal_of

    configuration = configured or session.configuration
    options = {choice.name: choice.options for choice in configuration.policies}
    said = tuple(evolve(choice, options=options.get(choice.name, {})) for choice in wish.policy)
    asked = evolve(configuration, policies=said or configuration.policies)
    return Engine.of(session.registry, asked, journal=journal_of(configuration, unless_told=True))


def selection_arguments(session: "Session", wish: "Wish", configured: "Configuration | None" = None) -> dict[str, Any]:
    """Give the arguments of a selection: what was said, over what is configured."""
    configuration = configured or session.configuration
    asked = configuration.selection
    criteria = wish.criteria(None if asked is None else asked.criteria)
    constraints = wish.constraints(configuration.constraints)
    return {"criteria": criteria, "constraints": constraints, "provider": wish.provider, "backend": wish.backend}
