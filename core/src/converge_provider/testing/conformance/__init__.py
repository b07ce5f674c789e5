"""
Certify a chat backend: what it claims is checked against what it does.

**An author writes** a double, which is the vendor's side of the wire as pure functions, and three lines::

    from converge_provider.testing import ChatBackendConformance, Endpoint, Subject

    class TestAcme(ChatBackendConformance):
        subject = Subject.of_type(
            Acme(),                                   # the provider type that the plugin registers
            "acme-1",                                 # a model that it describes
            settings=lambda at: AcmeSettings(base_url=f"{at.url}/v1", api_key=at.key, timeouts=at.timeouts),
            distribution="converge-acme",
            double=AcmeDouble(),
            exceptions={"images": "the model is text only"},
        )

and runs ``pytest`` with ``-p converge_provider.testing``: one test per check, with ids such as
``TestAcme::test_conformance[errors.rate-limited]``.  ``--conformance-report DIR`` writes a report as JSON per backend.
A :class:`Subject` can also be put together by hand, from a descriptor and a factory ``backend=``.

**A double** (:class:`WireDouble`) turns a :class:`CannedAnswer` or a :class:`CannedFailure` into the vendor's bytes:
``whole()``, ``events()``, ``failure()``, and, where the wire has them, ``failure_event()`` and ``aside()`` for lists of
models and health.  The kit serves the bytes on a real socket, cuts, delays and breaks them, and looks for what must
have arrived in the request's JSON, wherever the vendor's wire puts it.  What a wire cannot say raises
:class:`NotOnThisWireError` with the reason.

**What is claimed** is read from the descriptor and its claims: ``capabilities`` (``tool_use``, ``vision``,
``reasoning``), ``claims.honours`` (the optional fields of a request), ``claims.input_modalities`` (``image``,
``document``, ``audio``), the methods of the backend (``stream``, ``health``, ``aclose``) and of the provider type
(``discover``).  Claimed and failing is a failure.  Working but unclaimed is reported.  A feature that the wire's public
documentation has (``floors.toml``) and that is not claimed needs a reason in ``exceptions``, by the name of the feature
or of a single check.

**As a library**: ``await certify(subject, date="2026-11-20")`` gives a :class:`ConformanceReport`.  With ``live=``, a
factory of a handle to a real model, the live checks run, which look at the shape of answers only, within
``cost_cap_usd``.  ``measured_claims(report)`` gives what they prove, as claims that outrank the adapter's own.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from converge_provider.testing.conformance.answers import (
        CannedAnswer,
        CannedCall,
        CannedFailure,
        CannedReasoning,
        Failure,
    )
    from converge_provider.testing.conformance.checks import CHECKS
    from converge_provider.testing.conformance.checks.check import Check
    from converge_provider.testing.conformance.doubles import NotOnThisWireError, WireDouble
    from converge_provider.testing.conformance.measuring import measured_claims
    from converge_provider.testing.conformance.reports import CheckResult, ConformanceReport, Outcome
    from converge_provider.testing.conformance.running import certify, run_check
    from converge_provider.testing.conformance.subjects import Endpoint, Subject
    from converge_provider.testing.conformance.suite import ChatBackendConformance, DoubleProof

_HOMES = {
    "CHECKS": "checks",
    "CannedAnswer": "answers",
    "CannedCall": "answers",
    "CannedFailure": "answers",
    "CannedReasoning": "answers",
    "ChatBackendConformance": "suite",
    "Check": "checks.check",
    "CheckResult": "reports",
    "ConformanceReport": "reports",
    "DoubleProof": "suite",
    "Endpoint": "subjects",
    "Failure": "answers",
    "NotOnThisWireError": "doubles",
    "Outcome": "reports",
    "Subject": "subjects",
    "WireDouble": "doubles",
    "certify": "running",
    "measured_claims": "measuring",
    "run_check": "running",
}

__all__ = (
    "CHECKS",
    "CannedAnswer",
    "CannedCall",
    "CannedFailure",
    "CannedReasoning",
    "ChatBackendConformance",
    "Check",
    "CheckResult",
    "ConformanceReport",
    "DoubleProof",
    "Endpoint",
    "Failure",
    "NotOnThisWireError",
    "Outcome",
    "Subject",
    "WireDouble",
    "certify",
    "measured_claims",
    "run_check",
)


def __getattr__(name: str) -> object:
    """Fetch a public name from its module at first use."""
    home = _HOMES.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message, name=name, obj=None)
    value: object = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
