"""From the policies that a configuration names to the policies that run."""

from collections.abc import Mapping, Sequence

from converge_provider.contract.policies import EnabledPolicy, Policy, PolicyChoice
from converge_provider.errors import ConfigurationError, PolicyError
from converge_provider.selection.fitness import FITNESS
from converge_provider.selection.scoring import check_weights

__all__ = ("enable",)


def enable(choices: Sequence[PolicyChoice], installed: Mapping[str, Policy]) -> tuple[EnabledPolicy, ...]:
    """
    Bind the policies that a configuration names to those that are installed.

    Args:
        choices: Names, weights and options as a configuration has them; none: the contract's fitness alone.
        installed: Policies by name; ``fitness`` is always there.

    Returns:
        The enabled policies, in the order of the choices.

    Raises:
        PolicyError: A policy is not installed, is named twice, or its options or the weights make no sense.

    """
    if not choices:
        return (FITNESS,)
    known = {**installed, FITNESS.policy.name: FITNESS.policy}
    seen: set[str] = set()
    enabled: list[EnabledPolicy] = []
    for choice in choices:
        if choice.name in seen:
            message = f"policy {choice.name!r} is enabled twice; name it once, with one weight"
            raise PolicyError(message)
        seen.add(choice.name)
        enabled.append(_bind(choice, known))
    check_weights(enabled)
    return tuple(enabled)


def _bind(choice: PolicyChoice, known: Mapping[str, Policy]) -> EnabledPolicy:
    policy = known.get(choice.name)
    if policy is None:
        from converge_provider.codec.problems import nearest  # the codec costs cattrs

        hint = nearest(choice.name, list(known)) or f"; installed are {', '.join(sorted(known))}"
        message = f"policy {choice.name!r} is not installed{hint}"
        raise PolicyError(message)
    if not choice.options:
        return EnabledPolicy(policy, choice.weight, tier=choice.tier, epsilon=choice.epsilon)
    from converge_provider.codec import load  # the codec costs cattrs

    try:
        options = load(policy.options, choice.options)
    except ConfigurationError as exc:
        message = f"the options of policy {choice.name!r} make no sense: {exc}"
        raise PolicyError(message) from exc
    return EnabledPolicy(policy, choice.weight, options, tier=choice.tier, epsilon=choice.epsilon)
