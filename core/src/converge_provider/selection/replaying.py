"""Making a decision again from its record, and saying which input is another one."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from attrs import evolve

from converge_provider.contract.policies import Policy, PolicyChoice
from converge_provider.selection.deciding import settle
from converge_provider.selection.enabling import enable
from converge_provider.selection.question import Question
from converge_provider.values.classes import frozen

if TYPE_CHECKING:
    from converge_provider.registry import Catalogue
    from converge_provider.selection.decision import Decision

__all__ = ("Difference", "differences", "replay")


@frozen(kw_only=True)
class Difference:
    """One thing that is not as it was."""

    what: str
    """``catalogue``, ``version of <distribution>``, ``policy <name>``, ``state``, or ``result``."""
    was: str | None
    now: str | None


def replay(recorded: "Decision", catalogue: "Catalogue", installed: Mapping[str, Policy]) -> "Decision":
    """
    Decide again what is on record.

    Everything that the record holds is taken from it: criteria, demands, needs, names, bars, policies with their
    weights and options, seed and time.  A policy that looks at the request itself finds none.

    Args:
        recorded: A decision, whole or as a journal keeps it.
        catalogue: What there is to choose from now.
        installed: Policies by name.

    Raises:
        PolicyError: A policy on record is not installed, or does not take its options any more.

    """
    question = Question.of(
        catalogue,
        request=None,
        criteria=recorded.criteria,
        constraints=recorded.constraints,
        provider=recorded.provider,
        backend=None,
        barred=recorded.barred,
        state=None if recorded.state is None else recorded.state.seen,
    )
    if recorded.request_digest is not None:
        question = question.otherwise(criteria=recorded.criteria, needs=recorded.needs)
    question = evolve(
        question,
        backend=recorded.backend,
        model=recorded.model,
        replaced=recorded.replaced,
        request_digest=recorded.request_digest,
        carried=[one for one in recorded.carried if one.what.startswith("request.")],
    )
    choices = [
        PolicyChoice(name=use.name, weight=use.weight, options=use.options, tier=use.tier, epsilon=use.epsilon)
        for use in recorded.policies
    ]
    policies = enable(choices, installed)
    return settle(catalogue, question, policies=policies, time=recorded.time, seed=recorded.seed)


def differences(recorded: "Decision", again: "Decision") -> Iterable[Difference]:
    """Say which inputs of two decisions differ; the inputs that :func:`replay` takes from the record cannot."""
    if recorded.catalogue_digest != again.catalogue_digest:
        yield Difference(what="catalogue", was=recorded.catalogue_digest, now=again.catalogue_digest)
    for name in sorted({*recorded.versions, *again.versions}):
        was, now = recorded.versions.get(name), again.versions.get(name)
        if was != now:
            yield Difference(what=f"version of {name}", was=was, now=now)
    for use, other in zip(recorded.policies, again.policies, strict=True):
        if use.options != other.options:
            yield Difference(what=f"policy {use.name}", was=str(use.options), now=str(other.options))
    was, now = (None if one.state is None else one.state.digest for one in (recorded, again))
    if was != now:
        yield Difference(what="state", was=was, now=now)
    if recorded.requirements != again.requirements:
        yield Difference(what="requirements", was=str(recorded.requirements), now=str(again.requirements))
