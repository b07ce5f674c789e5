"""The checks, topic by topic."""

from typing import Final

from converge_provider.testing.conformance.checks.chatting import CHATTING
from converge_provider.testing.conformance.checks.check import Check

__all__ = ("CHECKS",)

CHECKS: Final[tuple[Check, ...]] = CHATTING
"""All of them, in the suite's order."""
