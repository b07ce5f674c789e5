"""The kit as a class of pytest: one test per check."""

from collections.abc import Callable, Sequence
from typing import ClassVar

import anyio
import pytest

from converge_provider import codec
from converge_provider.testing.conformance.checks import CHECKS
from converge_provider.testing.conformance.checks.check import Check, Needs
from converge_provider.testing.conformance.plugin import PROPERTY
from converge_provider.testing.conformance.reports import Outcome
from converge_provider.testing.conformance.running import check_exceptions, report_of, run_check
from converge_provider.testing.conformance.saboteurs import SABOTEURS, Saboteur
from converge_provider.testing.conformance.subjects import Subject

__all__ = ("ChatBackendConformance", "DoubleProof")


class ChatBackendConformance:
    """
    Certify a chat backend; a subclass gives the subject, and its name begins with ``Test``.

    Example::

        class TestAcme(ChatBackendConformance):
            subject = Subject.of_type(Acme(), "acme-1", settings=..., distribution="converge-acme", double=AcmeDouble())

    Where the subject needs fixtures, override the fixture :meth:`conformance_subject` instead.
    """

    subject: ClassVar[Subject | None] = None
    """Whom to certify."""
    kinds: ClassVar[tuple[Needs, ...]] = ("scripted", "live")
    """Which checks to run; those that :attr:`subject` has no part for are left out by themselves."""
    loop: ClassVar[str] = "asyncio"
    """The event loop to run on: ``asyncio`` or ``trio``."""

    @pytest.fixture
    def conformance_subject(self) -> Subject:
        """Give the subject; override it where the subject needs other fixtures."""
        if self.subject is None:
            message = f"{type(self).__name__} must give a subject, or override the fixture conformance_subject"
            raise TypeError(message)
        return self.subject

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make a test of each check that the subject has the parts for."""
        if "check" in metafunc.fixturenames:
            kinds = self._kinds()
            metafunc.parametrize("check", [check for check in CHECKS if check.needs in kinds], ids=str)

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

    def _kinds(self) -> Sequence[Needs]:
        if self.subject is None:
            return self.kinds
        parts = {"scripted": self.subject.double, "live": self.subject.live}
        return [kind for kind in self.kinds if parts[kind] is not None]


class DoubleProof:
    """
    Prove a double: every saboteur around the adapter is caught, so the double lets nothing slip through.

    A subclass gives the subject, whose own certificate is clean, and its name begins with ``Test``::

        class TestAcmeDouble(DoubleProof):
            subject = TestAcme.subject

    """

    subject: ClassVar[Subject]
    """Whom to break."""

    @pytest.mark.parametrize("saboteur", [one for one in SABOTEURS if not one.check.startswith("live.")], ids=str)
    def test_saboteur_is_caught(self, saboteur: Saboteur) -> None:
        """What is broken on purpose is noticed by the check that is there for it."""
        check = next(check for check in CHECKS if check.id == saboteur.check)
        good = anyio.run(run_check, check, self.subject)
        if good.outcome is not Outcome.PASSED:
            pytest.skip(f"{check.id} is {good.told}")
        if anyio.run(run_check, check, saboteur.breaks(self.subject)).outcome is not Outcome.FAILED:
            pytest.fail(f"{check.id} does not notice a backend that {saboteur.does}", pytrace=False)
