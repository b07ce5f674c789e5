"""
What would have to be different for a candidate to be eligible: the smallest set of changes, exact over all gates.

docs/explanation/selection.md#counterfactuals says what counts as a change, and how ties are broken.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, cast

from converge_provider.selection.hitting import smallest
from converge_provider.selection.levers import Lever, document, levers_of
from converge_provider.selection.masks import lowest
from converge_provider.selection.rows import Change, Counterfactual
from converge_provider.selection.sweeping import Sweep

if TYPE_CHECKING:
    from converge_provider.selection.record import Record
    from converge_provider.selection.rows import Reason, Rejection

__all__ = ("Counterfactuals",)

_KINDS = ("configuration", "claim", "criteria", "request", "caller", "policy")
"""From the change that is made most easily to the one that is made last."""

Key = tuple[str, str]
"""A change's kind and what it changes."""


class Counterfactuals:
    """The counterfactuals of one selection."""

    def __init__(self, record: "Record") -> None:
        """Take all that the selection found out."""
        self._record = record

    @cached_property
    def _sweep(self) -> Sweep:
        record = self._record
        levers = levers_of(record.table, record.question)
        return Sweep(table=record.table, question=record.question, levers=levers)

    def of(self, rejection: "Rejection") -> Counterfactual:
        """Give the smallest set of changes for a rejected candidate."""
        place = self._record.table.place_of[rejection.id]
        clauses, blocked = self._clauses(place, rejection.reasons)
        if blocked:
            return Counterfactual(id=rejection.id, changes=(), blocked=tuple(dict.fromkeys(blocked)))
        chosen = smallest(clauses, lambda key: self._price(key, place))
        changes = [self._change(key, place, rejection) for key in sorted(chosen, key=self._order)]
        return Counterfactual(id=rejection.id, changes=tuple(changes))

    def relaxation(self) -> Counterfactual | None:
        """
        Give the smallest change of what the host states that makes somebody eligible.

        Returns:
            The changes and for whom they suffice, or ``None`` when no criteria let anybody in.

        """
        record = self._record
        levers = [lever for lever in levers_of(record.table, record.question) if lever.kind == "criteria"]
        sweep = Sweep(table=record.table, question=record.question, levers=levers)
        fixed = 0
        for failing in (sweep.always, sweep.together):
            for mask in failing.values():
                fixed |= mask
        for gate, mask in record.failing:
            if gate.name not in sweep.asked:  # a policy's veto
                fixed |= mask
        groups = _groups(sweep, record.table.all & ~fixed)
        if not groups:
            return None
        best = min(groups, key=lambda group: (len(group), sum(step + 1 for _, step in group), group))
        place = lowest(groups[best], 1)[0]
        return Counterfactual(
            id=record.table.ids[place], changes=tuple(_loosening(levers[number], step) for number, step in best)
        )

    def _clauses(self, place: int, reasons: Iterable["Reason"]) -> tuple[list[frozenset[Key]], list[str]]:
        """Give, for everything that keeps a candidate out, the changes that would each put an end to it."""
        clauses: list[frozenset[Key]] = []
        blocked: list[str] = []
        for reason in reasons:
            stated = {("claim", reason.key or reason.gate)} if reason.unknown else set[Key]()
            for alternatives in self._ways(reason.gate, place):
                clause = frozenset(stated | alternatives)
                if clause:
                    clauses.append(clause)
                else:
                    blocked.append(reason.gate)
        return clauses, blocked

    def _ways(self, gate: str, place: int) -> Iterator[set[Key]]:
        sweep, record = self._sweep, self._record
        bit = 1 << place
        for lever, failing in zip(sweep.levers, sweep.alone, strict=True):
            if failing.get(gate, 0) & bit:
                yield {(lever.kind, lever.name)}
        if sweep.together.get(gate, 0) & bit:
            yield {
                (lever.kind, lever.name)
                for lever, failing in zip(sweep.levers, sweep.freed, strict=True)
                if not failing.get(gate, 0) & bit
            }
        if gate == "configured":
            yield from ({("configuration", name)} for name in record.table.rows[place].missing)
        elif any(reason.gate == gate for reason in self._barring(place)):
            yield {("caller", gate)}
        elif gate not in sweep.asked:
            yield {("policy", gate)}
        elif sweep.always.get(gate, 0) & bit:
            yield set()

    def _barring(self, place: int) -> Iterable["Reason"]:
        barred = self._record.question.barred
        found = barred.get(self._record.table.ids[place])
        return () if found is None else (found,)

    def _order(self, key: Key) -> tuple[int, int, str]:
        """Order changes as they are told: by kind, then levers in their order, then by name."""
        return _KINDS.index(key[0]), self._number(key), key[1]

    def _number(self, key: Key) -> int:
        named = ((lever.kind, lever.name) for lever in self._sweep.levers)
        return next((number for number, name in enumerate(named) if name == key), -1)

    def _step(self, key: Key, place: int) -> int:
        """Give how far a lever must be loosened: all the way where it keeps out only together with another."""
        number = self._number(key)
        if number < 0:
            return 0
        kept_out = any(mask >> place & 1 for mask in self._sweep.alone[number].values())
        return self._sweep.rung(number, place) if kept_out else len(self._sweep.levers[number].ladder) - 1

    def _price(self, key: Key, place: int) -> Sequence[int]:
        return (1, _KINDS.index(key[0]), self._step(key, place) + 1)

    def _change(self, key: Key, place: int, rejection: "Rejection") -> Change:
        kind, what = key
        number = self._number(key)
        if number >= 0:
            return _loosening(self._sweep.levers[number], self._step(key, place))
        text = _fact(what, rejection) if kind == "claim" else _WORDS[kind].format(what)
        return Change(kind=kind, what=what, text=text)


