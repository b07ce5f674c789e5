"""``converge list``: the known backends, what they can do, and what they need."""

import sys
import time
from typing import TYPE_CHECKING

import click
from attrs import evolve

from converge_provider.cli.options import json_option, verbose_option
from converge_provider.cli.screen import Column
from converge_provider.cli.session import Session, pass_session
from converge_provider.cli.unready import only_named
from converge_provider.cli.words import Number
from converge_provider.values.descriptors import CAPABILITY_FLAGS

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from converge_provider.cli.health import Remembered
    from converge_provider.contract.backends import Health
    from converge_provider.registry import CatalogueEntry

__all__ = ("command",)

_COLUMNS = (
    Column(title="BACKEND", whole=True),
    Column(title="CONTEXT", right=True),
    Column(title="COST"),
    Column(title="CAPABILITIES"),
    Column(title="STATE"),
)
_HEALTH = Column(title="HEALTH")


@click.command("list")
@click.option("--probe", is_flag=True, help="Ask the configured backends how they are; this uses the network.")
@click.option(
    "--timeout",
    "timeout_s",
    type=Number(0.1, 600.0),
    default=5.0,
    metavar="SECONDS",
    help="How long --probe waits for each backend; 5 when left out.",
)
@click.option("--all", "everything", is_flag=True, help="Show what needs a key or an address first, too.")
@json_option
@verbose_option
@pass_session
def command(session: Session, *, probe: bool, timeout_s: float, everything: bool) -> None:
    """
    Show every known backend, and what it lacks.

    Those that can be called come first; `?` is what nobody has stated. When many providers need a key or an address
    first, they are only named.
    """
    from converge_provider.cli.health import recall

    if probe:
        _probe(session, timeout_s)
    health = recall(session.paths.state_dir)
    if session.screen.json:
        session.screen.document(_document(session, health))
    elif not session.catalogue.providers and not session.registry.backends:
        session.screen.write("No backend is known, since no plugin brings one. Try: pip install converge-local")
    else:
        columns = (*_COLUMNS, _HEALTH) if health else _COLUMNS
        folded = frozenset[str]() if everything else only_named(session)
        session.screen.table(columns, (row[: len(columns)] for row in _rows(session, health, folded)))
        if folded:
            names = ", ".join(sorted(folded))
            session.screen.write(f"{len(folded)} more need something first, see: converge list --all\n  {names}")
    session.say_quarantined()


def _rows(
    session: Session, health: "Mapping[str, Remembered]", folded: "Container[str]"
) -> "Iterator[tuple[str, ...]]":
    shown = [entry for entry in session.catalogue.entries if str(entry.descriptor.provider) not in folded]
    for entry in sorted(shown, key=lambda entry: bool(entry.missing)):
        yield (*_facts(entry), _state(entry.missing) + _verified(entry), _said(health.get(entry.id)))
    served = {str(entry.descriptor.provider) for entry in session.catalogue.entries}
    for name, provider in sorted(session.catalogue.providers.items()):
        if name not in served and name not in folded:
            state = "switched off" if not provider.enabled else provider.problem or _state(provider.missing)
            yield f"{name}/…", "", "", "", state, ""
    yield from _others(session)


def _others(session: Session) -> "Iterator[tuple[str, ...]]":
    """Show the backends of other kinds, which slots and roles can be given to."""
    for name, backend in session.registry.backends.items():
        yield name, "", "", ", ".join(sorted(map(str, backend.capabilities))), f"{backend.kind}, to be assigned", ""


def _facts(entry: "CatalogueEntry") -> tuple[str, ...]:
    known = entry.descriptor
    context = known.capabilities.context_tokens
    return (
        entry.id,
        "?" if context is None else f"{context:,}",
        "?" if "cost_class" in entry.unknown else str(known.cost_class),
        ", ".join(flag.replace("_", "-") for flag in CAPABILITY_FLAGS if getattr(known.capabilities, flag)),
    )


def _state(missing: tuple[str, ...]) -> str:
    return f"needs {', '.join(missing)}" if missing else "configured"


def _verified(entry: "CatalogueEntry") -> str:
    """Say since when it is known that the backend does what is shown."""
    measured = [layer.claims.as_of for layer in entry.layers if layer.origin == "measured" and layer.claims]
    return f", verified {measured[0]}" if measured else ""


def _said(remembered: "Remembered | None") -> str:
    if remembered is None:
        return ""
    return f"{_wording(remembered.health)}, {_age(time.time() - remembered.asked_s)} ago"


def _wording(health: "Health") -> str:
    word = "healthy" if health.healthy else "unhealthy" if health.reachable else "unreachable"
    return f"{word} ({health.detail})" if health.detail else word


def _age(seconds: float) -> str:
    """
    Say how long ago something was, in its largest unit.

    Example:
        >>> [_age(s) for s in (2, 150, 9_000, 200_000)]
        ['2 s', '2 min', '2 h', '2 d']

    """
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"


def _document(session: Session, health: "Mapping[str, Remembered]") -> dict[str, object]:
    from converge_provider import codec
    from converge_provider.contract.backends import requires_network, supports_replay

    catalogue = session.catalogue
    return {
        "catalogue": {"number": catalogue.number, "digest": catalogue.digest, "versions": dict(catalogue.versions)},
        "backends": [
            {
                "id": entry.id,
                "descriptor": codec.dump(entry.descriptor),
                "claims": codec.dump(entry.claims),
                "sources": {fact: codec.dump(said) for fact, said in entry.sources().items()},
                "unknown": sorted(entry.unknown),
                "missing": list(entry.missing),
                "type": entry.type_name,
                "plugin": entry.plugin,
                "health": codec.dump(health[entry.id]) if entry.id in health else None,
            }
            for entry in catalogue.entries
        ],
        "others": [
            {
                "name": name,
                "kind": codec.dump(backend.kind),
                "capabilities": sorted(map(str, backend.capabilities)),
                "supports_replay": supports_replay(backend),
                "requires_network": requires_network(backend),
            }
            for name, backend in session.registry.backends.items()
        ],
        "providers": [codec.dump(catalogue.providers[name]) for name in sorted(catalogue.providers)],
        "aliases": dict(catalogue.aliases),
    }


def _probe(session: Session, timeout_s: float) -> None:
    from converge_provider.cli.health import ask_all, remember

    configured = [entry for entry in session.catalogue.entries if not entry.missing]
    watched = sys.stderr.isatty()

    def progress(answered: int) -> None:
        if watched:
            print(f"\rasked {answered} of {len(configured)}", end="", file=sys.stderr, flush=True)

    progress(0)
    answers = ask_all(configured, timeout_s=timeout_s, progress=progress)
    if watched:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    mask = session.screen.masker.masked
    told = {name: evolve(one, detail=one.detail and mask(one.detail)) for name, one in answers.items()}
    remember(session.paths.state_dir, told)
