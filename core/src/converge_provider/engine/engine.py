"""The engine: what a host calls."""

from collections.abc import Mapping, Sequence
from random import Random
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import anyio

from converge_provider.engine.asking import Asker, key_of, request_of
from converge_provider.engine.chats import answer
from converge_provider.engine.clock import Clock, SystemClock, iso_time
from converge_provider.engine.course import Course
from converge_provider.engine.deadlines import DEFAULT_DEADLINE_S, checked_deadline_s
from converge_provider.engine.guarding.making import guards_of
from converge_provider.engine.guards import Gatehouse, Guard
from converge_provider.engine.handles import Handles
from converge_provider.engine.hedging import Hedging
from converge_provider.engine.journal import Journal, MemoryJournal
from converge_provider.engine.learning import learners_of
from converge_provider.engine.loops import LoopGuard
from converge_provider.engine.observation import Observation
from converge_provider.engine.parts import Parts
from converge_provider.engine.replies import Reply
from converge_provider.engine.retrying import Retrying
from converge_provider.engine.settings import OnMismatch, Resilience, checked_on_break
from converge_provider.engine.sight import Sight
from converge_provider.engine.state import MemoryStore, StateStore
from converge_provider.engine.streams import ReplyStream
from converge_provider.engine.tokenisers import Tokenisers
from converge_provider.errors import RegistryValueError
from converge_provider.selection import decide
from converge_provider.values.constraints import Constraints
from converge_provider.values.criteria import SelectionCriteria
from converge_provider.values.requests import ChatRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from converge_provider.configuration import Configuration
    from converge_provider.contract.backends import Backend
    from converge_provider.contract.observers import Observer
    from converge_provider.contract.policies import EnabledPolicy
    from converge_provider.engine.answers import ResponseType
    from converge_provider.engine.relay import Relay
    from converge_provider.engine.settings import OnBreak
    from converge_provider.engine.sync import SyncEngine
    from converge_provider.registry import Catalogue, PluginRegistry
    from converge_provider.selection import Decision
    from converge_provider.selection.roles import Role, RoleDecision
    from converge_provider.values.assignment import ProviderAssignment, ProviderRequest
    from converge_provider.values.selection_config import ChatBackendSelectionConfig

__all__ = ("Engine",)


