"""
Who should answer: gates, then policies, then the order, and a record with a reason for every candidate.

Pure: no I/O, no clock, no randomness that is not an argument.
"""

from converge_provider.selection.deciding import decide
from converge_provider.selection.decision import Decision
from converge_provider.selection.enabling import enable
from converge_provider.selection.fitness import FITNESS
from converge_provider.selection.rows import (
    Carried,
    Change,
    Counterfactual,
    Derived,
    PolicyUse,
    RankedCandidate,
    Reason,
    Rejection,
    Term,
)

__all__ = (
    "FITNESS",
    "Carried",
    "Change",
    "Counterfactual",
    "Decision",
    "Derived",
    "PolicyUse",
    "RankedCandidate",
    "Reason",
    "Rejection",
    "Term",
    "decide",
    "enable",
)
