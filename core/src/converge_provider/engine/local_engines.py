"""Looking for engines that run on machines of one's own."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import anyio
from attrs import evolve, field

from converge_provider.contract.local_engines import LocalEngine, LocalPlace, LocalProviderType
from converge_provider.engine.logs import log
from converge_provider.errors import ConfigurationError, ConvergeError, LlmError
from converge_provider.values.classes import frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from converge_provider.contract.backends import ProviderType

__all__ = ("FoundEngine", "LocalSearch", "find_local_engines", "local_places")

PATIENCE_S = 0.8
"""Seconds that each address may take unless the caller says otherwise; all are asked at once."""
_MOST_ADDRESSES = 256
_MOST_PORT = 65_535
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")
_Kinds = Mapping[str, tuple[LocalProviderType, LocalPlace]]
"""Types whose engines can be looked for, by name."""


@frozen(kw_only=True)
class FoundEngine:
    """An engine that answers, and who recognised it."""

    type_name: str
    """The provider type."""
    engine: LocalEngine
    rank: int
    """Of two engines that serve one model, the one with the lower rank is preferred."""
    better_at: Mapping[str, str] = field(factory=dict[str, str])
    """Models that a preferred engine serves, too, by name, with its URL."""


@frozen(kw_only=True)
class LocalSearch:
    """What was found, and where it was looked for."""

    engines: Sequence[FoundEngine] = field(converter=tuple[FoundEngine, ...])
    """The preferred ones first, then by address."""
    addresses: Sequence[str] = field(converter=tuple[str, ...])
    """Every address that was asked."""
    places: Mapping[str, LocalPlace]
    """Where engines are looked for, by provider type, in the order of preference."""


async def find_local_engines(
    types: "Mapping[str, ProviderType]",
    *,
    hosts: Sequence[str] = ("localhost",),
    ports: Sequence[int] = (),
    within_s: float = PATIENCE_S,
    report: "Callable[[str], None] | None" = None,
) -> LocalSearch:
    """
    Ask every address at once who answers there.

    Args:
        types: The provider types, as ``PluginRegistry.provider_types`` has them.
        hosts: Names or addresses of machines.
        ports: Where to look; none: where engines of the types usually answer.
        within_s: Seconds that each address may take, > 0.
        report: Told each address that has been asked.

    Raises:
        ConfigurationError: A host or a port is none, or there are too many.
        MissingExtraError: A library with which to ask is not installed.

    """
    kinds = _kinds(types)
    places = {name: place for name, (_, place) in kinds.items()}
    wanted = tuple(ports) or tuple(place.port for place in places.values())
    addresses = tuple(dict.fromkeys(_address(host, port) for host in hosts for port in wanted))
    if len(addresses) > _MOST_ADDRESSES:
        message = f"{len(addresses)} addresses are too many to ask at once; expected at most {_MOST_ADDRESSES}"
        raise ConfigurationError(message)
    found: list[tuple[int, FoundEngine]] = []

    async def ask(place: int, address: str) -> None:
        one = await _at(address, kinds, within_s)
        if one is not None:
            found.append((place, one))
        if report is not None:
            report(address)

    async with anyio.create_task_group() as tasks:
        for place, address in enumerate(addresses):
            tasks.start_soon(ask, place, address)
    found.sort(key=lambda each: (each[1].rank, each[0]))
    return LocalSearch(engines=_compared(one for _, one in found), addresses=addresses, places=places)


def local_places(types: "Mapping[str, ProviderType]") -> Mapping[str, LocalPlace]:
    """Say where engines usually answer, by provider type, in the order of preference; raises as the search does."""
    return {name: place for name, (_, place) in _kinds(types).items()}


def _kinds(types: "Mapping[str, ProviderType]") -> _Kinds:
    """Give the types whose engines can be looked for, the preferred ones first."""
    found: list[tuple[int, str, LocalProviderType, LocalPlace]] = []
    for name, kind in types.items():
        try:
            if isinstance(kind, LocalProviderType) and (place := kind.local) is not None:
                found.append((place.rank, name, kind, place))
        except ConvergeError:
            raise  # such as a missing library, which would look as if nobody answered
        except Exception as exc:  # noqa: BLE001 - a plugin may raise anything
            log.warning("provider type %r does not say where its engines answer: %s", name, type(exc).__name__)
    return {name: (kind, place) for _, name, kind, place in sorted(found, key=lambda one: one[:2])}


def _address(host: str, port: int) -> str:
    """
    Give the address of a port of a machine.

    Raises:
        ConfigurationError: It is none.

    """
    name = f"[{host}]" if ":" in host and not host.startswith("[") else host
    if not _HOST.fullmatch(name) or type(port) is not int or not 0 < port <= _MOST_PORT:
        message = (
            f"{host!r} with port {port!r} is no address; expected the name or address of a machine, and 1 to 65535"
        )
        raise ConfigurationError(message)
    return f"http://{name}:{port}"


async def _at(address: str, kinds: _Kinds, within_s: float) -> FoundEngine | None:
    """Have every type look at an address at once; of several that recognise an engine the preferred one counts."""
    found: dict[str, LocalEngine] = {}

    async def look(name: str, kind: LocalProviderType) -> None:
        try:
            engine = await kind.recognise(address)
        except (LlmError, OSError):
            return  # nobody there, or nobody who speaks so
        except Exception as exc:  # noqa: BLE001 - a plugin may raise anything
            log.warning("provider type %r could not look at %s: %s", name, address, type(exc).__name__)
            return
        if engine is not None:
            found[name] = engine

    with anyio.move_on_after(within_s):
        async with anyio.create_task_group() as tasks:
            for name, (kind, _) in kinds.items():
                tasks.start_soon(look, name, kind)
    for name, (_, place) in kinds.items():
        if name in found:
            return FoundEngine(type_name=name, engine=found[name], rank=place.rank)
    return None


def _compared(engines: Iterable[FoundEngine]) -> Iterator[FoundEngine]:
    """Say of each model at whose engine it is served that is preferred."""
    best: dict[str, str] = {}
    for one in engines:
        names = [str(model.model) for model in one.engine.models]
        yield evolve(one, better_at={name: best[name] for name in names if name in best})
        for name in names:
            best.setdefault(name, one.engine.url)
