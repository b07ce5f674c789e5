"""Which policies there are, which of them are enabled, and what can be set."""

from collections.abc import Mapping, Sequence

from attrs import field

from converge_provider.cli.option_fields import OptionField, option_fields
from converge_provider.contract.policies import Policy, PolicyChoice
from converge_provider.selection.fitness import FITNESS
from converge_provider.values.classes import frozen
from converge_provider.values.messages import JsonObject, JsonValue

__all__ = ("InstalledPolicy", "installed_policies")

_CORE = "converge-provider"


@frozen(kw_only=True)
class InstalledPolicy:
    """A policy that is installed, or that a configuration names."""

    name: str
    distribution: str | None
    """What brought it, ``None``: it is not installed."""
    version: str | None
    enabled: bool
    weight: float = 0.0
    tier: int = 0
    epsilon: float = 0.0
    may_veto: bool = False
    decides_last_resort: bool = False
    learns: bool = False
    monotone: Mapping[str, str] = field(factory=dict[str, str])
    options: tuple[OptionField, ...] = ()
    """What can be set."""
    configured: JsonObject = field(factory=dict[str, JsonValue])
    """What is set."""


def installed_policies(
    installed: Mapping[str, Policy], choices: Sequence[PolicyChoice], brought: Mapping[str, tuple[str, str]]
) -> Sequence[InstalledPolicy]:
    """
    Tell of every policy, in the order of their names.

    Args:
        installed: Policies by name; ``fitness`` is always there.
        choices: What a configuration enables; none: the contract's fitness alone.
        brought: The distribution that brought each, and its version.

    """
    known = {**installed, FITNESS.policy.name: FITNESS.policy}
    enabled = {choice.name: choice for choice in choices or (PolicyChoice(name=FITNESS.policy.name),)}
    return [_of(name, known.get(name), enabled.get(name), brought) for name in sorted({*known, *enabled})]


def _of(
    name: str, policy: Policy | None, choice: PolicyChoice | None, brought: Mapping[str, tuple[str, str]]
) -> InstalledPolicy:
    distribution, version = (None, None) if policy is None else brought.get(name, (_CORE, _own_version()))
    return InstalledPolicy(
        name=name,
        distribution=distribution,
        version=version,
        enabled=choice is not None,
        weight=0.0 if choice is None else choice.weight,
        tier=0 if choice is None else choice.tier,
        epsilon=0.0 if choice is None else choice.epsilon,
        may_veto=policy is not None and policy.may_veto,
        decides_last_resort=getattr(policy, "decides_last_resort", False),
        learns=getattr(policy, "learn", None) is not None,
        monotone=getattr(policy, "monotone", {}),
        options=() if policy is None else option_fields(policy.options),
        configured={} if choice is None else choice.options,
    )


def _own_version() -> str:
    from importlib.metadata import version  # only for people

    return version(_CORE)
