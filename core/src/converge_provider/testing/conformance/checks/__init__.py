"""The checks, topic by topic."""

from typing import Final

from converge_provider.testing.conformance.checks.chatting import CHATTING
from converge_provider.testing.conformance.checks.check import Check
from converge_provider.testing.conformance.checks.conduct import CONDUCT
from converge_provider.testing.conformance.checks.contents import CONTENTS
from converge_provider.testing.conformance.checks.failures import FAILURES
from converge_provider.testing.conformance.checks.live import LIVE
from converge_provider.testing.conformance.checks.streaming import STREAMING
from converge_provider.testing.conformance.checks.tools import TOOLS

__all__ = ("CHECKS",)

CHECKS: Final[tuple[Check, ...]] = (*CHATTING, *STREAMING, *TOOLS, *CONTENTS, *FAILURES, *CONDUCT, *LIVE)
"""All of them, in the suite's order."""
