"""What a decision says beside its numbers: notes for the reader, and a remedy when nobody was eligible."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from converge_provider.selection.contradictions import contradictions, misspelt
from converge_provider.selection.scoring import decides_last_resort
from converge_provider.values.scalars import ascii_lower

if TYPE_CHECKING:
    from converge_provider.registry import ProviderState
    from converge_provider.selection.record import Record

__all__ = ("notes", "remedy")

_INSTALL = (
    "No backend is installed. Run: pip install converge-local, for a model on this machine, or converge-openai; "
    "converge doctor says whether a plugin could not be loaded."
)
_SHOWN = 8


def notes(record: "Record") -> Iterable[str]:
    """Say what is special about a selection, one sentence each."""
    question = record.question
    for name, backend in sorted(question.replaced.items()):
        yield f"{name!r} is an alias of {backend!r}."
    if question.criteria is None:
        scale = question.requirements.max_latency_ms
        yield f"No criteria are stated: cost, latency and quality are no gates; fitness scales latency by {scale} ms."
    yield from misspelt(record.table, question)
    yield from _about_last_resorts(record)
    yield from _about_policies(record)


def _about_last_resorts(record: "Record") -> Iterable[str]:
    if not record.table.last_resort & record.eligible:
        return
    if record.question.names_somebody:
        yield "The host names whom it wants, so a last resort stands by its total like any other."
    elif decides_last_resort(record.policies):
        yield "An enabled policy decides about last resorts, so they stand by their totals."
    else:
        yield "A last resort stands behind every other eligible backend, whatever the totals."


def _about_policies(record: "Record") -> Iterable[str]:
    scored = record.scored
    if scored is None:
        return
    for one in scored.ran:
        if one.left_out is not None:
            yield f"Policy {one.enabled.policy.name!r} was left out: {one.left_out}."
    if not any(one in scored.ran for tier in scored.tiers for one in tier.counted):
        yield "No enabled policy is left that counts, so the contract's fitness decides."


def remedy(record: "Record") -> str:
    """Say in one line what to do about it that nobody is eligible."""
    catalogue, table, question = record.catalogue, record.table, record.question
    if not catalogue.entries and not catalogue.providers:
        return _INSTALL
    found = next(iter(contradictions(table, question)), None)
    if found is not None:
        return found
    if question.provider is not None:
        found = _about_provider(record, question.provider)
        if found is not None:
            return found
    for pin in (question.backend, question.model):
        if pin is not None and not table.named(pin):
            return _no_such("backend or model", pin, [*table.ids, *(str(each.model) for each in table.descriptors)])
    if not catalogue.entries:
        states = [catalogue.providers[name] for name in sorted(catalogue.providers)]
        return " ".join(_without_models(state) for state in states[:_SHOWN])
    return _about_nearest(record)


def _about_provider(record: "Record", name: str) -> str | None:
    """Say what is wrong with a provider that the host names; ``None`` when it is the backends that do not suit."""
    known = {str(descriptor.provider) for descriptor in record.table.descriptors} | {*record.catalogue.providers}
    own_names = [own for own in known if ascii_lower(own) == ascii_lower(name)]
    if not own_names:
        return _no_such("provider", name, sorted(known))
    states = [record.catalogue.providers[own] for own in own_names if own in record.catalogue.providers]
    for state in states:
        if state.missing or not record.table.provider(name):
            return _without_models(state)
    return None


def _without_models(state: "ProviderState") -> str:
    if not state.enabled:
        return f"Provider {state.name!r} is switched off in the configuration."
    if state.missing:
        return f"Provider {state.name!r} is not configured: {_are_missing(state.missing)}."
    if state.problem is not None:
        return f"Provider {state.name!r} has no backends: {state.problem}."
    return f"Provider {state.name!r} lists no models; ask it with: converge discover {state.name}."


def _are_missing(missing: Sequence[str]) -> str:
    return f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"


def _no_such(what: str, name: str, known: Sequence[str]) -> str:
    from difflib import get_close_matches  # seldom needed

    close = get_close_matches(name, known, n=1) or get_close_matches(name.lower(), known, n=1)
    if close:
        return f"There is no {what} {name!r}; did you mean {close[0]!r}?"
    more = ", …" if len(known) > _SHOWN else ""
    return f"There is no {what} {name!r}; there are {', '.join(known[:_SHOWN])}{more}."


def _about_nearest(record: "Record") -> str:
    nearest = record.rejected[0]
    gates = [reason.gate for reason in nearest.reasons]
    if gates == ["configured"]:
        missing = record.table.rows[record.table.place_of[nearest.id]].missing
        return f"The nearest is {nearest.id}, which is only not configured: {_are_missing(missing)}."
    texts = "; ".join(reason.text for reason in nearest.reasons)
    fails = f"The nearest is {nearest.id}, which fails {len(gates)} gate{'' if len(gates) == 1 else 's'}: {texts}."
    return fails + _about_relaxation(record)


def _about_relaxation(record: "Record") -> str:
    found = record.relaxation
    if found is None:
        return ""
    changes = ", and ".join(change.text for change in found.changes)
    return f" The smallest change that admits somebody, {found.id}: {changes}."
