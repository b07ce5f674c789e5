"""What the catalogue claims of backends."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime

from attrs import evolve

from converge_catalogue.matching import find_offer, service_ids
from converge_catalogue.offers import Offer
from converge_catalogue.shelf import Shelf
from converge_catalogue.snapshots import Head, Snapshot
from converge_catalogue.sources import FACTS, PRICES, Source
from converge_provider import BackendDescriptor, Capability, ChatBackendDescriptor, Claims

__all__ = ("ABILITIES", "claims_of", "declare")

ABILITIES: Mapping[str, Capability] = {
    "reasoning": Capability.REASONING,
    "tool_use": Capability.TOOL_USE,
    "structured_output": Capability.STRUCTURED_OUTPUT,
    "vision": Capability.IMAGE_UNDERSTANDING,
    "documents": Capability.other("DocumentUnderstanding"),
    "audio": Capability.other("AudioUnderstanding"),
}
"""The capabilities that the sources speak of, by their names on the command line."""

SENSES = {"vision": "image", "documents": "document", "audio": "audio"}
"""The capabilities that are modalities of the input."""

Wanted = Sequence[tuple[str, str, str]]
"""A backend's id, the id of its service in a source, and its model's name."""


def declare(descriptors: Sequence[ChatBackendDescriptor]) -> Mapping[str, Sequence[Claims]]:
    """Declare what the newest snapshots say, today, of backends that say whose service they are of."""
    known = [(one, service) for one in descriptors if (service := _service(one)) is not None]
    if not known:
        return {}
    shelf = Shelf()
    moment = datetime.fromtimestamp(shelf.today_s, UTC)
    found: dict[str, list[tuple[Source, Head, str, Offer]]] = {}
    for place, source in enumerate((PRICES, FACTS)):
        wanted = [(one.id, service_ids(service)[place], str(one.model)) for one, service in known]
        with suppress(ModuleNotFoundError):  # a source that is not installed says nothing
            for name, entry in shelf.using(source, _finder(source, wanted)):
                found.setdefault(name, []).append(entry)
    _warn(shelf.problems)
    return {name: claims_of(entries, moment=moment) for name, entries in found.items()}


def _warn(problems: Sequence[str]) -> None:
    if problems:
        import logging  # only when there is something to say

        for problem in problems:
            logging.getLogger("converge_catalogue").warning(
                "left out %s; converge models update fetches it again", problem
            )


def _service(descriptor: ChatBackendDescriptor) -> str | None:
    """Give the service that a backend says it is of; one on this machine is nobody's."""
    if not isinstance(descriptor, BackendDescriptor) or descriptor.claims.requires_network is False:
        return None
    return descriptor.claims.service


def _finder(source: Source, wanted: Wanted) -> Callable[[Snapshot], list[tuple[str, tuple[Source, Head, str, Offer]]]]:
    def find(snapshot: Snapshot) -> list[tuple[str, tuple[Source, Head, str, Offer]]]:
        found: list[tuple[str, tuple[Source, Head, str, Offer]]] = []
        for name, service_id, model in wanted:
            service = snapshot.service(service_id)
            offer = None if service is None else find_offer(service, model)
            if offer is not None:
                found.append((name, (source, snapshot.head, service_id, offer)))
        return found

    return find


def claims_of(entries: Sequence[tuple[Source, Head, str, Offer]], *, moment: datetime) -> Sequence[Claims]:
    """
    Claim what the sources say of one backend; each fact is claimed by the first that states it.

    Args:
        entries: A source, what its snapshot is of, the service's id there, and the offer; prices first.
        moment: When the prices must hold, aware.

    """
    made: list[Claims] = []
    for source, head, service_id, offer in entries:
        claims = _claims(offer, moment)
        stated = any(earlier.prices for _, _, _, earlier in entries[: len(made)])  # known there, even if in no rates
        made.append(
            evolve(
                claims,
                source=f"{head.source}: {service_id}/{offer.id}"[:1_000],
                as_of=_as_of(source, head, offer),
                prices=None if stated else claims.prices,
                cost_class=None if stated else claims.cost_class,
            )
        )
    if len(made) > 1 and made[1].context_tokens is not None:
        made[0] = evolve(made[0], context_tokens=None)  # a window is what the second source is about
    return made


def _claims(offer: Offer, moment: datetime) -> Claims:
    prices = offer.prices_at(moment)
    return Claims(
        capabilities={ABILITIES[name]: stated for name, stated in abilities_of(offer).items()},
        context_tokens=offer.context_tokens,
        max_output_tokens=offer.max_output_tokens,
        input_modalities=None if offer.inputs is None else frozenset(offer.inputs),
        output_modalities=None if offer.outputs is None else frozenset(offer.outputs),
        prices=prices,
        cost_class=None if prices is None else prices.cost_class(),
    )


def abilities_of(offer: Offer) -> Mapping[str, bool]:
    """Say what an offer can do and cannot, by the names of the command line."""
    senses = {} if offer.inputs is None else {name: kind in offer.inputs for name, kind in SENSES.items()}
    return {**{name: stated for name, stated in offer.abilities.items() if name in ABILITIES}, **senses}


def _as_of(source: Source, head: Head, offer: Offer) -> date:
    """Say when a source says it was so: prices hold for the whole document, other facts as each model was looked at."""
    return offer.updated if source is FACTS and offer.updated is not None else head.as_of
