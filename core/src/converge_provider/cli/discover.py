"""``converge discover``: which engines run on machines of one's own, and which models a provider has."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from converge_provider.cli.exits import ExitCode
from converge_provider.cli.options import json_option, verbose_option
from converge_provider.cli.screen import Column
from converge_provider.cli.session import Session, pass_session
from converge_provider.cli.words import Number
from converge_provider.values.descriptors import CAPABILITY_FLAGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from converge_provider.engine.local_engines import LocalSearch
    from converge_provider.values.descriptors import ChatBackendDescriptor

__all__ = ("command",)

_ENGINES = (
    Column(title="ENGINE", whole=True),
    Column(title="URL", whole=True),
    Column(title="MODEL", whole=True),
    Column(title="CONTEXT", right=True),
    Column(title="LATENCY", right=True),
    Column(title="NOTE"),
)
_MODELS = (Column(title="BACKEND", whole=True), Column(title="CONTEXT", right=True), Column(title="CAPABILITIES"))
_ADDRESS_S = 0.8
_PROVIDER_S = 30.0


@click.command("discover")
@click.argument("providers", nargs=-1, metavar="[PROVIDER]...")
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="A machine to look at, in place of localhost; may be repeated.",
)
@click.option(
    "--port",
    "ports",
    multiple=True,
    type=click.IntRange(1, 65_535),
    metavar="NUMBER",
    help="A port to look at, in place of the usual ones; may be repeated.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=Number(0.05, 600.0),
    metavar="SECONDS",
    help="How long each address (0.8 when left out) or provider (30) may take; all are asked at once.",
)
@click.option("--write", is_flag=True, help="Add what was found to your configuration file, after showing the change.")
@click.option("--yes", is_flag=True, help="Write without asking.")
@json_option
@verbose_option
@pass_session
def command(
    session: Session,
    *,
    providers: Sequence[str],
    hosts: Sequence[str],
    ports: Sequence[int],
    timeout_s: float | None,
    write: bool,
    yes: bool,
) -> int:
    """
    Look for engines on this machine, or ask PROVIDERs for their models.

    Engines are told apart by what they answer, whichever port they listen on; no credential is sent.  Where two serve
    one model, one is preferred.  The exit code is 3 when nobody answers.
    """
    if not providers:
        search = _search(session, hosts or ("localhost",), ports, timeout_s or _ADDRESS_S)
        return _show_engines(session, search, write=write, yes=yes)
    for option, given in (("--host", hosts), ("--port", ports), ("--write", write), ("--yes", yes)):
        if given:
            message = f"{option} is about engines that are looked for, not about providers that are asked"
            raise click.UsageError(message)
    return _show_models(session, _ask(session, providers, timeout_s or _PROVIDER_S))


def _search(session: Session, hosts: Sequence[str], ports: Sequence[int], timeout_s: float) -> "LocalSearch":
    import anyio

    from converge_provider.cli.progress import Steps
    from converge_provider.engine.local_engines import find_local_engines, local_places

    types = session.registry.provider_types
    places = local_places(types)
    with Steps("looking for engines", len(hosts) * len(ports or places)) as steps:
        look = partial(find_local_engines, types, hosts=hosts, ports=ports, within_s=timeout_s, report=steps.done)
        return anyio.run(look)


def _show_engines(session: Session, search: "LocalSearch", *, write: bool, yes: bool) -> int:
    from converge_provider.cli.writing import planned, written

    edit = planned(session, search) if write and search.engines else None
    if search.engines and not session.screen.json:
        session.screen.table(_ENGINES, _rows(search))
    is_written = edit is not None and written(session, edit, yes=yes)
    if session.screen.json:
        session.screen.document({**_document(search), "written": str(edit.path) if edit and is_written else None})
    if not search.engines:
        session.screen.say(f"converge: {_nobody(search)}")
        return ExitCode.NOBODY
    if edit is None and not session.screen.json:
        session.screen.say("To use what was found, run: converge discover --write")
    return ExitCode.DONE


def _nobody(search: "LocalSearch") -> str:
    if not search.places:
        return "no plugin knows an engine to look for. Try: pip install converge-openai"
    asked = ", ".join(address.removeprefix("http://") for address in search.addresses)
    starts = " or ".join(place.start for place in search.places.values())
    return f"no engine answers at {asked}. Start one: {starts}"


def _rows(search: "LocalSearch") -> Iterator[tuple[str, ...]]:
    for one in search.engines:
        engine = one.engine
        latency = f"{engine.latency_s * 1_000:.0f} ms"
        if not engine.models:
            yield (
                one.type_name,
                engine.url,
                "",
                "",
                latency,
                f"wants {engine.lacks}" if engine.lacks else "has no model",
            )
        for model in engine.models:
            better = one.better_at.get(str(model.model))
            note = f"preferred at {better}" if better else ""
            yield one.type_name, engine.url, str(model.model), _context(model), latency, note


def _context(model: "ChatBackendDescriptor") -> str:
    window = model.capabilities.context_tokens
    return "?" if window is None else f"{window:,}"


def _document(search: "LocalSearch") -> dict[str, object]:
    return {
        "engines": [
            {
                "type": one.type_name,
                "url": one.engine.url,
                "latency_ms": round(one.engine.latency_s * 1_000, 3),
                "lacks": one.engine.lacks,
                "models": [
                    {
                        "name": str(model.model),
                        "context_tokens": model.capabilities.context_tokens,
                        "preferred_at": one.better_at.get(str(model.model), one.engine.url),
                    }
                    for model in one.engine.models
                ],
            }
            for one in search.engines
        ],
        "asked": list(search.addresses),
    }


def _ask(session: Session, names: Sequence[str], timeout_s: float) -> "Mapping[str, Sequence[ChatBackendDescriptor]]":
    """Ask providers for their models, all at once."""
    import anyio

    from converge_provider.cli.asking_providers import models_of, openers_of
    from converge_provider.cli.progress import Steps

    openers = openers_of(session, names)
    found: dict[str, Sequence[ChatBackendDescriptor]] = {}
    with Steps("asking for models", len(openers)) as steps:

        async def ask(name: str) -> None:
            found[name] = await models_of(openers[name], within_s=timeout_s)
            steps.done(name)

        async def ask_everyone() -> None:
            async with anyio.create_task_group() as group:
                for name in openers:
                    group.start_soon(ask, name)

        anyio.run(ask_everyone)
    return {name: found[name] for name in openers}


def _show_models(session: Session, found: "Mapping[str, Sequence[ChatBackendDescriptor]]") -> int:
    from converge_provider import codec

    if session.screen.json:
        providers = [{"name": name, "models": [codec.dump(one) for one in models]} for name, models in found.items()]
        session.screen.document({"providers": providers})
    elif any(found.values()):
        session.screen.table(_MODELS, (_model_row(name, model) for name, models in found.items() for model in models))
    silent = [name for name, models in found.items() if not models]
    if silent:
        session.screen.say(f"converge: no models are listed by {', '.join(silent)}")
    return ExitCode.DONE if any(found.values()) else ExitCode.NOBODY


def _model_row(name: str, model: "ChatBackendDescriptor") -> tuple[str, ...]:
    able = [flag.replace("_", "-") for flag in CAPABILITY_FLAGS if getattr(model.capabilities, flag)]
    return f"{name}/{model.model}", _context(model), ", ".join(able)