_WORDS = {
    "configuration": "configure {}",
    "caller": "wait until it is no longer barred by {}",
    "policy": "do without the veto of {}",
}


def _fact(claim: str, rejection: "Rejection") -> str:
    """Say which fact is to be stated, as the reason does."""
    text = next(reason.text for reason in rejection.reasons if claim in (reason.key, reason.gate))
    _, found, how = text.partition("; if you know it, ")
    return f"if it is so, {how}" if found else f"if it is so, state what {claim} asks for"


def _loosening(lever: Lever, step: int) -> Change:
    asked, instead = lever.asked, lever.ladder[step]
    gone = instead is None or instead is False or instead == _NOBODY
    named = lever.name.removeprefix("capabilities.").removeprefix("constraints.").replace("_", " ")
    if lever.kind == "request" and lever.name != "model":
        text = "ask less in one request" if lever.name == "size" else f"do without {named}: {asked}"
    elif gone:
        text = f"do not ask for {named}" + ("" if asked is True or "." in named else f" {_said(asked)}")
    else:
        text = f"ask for {named} {_said(instead)} instead of {_said(asked)}"
    return Change(
        kind=lever.kind, what=lever.name, asked=document(asked), instead=None if gone else document(instead), text=text
    )


_NOBODY = frozenset[str]()


def _said(value: object) -> str:
    return ", ".join(sorted(cast("frozenset[str]", value))) if isinstance(value, frozenset) else str(value)


def _groups(sweep: Sweep, among: int) -> Mapping[tuple[tuple[int, int], ...], int]:
    """Put candidates together that need the same rungs of the same levers; a lever is named by its number."""
    groups: dict[tuple[tuple[int, int], ...], int] = {(): among} if among else {}
    for number, failing in enumerate(sweep.alone):
        kept_out = 0
        for mask in failing.values():
            kept_out |= mask
        if not kept_out & among:
            continue
        split: dict[tuple[tuple[int, int], ...], int] = {}
        for group, members in groups.items():
            for rung, mask in _by_rung(sweep, number, members, kept_out):
                split[group if rung is None else (*group, (number, rung))] = mask
        groups = split
    return groups


def _by_rung(sweep: Sweep, number: int, members: int, kept_out: int) -> Iterator[tuple[int | None, int]]:
    """Part candidates by the first value of a lever's ladder that lets them in."""
    if members & ~kept_out:
        yield None, members & ~kept_out
    left = members & kept_out
    for rung, mask in enumerate(sweep.rungs(number)):
        if left & ~mask:
            yield rung, left & ~mask
        left &= mask
