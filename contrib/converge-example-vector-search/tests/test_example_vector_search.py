"""The example of a vector search: it finds the nearest, and is found and assigned as a backend."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st

import converge_example_vector_search
from converge_example_vector_search.index import VectorIndex
from converge_provider import BackendError, BackendRequirements, Capability, Engine, PluginRegistry, ProviderRequest

NUMBERS = st.floats(-1e6, 1e6).map(lambda number: round(number, 3))
VECTORS = st.lists(NUMBERS, min_size=3, max_size=3).filter(any)


def index_of(vectors: Sequence[Sequence[float]]) -> VectorIndex:
    """Make an index of vectors that are numbered."""
    index = VectorIndex()
    for number, vector in enumerate(vectors):
        index.add(f"v{number:02}", vector)
    return index


@given(vectors=st.lists(VECTORS, min_size=1, max_size=8), wanted=VECTORS, top_k=st.integers(1, 10))
def test_search_finds_what_looking_at_all_finds(vectors: list[list[float]], wanted: list[float], top_k: int) -> None:
    """The hits are the best by the cosine as its definition says, the nearest first."""
    hits = index_of(vectors).search(wanted, top_k=top_k)

    def cosine(number: int) -> float:
        dot = math.fsum(a * b for a, b in zip(vectors[number], wanted, strict=True))
        return dot / (math.hypot(*vectors[number]) * math.hypot(*wanted))

    expected = sorted((cosine(number) for number in range(len(vectors))), reverse=True)[:top_k]
    assert [hit.score for hit in hits] == pytest.approx(expected, abs=1e-9)
    assert all(hit.score == pytest.approx(cosine(int(hit.id[1:])), abs=1e-9) for hit in hits)


@given(vectors=st.lists(VECTORS, min_size=2, max_size=8), shuffle=st.randoms(use_true_random=False))
def test_search_does_not_depend_on_the_order_of_adding(vectors: list[list[float]], shuffle: Any) -> None:
    """Equally near ones stand by their ids."""
    named = list(enumerate([*vectors, vectors[0]]))
    first = index_of([vector for _, vector in named]).search(vectors[0])
    shuffle.shuffle(named)
    index = VectorIndex()
    for number, vector in named:
        index.add(f"v{number:02}", vector)

    assert index.search(vectors[0]) == first


@given(vector=VECTORS, factor=st.floats(1e-12, 1e12))
def test_length_of_a_vector_means_nothing(vector: list[float], factor: float) -> None:
    """A vector is as near to itself as can be, however long it is, and its opposite is as far."""
    index = index_of([vector, [-number for number in vector]])
    hits = index.search([number * factor for number in vector])

    assert [hit.id for hit in hits] == ["v00", "v01"]
    assert [hit.score for hit in hits] == pytest.approx([1.0, -1.0])


def test_vector_of_the_same_id_is_replaced() -> None:
    """An id stands for one vector, the last one."""
    index = VectorIndex()
    index.add("a", (1, 0))
    index.add("a", (0, 1))

    assert len(index) == 1
    assert index.search((0, 1))[0].score == pytest.approx(1.0)


@pytest.mark.parametrize(
    "vector",
    [
        pytest.param((), id="empty"),
        pytest.param((0, 0), id="zero"),
        pytest.param((1, math.nan), id="nan"),
        pytest.param((math.nan, 1), id="nan first"),
        pytest.param((math.inf, 1), id="infinite"),
        pytest.param((1, 2, 3), id="longer"),
    ],
)
def test_vector_that_makes_no_sense_is_refused(vector: Sequence[float]) -> None:
    """It is an invalid request of the contract's family, whether it is added or looked for."""
    index = index_of([(1, 0)])
    for act in (lambda: index.add("x", vector), lambda: index.search(vector)):
        with pytest.raises(BackendError, match="a vector") as caught:
            act()
        assert not caught.value.retryable
    with pytest.raises(BackendError, match="top_k must be at least 1, got 0"):
        index.search((1, 0), top_k=0)


def test_full_index_takes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the most an addition is refused, and a replacement is not."""
    monkeypatch.setattr("converge_example_vector_search.index._MOST", 1)
    index = index_of([(1, 0)])
    index.add("v00", (0, 1))
    with pytest.raises(BackendError, match="which is the most"):
        index.add("v01", (0, 1))

    assert len(index) == 1


def test_plugin_is_assigned_the_slot_of_a_vector_search() -> None:
    """The distribution's plugin brings a backend that a host can assign and call."""
    engine = Engine.of(PluginRegistry.of(converge_example_vector_search))
    role = ProviderRequest(id="r", required_capabilities=(), backend_requirements=BackendRequirements.vector_search())
    slot = ProviderRequest(id="s", required_capabilities=(Capability.VECTOR_SEARCH,))
    names = {one.backend_name for request in (role, slot) for one in engine.assign(request).assignments}

    assert names == {"example-vector-search"}
    assert isinstance(engine.backends["example-vector-search"], VectorIndex)
