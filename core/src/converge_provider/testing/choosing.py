"""Choosing among scripted backends by some policies, and what each policy said."""

from collections.abc import Mapping, Sequence
from typing import Any

from converge_provider.contract.policies import EnabledPolicy, Policy
from converge_provider.contract.registered import RegisteredChatBackend
from converge_provider.registry import Catalogue
from converge_provider.selection import Decision, decide
from converge_provider.selection.rows import Term
from converge_provider.testing.scripted import ScriptedBackend, catalogue_of

__all__ = ("choose_among", "terms_of")


def choose_among(
    catalogue: Catalogue,
    *,
    policies: Sequence[EnabledPolicy],
    **question: Any,  # noqa: ANN401 - what decide() takes
) -> Decision:
    """
    Choose without an engine.

    Args:
        catalogue: The candidates.
        policies: Who scores.
        question: ``request``, ``criteria``, ``constraints``, ``seed``, ``time``, ``state``, …, as a selection has them.

    Example:
        >>> from converge_provider import FITNESS
        >>> good, better = ScriptedBackend(id="a/1", quality=0.5), ScriptedBackend(id="a/2", quality=0.9)
        >>> choose_among(catalogue_of(good, better), policies=(FITNESS,)).chosen
        'a/2'

    """
    return decide(catalogue, policies=policies, **question)


def terms_of(
    policy: Policy,
    *backends: ScriptedBackend | RegisteredChatBackend,
    options: object = None,
    **question: Any,  # noqa: ANN401 - what decide() takes
) -> Mapping[str, Term]:
    """
    Let one policy alone score some backends.

    Args:
        policy: Who scores.
        backends: The candidates.
        options: The policy's options; ``None``: its defaults.
        question: As :func:`choose_among` takes it.

    Returns:
        By backend id: the score, and the words for it; without those that are not eligible.

    Example:
        >>> from converge_provider import policy
        >>> @policy
        ... def shortest_name(view, options):
        ...     return [1 / len(descriptor.model) for descriptor in view.descriptors]
        >>> terms_of(shortest_name, ScriptedBackend(id="a/tiny"))["a/tiny"].score
        0.25

    """
    decision = choose_among(catalogue_of(*backends), policies=(EnabledPolicy(policy, 1.0, options),), **question)
    return {row.id: row.terms[0] for row in decision.ranking}
