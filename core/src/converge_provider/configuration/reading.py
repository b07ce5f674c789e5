"""Turning what stands in the sources into values, and saying all that makes no sense."""

from collections.abc import Iterator, Mapping
from functools import partial

from attrs import evolve, field

from converge_provider.codec import DocumentError, load
from converge_provider.codec.problems import Collector, said, step_to
from converge_provider.configuration.environ import Environ
from converge_provider.configuration.merging import Merged
from converge_provider.configuration.providers import load_provider
from converge_provider.configuration.selection import SelectionTable
from converge_provider.configuration.tables import Configuration, JournalTable, PluginTable
from converge_provider.contract.policies import PolicyChoice
from converge_provider.values.claims import Claims
from converge_provider.values.classes import frozen
from converge_provider.values.constraints import Constraints
from converge_provider.values.selection_config import ChatBackendSelectionConfig

__all__ = ("ConfigurationDocument", "read")


@frozen(kw_only=True)
class ConfigurationDocument:
    """The shape of a configuration file; what a provider's settings may be is decided where its type is known."""

    providers: Mapping[str, object] = field(factory=dict[str, object])
    claims: Mapping[str, Claims] = field(factory=dict[str, Claims])
    policies: tuple[PolicyChoice, ...] = ()
    aliases: Mapping[str, str] = field(factory=dict[str, str])
    plugins: PluginTable = PluginTable()
    selection: SelectionTable | None = None
    constraints: Constraints | None = None
    deadline_s: float | None = None
    journal: JournalTable = JournalTable()
    engine: Mapping[str, object] = field(factory=dict[str, object])


def read(merged: Merged, environ: Environ) -> Configuration:
    """
    Read the merged sources; the environment is only what references in them refer to.

    Raises:
        DocumentError: They make no sense; every problem names its source, its path, and what was expected.

    """
    try:
        document = load(ConfigurationDocument, merged.document)
        collect = Collector()
        for step, text in _problems(document):
            collect.add(step, text)
        asked = collect.member(".selection", _asked, document.selection)
        reader = partial(load_provider, environ=environ)
        found = {name: collect.member(_step(name), reader, table, name) for name, table in document.providers.items()}
        collect.finish()
    except DocumentError as exc:
        raise merged.located(exc) from None
    return Configuration(
        providers={name: table for name, table in found.items() if table is not None},
        claims={name: _sourced(claims, merged, name) for name, claims in document.claims.items()},
        policies=document.policies,
        aliases=document.aliases,
        plugins=document.plugins,
        selection=asked,
        constraints=document.constraints,
        deadline_s=document.deadline_s,
        journal=document.journal,
        engine=document.engine,
    )


def _problems(document: ConfigurationDocument) -> Iterator[tuple[str, str]]:
    """Find what has the right shape and still makes no sense."""
    for name in document.claims:
        if not _is_id(name):
            yield f".claims{step_to(name)}", "expected the id of a backend, provider/model"
    for name, target in document.aliases.items():
        if not _is_id(target):
            yield f".aliases{step_to(name)}", f"expected the id of a backend, provider/model, got {said(target)}"
    for i, choice in enumerate(document.policies):
        if choice.weight < 0:
            yield f".policies[{i}].weight", f"expected a number of at least 0, got {choice.weight}"
        if choice.tier < 0:
            yield f".policies[{i}].tier", f"expected a whole number of at least 0, got {choice.tier}"
        if not 0 <= choice.epsilon <= 1:
            yield f".policies[{i}].epsilon", f"expected a number from 0 to 1, got {choice.epsilon}"
    if document.deadline_s is not None and document.deadline_s <= 0:
        yield ".deadline_s", f"expected seconds greater than 0, got {document.deadline_s}"


def _is_id(text: str) -> bool:
    provider, _, model = text.partition("/")
    return bool(provider.strip() and model.strip())


def _step(name: str) -> str:
    return f".providers{step_to(name)}"


def _asked(table: object, _: object) -> ChatBackendSelectionConfig | None:
    return table.to_config() if isinstance(table, SelectionTable) else None


def _sourced(claims: Claims, merged: Merged, name: str) -> Claims:
    """Let claims that name no source name the file they stand in."""
    if claims.source is not None:
        return claims
    places = {origin for path, origin in merged.places.items() if path[:2] == ("claims", name)}
    return evolve(claims, source=" and ".join(sorted(places)))
