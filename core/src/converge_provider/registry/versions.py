"""Whether a plugin is written for this core: the version range it declares, and the number of the hook interface."""

import operator
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from converge_provider.contract.markers import CONVERGE_API
from converge_provider.registry.scan import CORE, Announcement, normalised

__all__ = ("api_problem", "range_problem", "within")

_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_EXTRAS = re.compile(r"\s*\[[A-Za-z0-9._, -]*\]")
_RELEASE = re.compile(r"\d+(?:\.\d+)*")
_CLAUSE = re.compile(rf"\s*(>=|<=|>|<|==|!=)\s*({_RELEASE.pattern})\s*")
_OF_AN_EXTRA = re.compile(r"\s*extra\s*==\s*(?:'[\w.-]+'|\"[\w.-]+\")\s*")
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}


def range_problem(announcement: Announcement, core_version: str) -> str | None:
    """
    Say what is wrong with the range of core versions that a plugin's distribution declares, if anything.

    A distribution that declares none is taken as it is.
    """
    for requirement in announcement.requires:
        name = _NAME.match(requirement)
        if name is None or normalised(name[1]) != CORE:
            continue
        try:
            if not within(requirement[name.end() :], core_version):
                return f"needs {requirement.strip()}, found {core_version}"
        except ValueError:
            return f"declares the requirement {requirement.strip()!r}, which cannot be read"
    return None


def api_problem(announcement: Announcement) -> str | None:
    """Say what is wrong with the numbers of the hook interface that a plugin states, if anything."""
    if not announcement.apis or str(CONVERGE_API) in announcement.apis:
        return None
    stated = " or ".join(sorted(announcement.apis))
    return f"is written for number {stated} of the hook interface, this core has number {CONVERGE_API}"


@cache
def within(wanted: str, version: str) -> bool:
    """
    Say whether a version meets what stands after the name in a requirement: specifiers, extras, a marker.

    Plain comparisons of plain releases are decided here, also those that only an extra asks for, which nobody does
    here; all else is left to ``packaging``, whose import takes longer than loading ten plugins.

    Raises:
        ValueError: The requirement cannot be read.

    Example:
        >>> within("[http]>=0.1,<0.2", "0.1.7"), within("(>=0.2)", "0.1.7"), within(">=9; extra == 'test'", "0.1.7")
        (True, False, True)

    """
    extras = _EXTRAS.match(wanted)
    specifiers, is_marked, marker = wanted[extras.end() if extras else 0 :].partition(";")
    clauses = [_CLAUSE.fullmatch(clause) for clause in specifiers.split(",")]
    if is_marked and all(clauses) and _OF_AN_EXTRA.fullmatch(marker):
        return True
    if not is_marked and all(clauses) and _RELEASE.fullmatch(version):
        own = _numbers(version)
        return all(_OPERATORS[clause[1]](own, _numbers(clause[2])) for clause in clauses if clause is not None)
    return _decided_by_packaging(wanted, version)


def _numbers(release: str) -> tuple[int, ...]:
    numbers = [int(digits) for digits in release.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _decided_by_packaging(wanted: str, version: str) -> bool:
    from packaging.requirements import Requirement  # seldom needed, slow to import

    requirement = Requirement(f"{CORE}{wanted}")
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return True
    return requirement.specifier.contains(version, prereleases=True)
