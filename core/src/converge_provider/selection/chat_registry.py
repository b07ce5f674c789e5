"""The contract's registry of chat backends: a builder, and its one choice."""

from typing import Self

from converge_provider.contract.backends import ChatBackend
from converge_provider.contract.registered import RegisteredChatBackend, ResolvedChatBackend
from converge_provider.errors import ProviderError
from converge_provider.selection.gate import failed
from converge_provider.selection.gates import failures
from converge_provider.selection.question import Question
from converge_provider.selection.ranking import Ranking
from converge_provider.selection.table import Table, in_order
from converge_provider.values.claims import Claims
from converge_provider.values.classes import frozen
from converge_provider.values.descriptors import ChatBackendDescriptor
from converge_provider.values.selection_config import ChatBackendSelectionConfig

__all__ = ("ChatBackendRegistry",)

_NO_CLAIMS = Claims()


@frozen
class _Bare:
    """A registered backend of which only the contract's fields count."""

    descriptor: ChatBackendDescriptor
    backend: ChatBackend
    claims: Claims = _NO_CLAIMS
    unknown: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()


class ChatBackendRegistry:
    """
    Hold handles that a host has constructed, and choose among them by the contract's gates alone.

    It reads no credential, imports no adapter and opens no connection.

    Example:
        >>> from converge_provider import ChatBackendSelectionConfig
        >>> len(ChatBackendRegistry())
        0

    """

    def __init__(self) -> None:
        """Start with nothing."""
        self._registered: list[_Bare] = []
        self._sorted: list[_Bare] = []
        self._table: Table | None = None

    def __len__(self) -> int:
        """Give the number of registered backends."""
        return len(self._registered)

    def register(self, backend: RegisteredChatBackend) -> None:
        """Append a backend; nothing is looked at."""
        self._registered.append(_Bare(backend.descriptor, backend.backend))
        self._table = None

    def with_backend(self, backend: RegisteredChatBackend) -> Self:
        """Append a backend, and give this same registry."""
        self.register(backend)
        return self

    def descriptors(self) -> tuple[ChatBackendDescriptor, ...]:
        """Give what is known of each, in the order of registration."""
        return tuple(one.descriptor for one in self._registered)

    def select(self, config: ChatBackendSelectionConfig) -> ResolvedChatBackend:
        """
        Choose the best backend that satisfies the criteria.

        Order: score descending, then provider, then model, ascending by code point; among full ties, first registered
        first.

        Raises:
            ProviderError: Nobody satisfies them.

        """
        table = self._tabulated()
        question = Question.of_config(config)
        eligible = table.all & ~failed(failures(table, question))
        limit_ms = question.requirements.max_latency_ms
        best = Ranking.by_fitness(table, limit_ms, eligible, last_resort=False).first(1)
        if not best:
            whose = "" if config.provider_override is None else f" for provider {config.provider_override}"
            message = f"No registered chat backend satisfied the selection criteria{whose}"
            raise ProviderError(message)
        chosen = self._sorted[best[0]]
        return ResolvedChatBackend(chosen.descriptor, chosen.backend)

    def _tabulated(self) -> Table:
        if self._table is None:
            self._sorted = in_order(self._registered)
            self._table = Table(self._sorted)
        return self._table
