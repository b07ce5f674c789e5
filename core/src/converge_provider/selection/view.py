"""The eligible candidates as a policy sees them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs

from converge_provider.selection.question import Question
from converge_provider.selection.table import Facts, Table
from converge_provider.values.claims import Claims
from converge_provider.values.descriptors import CAPABILITY_FLAGS, ChatBackendDescriptor
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


class View:
    """The eligible candidates of one question, as columns that are gathered when they are asked for."""

    def __init__(self, table: Table, question: Question, places: Sequence[int]) -> None:
        self._table = table
        self._question = question
        self._places = places
        self._columns: dict[str, tuple[Any, ...]] = {}

    def __len__(self) -> int:
        return len(self._places)

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
        return self._columns.get(name) or self._gathered(name, self._whole(name))

    def _gathered(self, name: str, whole: Sequence[Any]) -> tuple[Any, ...]:
        found = self._columns.get(name)
        if found is None:
            found = self._columns[name] = tuple([whole[place] for place in self._places])
        return found

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

    known = sorted({*_OF_DESCRIPTOR, *_OF_CAPABILITIES, *_OF_CLAIMS, *_OF_PRICES, "fitness"})
    message = f"there is no column {name!r}{nearest(name, known)}"
    raise KeyError(message)
