"""The backend: an index of vectors, searched by the angle between them."""

import math
from collections.abc import Sequence
from heapq import nsmallest
from operator import mul
from threading import Lock

from attrs import define, field, frozen

from converge_provider import BackendError, BackendKind, Capability, CostClass, DataSovereignty

__all__ = ("Hit", "VectorIndex")

_MOST = 100_000
"""Vectors of one index; every search looks at each of them."""


@frozen(kw_only=True)
class Hit:
    """One vector that was found."""

    id: str
    score: float
    """The cosine of the angle, from -1 to 1; greater is nearer."""


@define(eq=False)
class VectorIndex:
    """
    Keep vectors of one length, and find those that point where another one points.

    May be used from several threads.

    Example:
        >>> index = VectorIndex()
        >>> index.add("north", (0, 1))
        >>> index.add("east", (2, 0))
        >>> [(hit.id, round(hit.score, 2)) for hit in index.search((3, 1), top_k=2)]
        [('east', 0.95), ('north', 0.32)]

    """

    name: str = "example-vector-search"
    kind: BackendKind = BackendKind.SEARCH
    capabilities: tuple[Capability, ...] = (Capability.VECTOR_SEARCH,)
    supports_replay: bool = True
    requires_network: bool = False
    cost_class: CostClass = CostClass.FREE
    typical_latency_ms: int = 20
    data_sovereignty: frozenset[DataSovereignty] = frozenset(DataSovereignty) - {DataSovereignty.ANY}
    """Nothing leaves this process, so it keeps the rules of every place."""
    _units: dict[str, tuple[float, ...]] = field(factory=dict[str, tuple[float, ...]], init=False, repr=False)
    _lock: Lock = field(factory=Lock, init=False, repr=False)

    def __len__(self) -> int:
        """Give the number of vectors."""
        return len(self._units)

    def add(self, vector_id: str, vector: Sequence[float]) -> None:
        """
        Keep a vector; one of the same id is replaced.

        Raises:
            BackendError: Its length is another one than that of the others, it points nowhere, or the index is full.

        """
        unit = _unit(vector)
        with self._lock:
            self._check_length(unit)
            if vector_id not in self._units and len(self._units) >= _MOST:
                message = f"the index holds {_MOST} vectors, which is the most"
                raise BackendError.resource_exhausted(message)
            self._units[vector_id] = unit

    def search(self, vector: Sequence[float], *, top_k: int = 10) -> tuple[Hit, ...]:
        """
        Find the nearest vectors.

        Args:
            vector: Where to look; its length is that of the others.
            top_k: How many at most, at least 1.

        Returns:
            The hits, the nearest first; those that are equally near by their ids.

        Raises:
            BackendError: The vector has another length or points nowhere, or fewer than one is asked for.

        """
        if top_k < 1:
            message = f"top_k must be at least 1, got {top_k}"
            raise BackendError.invalid_request(message)
        unit = _unit(vector)
        with self._lock:
            self._check_length(unit)
            kept = list(self._units.items())
        scored = ((-math.fsum(map(mul, unit, other)), vector_id) for vector_id, other in kept)
        return tuple(Hit(id=vector_id, score=-score) for score, vector_id in nsmallest(top_k, scored))

    def _check_length(self, unit: tuple[float, ...]) -> None:
        first = next(iter(self._units.values()), unit)
        if len(unit) != len(first):
            message = f"a vector has {len(unit)} numbers, those of this index have {len(first)}"
            raise BackendError.invalid_request(message)


def _unit(vector: Sequence[float]) -> tuple[float, ...]:
    """Give the vector of length 1 that points the same way; scaled first, so that nothing over- or underflows."""
    greatest = max(map(abs, vector), default=0.0)
    if not 0 < greatest < math.inf or not all(map(math.isfinite, vector)):
        message = "a vector must hold finite numbers, one of them not 0"
        raise BackendError.invalid_request(message)
    scaled = [float(number) / greatest for number in vector]
    length = math.hypot(*scaled)
    return tuple(number / length for number in scaled)
