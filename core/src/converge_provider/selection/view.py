"""The eligible candidates as a policy sees them."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import attrs

from converge_provider.selection.question import Question
from converge_provider.selection.table import Facts, Table
from converge_provider.values.claims import Claims
from converge_provider.values.descriptors import CAPABILITY_FLAGS, ChatBackendDescriptor
from converge_provider.values.measured import MEASURED, Measured
from converge_provider.values.messages import JsonObject, JsonValue
from converge_provider.values.money import Prices
from converge_provider.values.requests import ChatRequest
from converge_provider.values.requirements import AgentRequirements

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("View",)

_OF_DESCRIPTOR = frozenset(
    {"provider", "model", "id", "cost_class", "typical_latency_ms", "quality", "data_sovereignty", "compliance"}
)
_OF_CAPABILITIES = frozenset({*CAPABILITY_FLAGS, "context_tokens"})
_OF_CLAIMS = frozenset(field.name for field in attrs.fields(Claims))
_OF_PRICES = frozenset(field.name for field in attrs.fields(Prices) if field.name.endswith("_usd_per_mtok"))

_ASSIGNED = frozenset({"assigned", "assigned_age_s"})
_OF_STATE = frozenset({*MEASURED, *_ASSIGNED})
_STRANGER = Measured()
_NOTHING: Mapping[str, JsonValue] = {}


class View:
    """
    The eligible candidates of one question, as columns that are gathered when they are asked for.

    What was measured is read while policies score, and only then: what they asked for is on record.
    """

    def __init__(self, table: Table, question: Question, places: Sequence[int], *, seed: int, time: str) -> None:
        self.places: Sequence[int] = places
        """The place in the table of each candidate."""
        self.seed: int = seed
        self.time: str = time
        self.asked: dict[str, None] = {}
        """What of the measured state was asked for: columns, ``key``, ``remembered <policy>``."""
        self.read: Sequence[str] = ()
        """The columns that policies looked at to score."""
        self._table = table
        self._question = question
        self._columns: dict[str, tuple[Any, ...]] = {}
        self._measured: tuple[Measured, ...] | None = None
        self._sealed = False

    def __len__(self) -> int:
        return len(self.places)

    def seal(self) -> None:
        """Give no more of the measured state than was asked for."""
        self._sealed = True
        self.read = tuple(self._columns)

    def measured(self) -> Mapping[str, Measured]:
        """Give what was measured of each candidate, by id, as it was when the first of its columns was asked for."""
        ids = self._table.ids
        return dict(zip([ids[place] for place in self.places], self._measured or (), strict=False))

    @property
    def key(self) -> str | None:
        """What the request belongs to, or ``None``."""
        state = self._question.state
        if state is None:
            return None
        self._asks("key")
        return state.key

    def remembered(self, policy: str) -> JsonObject:
        """Give what a policy has made of what it was told."""
        state = self._question.state
        if state is None:
            return _NOTHING
        self._asks(f"remembered {policy}")
        return state.remembered.get(policy, _NOTHING)

    @property
    def requirements(self) -> AgentRequirements:
        """What was asked for, in numbers."""
        return self._question.requirements

    @property
    def request(self) -> ChatRequest | None:
        """The request itself, or ``None``."""
        return self._question.request

    @property
    def input_tokens(self) -> int:
        """Tokens of the request itself, estimated; 0 without one."""
        return self._question.needs.input_tokens

    @property
    def answer_tokens(self) -> int:
        """Tokens of the longest answer that the request admits; 0 without a limit."""
        return self._question.needs.answer_tokens

    @property
    def descriptors(self) -> Sequence[ChatBackendDescriptor]:
        """What is known of each candidate."""
        return self._gathered("", self._table.descriptors)

    def column(self, name: str) -> Sequence[Any]:
        """Give one fact of every candidate; ``None`` is unknown."""
        found = self._columns.get(name)
        if found is not None:
            return found
        if name not in _OF_STATE:
            return self._gathered(name, self._whole(name))
        found = self._columns[name] = self._of_state(name)
        return found

    def _gathered(self, name: str, whole: Sequence[Any]) -> tuple[Any, ...]:
        found = self._columns.get(name)
        if found is None:
            found = self._columns[name] = tuple([whole[place] for place in self.places])
        return found

    def _of_state(self, name: str) -> tuple[Any, ...]:
        """Give what was measured; without a state nothing is known, not even that nothing runs."""
        state, ids = self._question.state, self._table.ids
        if state is None:
            return (None,) * len(self.places)
        self._asks(name)
        if name in _ASSIGNED:
            if state.key is None:
                return (None,) * len(self.places)
            said = (True, False) if name == "assigned" else (state.assigned_age_s, None)
            return tuple([said[ids[place] != state.assigned] for place in self.places])
        if self._measured is None:
            known = dict(state.measured.items())
            self._measured = tuple([known.get(ids[place], _STRANGER) for place in self.places])
        return tuple(map(attrgetter(name), self._measured))

    def _asks(self, what: str) -> None:
        if what in self.asked:
            return
        if self._sealed:
            message = f"{what!r} was not asked for while scoring, and what was measured cannot be had later"
            raise KeyError(message)
        self.asked[what] = None

    def _whole(self, name: str) -> Sequence[Any]:
        if name == "fitness":
            return self._table.ordered(self._question.requirements.max_latency_ms, last_resort=False)[0]
        return self._table.column(name, _reader(name))


def _reader(name: str) -> "Callable[[Facts], Any]":
    """Give the function that reads a fact of one candidate."""

    def of_descriptor(row: Facts) -> object:
        return None if name in row.unknown else getattr(row.descriptor, name)

    def of_capabilities(row: Facts) -> object:
        return None if name in row.unknown else getattr(row.descriptor.capabilities, name)

    def of_claims(row: Facts) -> object:
        return getattr(row.claims, name)

    def of_prices(row: Facts) -> float | None:
        price = None if row.claims.prices is None else getattr(row.claims.prices, name)
        return None if price is None else float(price)

    if name in _OF_DESCRIPTOR:
        return of_descriptor
    if name in _OF_CAPABILITIES:
        return of_capabilities
    if name in _OF_CLAIMS:
        return of_claims
    if name in _OF_PRICES:
        return of_prices
    from converge_provider.codec.problems import nearest  # only when it is misspelt

    known = sorted({*_OF_DESCRIPTOR, *_OF_CAPABILITIES, *_OF_CLAIMS, *_OF_PRICES, *_OF_STATE, "fitness"})
    message = f"there is no column {name!r}{nearest(name, known)}"
    raise KeyError(message)
