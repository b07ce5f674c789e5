"""
Hostile bytes for parsers, and the laws that hold whatever the bytes are.

An adapter's author states a :class:`FuzzedWire` and has :func:`check_body` look at bodies, which :func:`mutated` makes
of good ones: only errors of the family escape, nothing that was said is lost, no stream that broke off is an answer.
"""

from converge_provider.testing.fuzzing.laws import LawBrokenError, check_error, check_events
from converge_provider.testing.fuzzing.mutating import mutated
from converge_provider.testing.fuzzing.wires import FuzzedWire, check_body

__all__ = ("FuzzedWire", "LawBrokenError", "check_body", "check_error", "check_events", "mutated")