class Engine:
    """
    Choose a backend that is allowed, call it, go on to the next one when it fails, and say what happened.

    One engine serves one event loop, of asyncio or of trio; :attr:`sync` serves callers that have none.  It may be used
    without ``async with``; close it then with :meth:`aclose`.
    """

    def __init__(
        self,
        catalogue: "Catalogue",
        *,
        policies: "Sequence[EnabledPolicy]" = (),
        selection: "ChatBackendSelectionConfig | None" = None,
        constraints: Constraints | None = None,
        deadline_s: float | None = DEFAULT_DEADLINE_S,
        observers: "Sequence[Observer]" = (),
        guards: Sequence[Guard] = (),
        journal: Journal | None = None,
        store: StateStore | None = None,
        clock: Clock | None = None,
        random: Random | None = None,
        resilience: Resilience | None = None,
        backends: "Sequence[Backend]" = (),
    ) -> None:
        """
        Take what the engine is made of; nothing is opened and nothing is started.

        Args:
            catalogue: The backends there are.
            policies: Who scores candidates; none: the contract's fitness.
            selection: What is asked for when a call says nothing; ``None``: nothing is.
            constraints: What is demanded beyond that when a call says nothing; ``None``: nothing is.
            deadline_s: Seconds that a call may take when it does not say, > 0; ``None``: for ever.
            observers: Who is told of decisions and attempts.
            guards: Guards of the host's own, asked in this order, before those that ``resilience`` asks for.
            journal: Where the record goes; ``None``: the latest requests are kept in memory.
            store: What is remembered of backends; ``None``: in memory.
            clock: The time; ``None``: the machine's.
            random: Where ids and seeds come from; ``None``: unpredictable.
            resilience: How it holds out when backends fail; ``None``: as the defaults say.
            backends: Backends of other kinds, for :meth:`assign`; the host calls and closes them.

        Raises:
            ConfigurationError: The deadline makes no sense.
            RegistryValueError: Two backends of other kinds have the same name.

        """
        clock = SystemClock() if clock is None else clock
        random = Random() if random is None else random  # noqa: S311 - names, seeds and pauses, no secrets
        resilience = Resilience() if resilience is None else resilience
        store = MemoryStore() if store is None else store
        observation = Observation((*observers, *learners_of(policies, store)))
        own = guards_of(resilience, store=store, clock=clock, catalogue=catalogue, observation=observation)
        self._parts = Parts(
            catalogue=catalogue,
            policies=tuple(policies),
            clock=clock,
            random=random,
            store=store,
            guards=Gatehouse((*guards, *own)),
            journal=MemoryJournal() if journal is None else journal,
            handles=Handles(),
            observation=observation,
            resilience=resilience,
            retrying=Retrying(resilience.retry, random=random, time_s=clock.monotonic_s),
            tokenisers=Tokenisers(),
            hedging=Hedging(resilience.hedging, time_s=clock.monotonic_s),
            sight=Sight(store, policies, resilience.measuring.rule()),
        )
        self._asker = Asker(
            clock=self._parts.clock,
            random=self._parts.random,
            selection=selection,
            constraints=constraints,
            deadline_s=checked_deadline_s(deadline_s),
        )
        self._backends = _by_name(backends)
        self._loop = LoopGuard()
        self._sync: SyncEngine | None = None
        self._making_sync = Lock()

    @classmethod
    def discover(
        cls, configuration: "Configuration | None" = None, *, environ: Mapping[str, str] | None = None
    ) -> Self:
        """
        Make an engine of what is installed and configured; looks at files and the environment, at no network.

        Args:
            configuration: What is configured; ``None``: what the files and the environment say.
            environ: The environment to read; ``None``: the process's.

        Raises:
            ConfigurationError: The configuration makes no sense.
            PolicyError: It names a policy that is not installed.

        """
        from converge_provider.registry import PluginRegistry

        configured = _configuration(configuration, environ)
        return cls.of(PluginRegistry.discover(plugins=configured.plugins), configured)

    @classmethod
    def of(cls, registry: "PluginRegistry", configuration: "Configuration | None" = None, **changes: Any) -> Self:  # noqa: ANN401 - the constructor's own
        """
        Make an engine of plugins that the host has loaded or built itself.

        Args:
            registry: The plugins.
            configuration: What is configured; ``None``: nothing.
            changes: Arguments of the constructor that count instead of the configuration's.

        Raises:
            PolicyError: The configuration names a policy that is not installed.

        """
        from converge_provider.configuration import Configuration
        from converge_provider.engine.composing import arguments_of

        return cls(**{**arguments_of(registry, configuration or Configuration()), **changes})

    @property
    def catalogue(self) -> "Catalogue":
        """The backends there are."""
        return self._parts.catalogue

    @property
    def backends(self) -> "Mapping[str, Backend]":
        """The backends of other kinds by name, in the order in which they are assigned."""
        return self._backends

    @property
    def journal(self) -> Journal:
        """The record of this engine's requests."""
        return self._parts.journal

    @property
    def events_dropped(self) -> int:
        """How many events observers were not told, because too many were waiting."""
        return self._parts.observation.dropped

    @property
    def store(self) -> StateStore:
        """What is remembered of backends."""
        return self._parts.store

    @property
    def sync(self) -> "SyncEngine":
        """The same engine for plain threads, on an event loop of its own."""
        from converge_provider.engine.sync import SyncEngine  # start-up

        with self._making_sync:
            if self._sync is None:
                self._sync = SyncEngine(self)
            return self._sync

    async def __aenter__(self) -> Self:
        self._loop.check()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """
        Close every backend that was called, write the record, let observers finish; may be called twice.

        Raises:
            LoopError: The engine serves another event loop.

        """
        if self._loop.closed:
            return
        self._loop.check()
        self._loop.close()
        parts = self._parts
        await parts.handles.aclose()
        with anyio.CancelScope(shield=True):
            await parts.store.aclose()
            await anyio.to_thread.run_sync(parts.observation.close)
            await anyio.to_thread.run_sync(parts.journal.close)

    async def chat(
        self,
        request: ChatRequest | str,
        *,
        criteria: SelectionCriteria | None = None,
        constraints: Constraints | None = None,
        backend: str | None = None,
        provider: str | None = None,
        deadline_s: float | None = None,
        response_type: "ResponseType | None" = None,
        on_mismatch: OnMismatch = "stop",
    ) -> Reply:
        """
        Answer one request.

        Args:
            request: What is asked; a text is asked as the user.
            criteria: What the backend must be like; ``None``: as the engine's selection says.
            constraints: What is demanded beyond that; ``None``: the engine's own constraints.
            backend: The only backend to ask: an id, a model's name or an alias.  Every other gate still holds.
            provider: The only provider to ask, in any ASCII case.
            deadline_s: Seconds that everything together may take, > 0; ``None``: the engine's own deadline.
            response_type: What the answer must be: an attrs class, a data class, a pydantic class or a JSON Schema; the
                reply's ``value`` is then of that type.
            on_mismatch: What an answer of the wrong format or shape leads to: ``"stop"`` raises, ``"next"`` asks the
                next candidate.

        Raises:
            LlmError: Nobody answered; one error of the contract's family, with all attempts, the decision and a remedy.
            ConfigurationError: An argument makes no sense.
            PolicyError: A policy could not do its work.
            LoopError: The engine serves another event loop, or is closed.

        """
        self._loop.check()
        ask = self._asker.ask(
            request,
            criteria=criteria,
            constraints=constraints,
            backend=backend,
            provider=provider,
            deadline_s=deadline_s,
            response_type=response_type,
            on_mismatch=on_mismatch,
        )
        return await answer(Course(self._parts, ask), self._parts.handles)

    def stream(
        self,
        request: ChatRequest | str,
        *,
        criteria: SelectionCriteria | None = None,
        constraints: Constraints | None = None,
        backend: str | None = None,
        provider: str | None = None,
        deadline_s: float | None = None,
        response_type: "ResponseType | None" = None,
        on_break: "OnBreak | None" = None,
    ) -> ReplyStream:
        """
        Answer one request as events, the last of which is ``Finished`` with a :class:`Reply`.

        Takes the arguments of :meth:`chat`, and raises the same: failures before the first event when it is entered,
        after going on to other backends; later ones when the next event is asked for.  With ``on_break="continue"``
        another backend goes on with a text that broke off, after a ``BackendSwitched``; ``None``: as the engine's
        settings say.

        Example::

            async with engine.stream("Why is the sky blue?") as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        print(event.text, end="")

        """

        def begin() -> Course:
            self._loop.check()
            ask = self._asker.ask(
                request,
                criteria=criteria,
                constraints=constraints,
                backend=backend,
                provider=provider,
                deadline_s=deadline_s,
                response_type=response_type,
            )
            return Course(self._parts, ask)

        settings = self._parts.resilience
        return ReplyStream(
            self._parts.handles,
            begin,
            timeouts=settings.timeouts,
            on_break=settings.streams.on_break if on_break is None else checked_on_break(on_break),
        )

    def relay(self, *, max_concurrent: int = 8, sink_timeout_s: float = 5.0) -> "Relay":
        """
        Relay requests byte for byte, in the wire format of whoever made them.

        Args:
            max_concurrent: How many jobs may be under way at once, ≥ 1; a further one is refused at once.
            sink_timeout_s: Seconds within which a sink must take each piece of an answer, > 0.

        Raises:
            ConfigurationError: One of them makes no sense.

        """
        from converge_provider.engine.relay import Relay

        return Relay(self._parts, self._asker, self._loop, max_concurrent=max_concurrent, sink_timeout_s=sink_timeout_s)

    def assign(self, request: "ProviderRequest") -> "ProviderAssignment":
        """
        Fill the capability slots of a request with backends of any kind, without calling anybody; from any thread.

        The backends of other kinds come first, in their order, then the configured chat backends by id.
        """
        from converge_provider.selection.assign import assign
        from converge_provider.selection.assignable import assignable

        return assign(request, [*self._backends.values(), *assignable(self._parts.catalogue)])

    def assign_roles(self, roles: "Iterable[Role]", *, each_once: bool = False) -> "tuple[RoleDecision, ...]":
        """Give roles to backends of any kind, as ``assign_roles()`` does, without calling anybody; from any thread."""
        from converge_provider.selection.assignable import assignable
        from converge_provider.selection.roles import assign_roles

        among = [*self._backends.values(), *assignable(self._parts.catalogue)]
        return assign_roles(roles, among, each_once=each_once)

    def select(
        self,
        request: ChatRequest | str | None = None,
        *,
        criteria: SelectionCriteria | None = None,
        constraints: Constraints | None = None,
        backend: str | None = None,
        provider: str | None = None,
        seed: int = 0,
    ) -> "Decision":
        """
        Choose as :meth:`chat` would, without calling anybody; from any thread.

        Raises:
            PolicyError: A policy could not do its work.

        """
        asked = None if request is None else request_of(request)
        wanted, now_s = self._asker.criteria(criteria), self._parts.clock.now_s()
        return decide(
            self._parts.catalogue,
            request=asked,
            criteria=wanted,
            constraints=self._asker.constraints_of(constraints),
            provider=self._asker.provider(provider, backend),
            backend=backend,
            policies=self._parts.policies,
            barred=self._parts.guards.bars(),
            count=self._parts.tokenisers.count_patiently,
            state=self._parts.sight.view(criteria=wanted, key=None if asked is None else key_of(asked), now_s=now_s),
            time=iso_time(now_s),
            seed=seed,
        )


def _by_name(backends: "Sequence[Backend]") -> "Mapping[str, Backend]":
    found = {backend.name: backend for backend in backends}
    if len(found) < len(backends):
        names = [backend.name for backend in backends]
        twice = next(name for name in names if names.count(name) > 1)
        message = f"backend {twice!r} is there twice; names are unique"
        raise RegistryValueError(message)
    return found


def _configuration(given: "Configuration | None", environ: Mapping[str, str] | None) -> "Configuration":
    if given is not None:
        return given
    from converge_provider.configuration import load_configuration

    return load_configuration(environ=environ)
