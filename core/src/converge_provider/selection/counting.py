"""
Real tokenisers where the estimate leaves a doubt: who has just about enough room is asked for a real count.

The counter is an argument; nothing is loaded here, and what it counted is on record.
"""

from collections.abc import Callable

from attrs import evolve

from converge_provider.selection.needs import measure
from converge_provider.selection.question import Question
from converge_provider.selection.table import Table

__all__ = ("TokenCounter", "counted")

TokenCounter = Callable[[str, str], int | None]
"""Counts the tokens of a text by a tokeniser, named as claims name it; ``None``: it is not at hand."""

_LEAST, _MOST = 1 / 3, 5 / 3
"""True numbers of tokens as shares of the estimate, for vocabularies of any size."""


def counted(question: Question, table: Table, count: TokenCounter) -> Question:
    """
    Put real counts into a question, for every tokeniser of a backend of which the estimate cannot say whether it fits.

    Args:
        question: What is asked, with a request.
        table: All candidates.
        count: Counts.

    """
    needs, request = question.needs, question.request
    assert request is not None, "without one there is nothing to count"
    tight = table.context.below(needs.input_tokens * _MOST + needs.answer_tokens)
    roomy = table.all & ~table.context.below(needs.input_tokens * _LEAST + needs.answer_tokens)
    found: dict[str, int] = {}
    text, around = measure(request)
    for name, whose in table.tokenisers.items():
        tokens = count(name, text) if whose & tight & roomy else None
        if tokens is not None:
            found[name] = tokens + around
    if not found:
        return question
    return question.otherwise(criteria=question.criteria, needs=evolve(needs, counted=found))
