"""Filling capability slots with backends."""

from collections.abc import Sequence

from converge_provider.contract.backends import Backend, has_capability
from converge_provider.selection.envelope import effective_slots, lacks
from converge_provider.values.assignment import CapabilityAssignment, ProviderAssignment, ProviderRequest
from converge_provider.values.identity import Capability
from converge_provider.values.requirements import BackendRequirements

__all__ = ("assign",)


def assign(request: ProviderRequest, backends: Sequence[Backend]) -> ProviderAssignment:
    """
    Fill the capability slots of a request.

    Without requirements on one backend, each slot gets a backend of its own, and as many slots as possible are filled.
    With them, the first backend that meets them takes every capability: kind, capabilities, replay and offline always,
    cost, latency (0: no limit), residence and certificate wherever the backend declares them, as attributes of its own
    or of its ``descriptor``: ``cost_class``, ``typical_latency_ms``, ``data_sovereignty``, ``compliance``.

    Args:
        request: What is needed; a capability named twice asks for two independent backends.
        backends: Who is there, in the order of registration.

    Returns:
        The filled and the empty slots, in the request's order; the same for the same arguments.

    """
    if request.backend_requirements is not None:
        return _by_role(request, request.backend_requirements, backends)
    slots = tuple(request.required_capabilities)
    return _answer(request.id, slots, _match(_neighbours(slots, backends), len(backends)), backends)


def _answer(
    request_id: str, slots: Sequence[Capability], filled_by: Sequence[int | None], backends: Sequence[Backend]
) -> ProviderAssignment:
    assignments = [
        CapabilityAssignment(capability=slot, backend_name=backends[place].name)
        for slot, place in zip(slots, filled_by, strict=True)
        if place is not None
    ]
    return ProviderAssignment(
        request_id=request_id,
        assignments=assignments,
        unmatched=[slot for slot, place in zip(slots, filled_by, strict=True) if place is None],
        coverage_ratio=len(assignments) / len(slots) if slots else 1.0,
    )


def _by_role(request: ProviderRequest, wanted: BackendRequirements, backends: Sequence[Backend]) -> ProviderAssignment:
    slots = effective_slots(wanted, request.required_capabilities)
    meets = (i for i, backend in enumerate(backends) if next(lacks(backend, wanted, slots), None) is None)
    found = next(meets, None)
    return _answer(request.id, slots, [found] * len(slots), backends)


def _neighbours(slots: Sequence[Capability], backends: Sequence[Backend]) -> list[list[int]]:
    """Give the backends that could fill each slot, in the order of registration."""
    able: dict[Capability, list[int]] = {slot: [] for slot in slots}
    for place, backend in enumerate(backends):
        listed = set(backend.capabilities) if _only_lists(backend) else able
        for capability in able.keys() & listed:
            if has_capability(backend, capability):
                able[capability].append(place)
    return [able[slot] for slot in slots]


def _only_lists(backend: Backend) -> bool:
    """Say whether a backend can do just what it lists, so that nothing else need be asked of it."""
    own: object = getattr(backend, "has_capability", None)
    return own is None or getattr(own, "__func__", None) is getattr(Backend, "has_capability", None)


def _match(neighbours: Sequence[Sequence[int]], backends: int) -> list[int | None]:
    """
    Match as many slots as possible, each with a backend of its own.

    Source:
        Hopcroft and Karp, "An n^5/2 algorithm for maximum matchings in bipartite graphs", SIAM Journal on Computing 2
        (1973).

    """
    of_slot: list[int | None] = [None] * len(neighbours)
    of_backend: list[int | None] = [None] * backends
    while True:
        layers = _layers(neighbours, of_slot, of_backend)
        if layers is None:
            return of_slot
        for slot, place in enumerate(of_slot):
            if place is None:
                _augment(slot, neighbours, layers, of_slot, of_backend)


def _layers(
    neighbours: Sequence[Sequence[int]], of_slot: Sequence[int | None], of_backend: Sequence[int | None]
) -> list[int | None] | None:
    """Give each slot's distance from a free slot, breadth first; ``None`` when no free backend can be reached."""
    layers: list[int | None] = [0 if place is None else None for place in of_slot]
    queue = [slot for slot, place in enumerate(of_slot) if place is None]
    reached = False
    for slot in queue:
        for backend in neighbours[slot]:
            other = of_backend[backend]
            if other is None:
                reached = True
            elif layers[other] is None:
                layers[other] = (layers[slot] or 0) + 1
                queue.append(other)
    return layers if reached else None


def _augment(
    root: int,
    neighbours: Sequence[Sequence[int]],
    layers: list[int | None],
    of_slot: list[int | None],
    of_backend: list[int | None],
) -> None:
    """Search, depth first along the layers and without recursion, a free backend for a slot, and shift the matches."""
    path = [(root, iter(neighbours[root]))]
    taken: list[int] = []
    while path:
        slot, untried = path[-1]
        for backend in untried:
            other = of_backend[backend]
            if other is None:
                for (mover, _), to in zip(path, [*taken, backend], strict=True):
                    of_slot[mover], of_backend[to] = to, mover
                return
            if layers[other] == (layers[slot] or 0) + 1:
                taken.append(backend)
                path.append((other, iter(neighbours[other])))
                break
        else:
            layers[slot] = None
            path.pop()
            if taken:
                taken.pop()
