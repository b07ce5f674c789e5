"""The kit as a class of pytest: one test per check."""

from collections.abc import Callable
from typing import ClassVar

import anyio
import pytest

from converge_provider import codec
from converge_provider.testing.conformance.checks import CHECKS
from converge_provider.testing.conformance.checks.check import Check
from converge_provider.testing.conformance.plugin import PROPERTY
from converge_provider.testing.conformance.reports import Outcome
from converge_provider.testing.conformance.running import check_exceptions, report_of, run_check
from converge_provider.testing.conformance.subjects import Subject

__all__ = ("ChatBackendConformance",)


class ChatBackendConformance:
    """
    Certify a chat backend; a subclass gives the subject, and its name begins with ``Test``.

    Example::

        class TestAcme(ChatBackendConformance):
            subject = Subject.of_type(Acme(), "acme-1", settings=..., distribution="converge-acme", double=AcmeDouble())

    Where the subject needs fixtures, override the fixture :meth:`conformance_subject` instead.
    """

    subject: ClassVar[Subject]
    """Whom to certify."""
    loop: ClassVar[str] = "asyncio"
    """The event loop to run on: ``asyncio`` or ``trio``."""

    @pytest.fixture(scope="class")
    @classmethod
    def conformance_subject(cls) -> Subject:
        """Give the subject; override it where the subject needs other fixtures."""
        return cls.subject

    @pytest.mark.parametrize("check", CHECKS, ids=str)
    def test_conformance(
        self, check: Check, conformance_subject: Subject, record_property: Callable[[str, object], None]
    ) -> None:
        """The backend does what it claims; otherwise it says why not."""
        check_exceptions(conformance_subject)
        result = anyio.run(run_check, check, conformance_subject, backend=self.loop)
        record_property(PROPERTY, codec.dump(report_of(conformance_subject, [result], date="")))
        if result.outcome is Outcome.FAILED:
            pytest.fail(f"{check.id}: {result.text}\nIt proves: {check.proves}", pytrace=False)
        if result.outcome in {Outcome.NOT_CLAIMED, Outcome.NOT_RUN}:
            pytest.skip(result.told)
