"""Loading plugins one at a time: import, check of the hooks, registration; each step may send one into quarantine."""

import importlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from time import perf_counter
from typing import Any, NamedTuple

from converge_provider.registry.guard import Guard, one_line
from converge_provider.registry.hooks import Hooks, hook_problems
from converge_provider.registry.registration import REGISTERING, Registered, register
from converge_provider.registry.report import LoadedPlugin, QuarantinedPlugin, quarantined
from converge_provider.registry.scan import Announcement

__all__ = ("Candidate", "Loaded", "candidate", "given", "load")


class Candidate(NamedTuple):
    """A plugin that may be loaded, and how its hooks are got at."""

    announcement: Announcement
    obtain: Callable[[], object]
    """Imports the plugin, or just gives it."""


class Loaded(NamedTuple):
    """The plugins that work, with what they registered, and those that do not."""

    hooks: Hooks
    plugins: tuple[LoadedPlugin, ...]
    quarantined: tuple[QuarantinedPlugin, ...]
    registered: Mapping[str, Mapping[str, Any]]
    """Provider types, backends, policies and observers, by kind and name."""
    owners: Mapping[str, Mapping[str, str]]
    """The plugin that registered each, by kind and name."""


class _Working(NamedTuple):
    announcement: Announcement
    hooks: tuple[str, ...]
    registered: Registered
    notes: tuple[str, ...]
    import_ms: float


def candidate(announcement: Announcement) -> Candidate:
    """Make a candidate that is imported as its entry point says."""
    return Candidate(announcement=announcement, obtain=lambda: _imported(announcement.value))


def given(plugins: Iterable[object]) -> Iterator[Candidate]:
    """Make candidates of objects or modules; each is named as it names itself."""
    names: set[str] = set()
    for plugin in plugins:
        own = getattr(plugin, "__name__", None) or type(plugin).__name__
        name = own if own not in names else f"{own}-{len(names) + 1}"
        names.add(name)
        announcement = Announcement(name=name, distribution="", version="", value=own)
        yield Candidate(announcement=announcement, obtain=lambda plugin=plugin: plugin)  # type: ignore[misc]


def _imported(value: str) -> object:
    module, _, attributes = (part.strip() for part in value.partition(":"))
    return reduce(getattr, attributes.split(".") if attributes else [], importlib.import_module(module))


def load(candidates: Iterable[Candidate]) -> Loaded:
    """
    Load plugins, in the order given.

    Raises:
        KeyboardInterrupt: The user pressed Ctrl-C meanwhile; nothing that a plugin raises gets out.

    """
    hooks = Hooks()
    working: list[_Working] = []
    refused: list[QuarantinedPlugin] = []
    with Guard() as guard:
        for one in candidates:
            result = _load_one(one, hooks, guard)
            if isinstance(result, _Working):
                working.append(result)
            else:
                refused.append(result)
                hooks.remove(one.announcement.name)
    clashing = _clashes(working)
    for name, problem in clashing.items():
        refused.append(problem)
        hooks.remove(name)
    return _result(hooks, [one for one in working if one.announcement.name not in clashing], refused)


def _load_one(one: Candidate, hooks: Hooks, guard: Guard) -> _Working | QuarantinedPlugin:
    announcement = one.announcement
    started = perf_counter()
    outcome = guard.run(one.obtain)
    import_ms = round((perf_counter() - started) * 1000, 1)
    if outcome.failure is not None:
        return quarantined(announcement, "import", outcome.failure, _import_remedy(announcement, outcome.error))
    checked = guard.run(lambda: _checked(announcement.name, outcome.value, hooks))
    if checked.failure is not None or isinstance(checked.value, str):
        cause = checked.failure or str(checked.value)
        return quarantined(announcement, "hooks", one_line(cause), _blame(announcement))
    registered = register(announcement.name, hooks, guard)
    if isinstance(registered, str):
        return quarantined(announcement, "register", one_line(registered), _blame(announcement))
    return _Working(
        announcement=announcement,
        hooks=checked.value or (),
        registered=registered,
        notes=(*outcome.notes, *registered.notes),
        import_ms=import_ms,
    )


def _checked(name: str, plugin: object, hooks: Hooks) -> tuple[str, ...] | str:
    problems = hook_problems(plugin)
    if problems:
        return "; ".join(problems)
    return hooks.add(name, plugin) or "it implements no hook"


def _import_remedy(announcement: Announcement, error: BaseException | None) -> str:
    package = announcement.value.partition(":")[0].partition(".")[0].strip()
    absent = error.name if isinstance(error, ModuleNotFoundError) else None
    if absent is not None and absent.partition(".")[0] != package:
        return f"Run: pip install {announcement.distribution}, which adds the dependencies that it declares"
    if absent is not None:
        return f"Run: pip install --force-reinstall {announcement.distribution}"
    return _blame(announcement)


def _blame(announcement: Announcement) -> str:
    return (
        f"Run: pip install --upgrade {announcement.distribution}, or tell its authors; "
        f"CONVERGE_DISABLE_PLUGINS={announcement.name} leaves it out"
    )


def _clashes(working: Sequence[_Working]) -> Mapping[str, QuarantinedPlugin]:
    """Find the plugins that register a name that another one registers too; all of them are refused, in any order."""
    owners: dict[tuple[str, str], list[Announcement]] = defaultdict(list)
    for one in working:
        for kind in REGISTERING:
            for name in getattr(one.registered, kind):
                owners[kind, name].append(one.announcement)
    causes: dict[str, list[str]] = defaultdict(list)
    for (kind, name), several in sorted(owners.items()):
        for owner in several if len(several) > 1 else ():
            others = " and ".join(_spoken(other) for other in several if other is not owner)
            causes[owner.name].append(f"{_SINGULAR[kind]} {name!r} is also registered by {others}")
    remedy = "Uninstall one of them, or name it in CONVERGE_DISABLE_PLUGINS"
    return {
        one.announcement.name: quarantined(one.announcement, "duplicate", one_line("; ".join(causes[name])), remedy)
        for one in working
        if (name := one.announcement.name) in causes
    }


_SINGULAR = {"provider_types": "provider type", "backends": "backend", "policies": "policy", "observers": "observer"}


def _spoken(announcement: Announcement) -> str:
    return f"{announcement.name!r} of {announcement.distribution} {announcement.version}"


def _result(hooks: Hooks, working: Sequence[_Working], refused: Sequence[QuarantinedPlugin]) -> Loaded:
    registered: dict[str, dict[str, Any]] = {kind: {} for kind in REGISTERING}
    owners: dict[str, dict[str, str]] = {kind: {} for kind in REGISTERING}
    for one in working:
        for kind in REGISTERING:
            items = getattr(one.registered, kind)
            registered[kind] |= items
            owners[kind] |= dict.fromkeys(items, one.announcement.name)
    return Loaded(
        hooks=hooks,
        plugins=tuple(_reported(one) for one in working),
        quarantined=tuple(refused),
        registered={kind: dict(sorted(items.items())) for kind, items in registered.items()},
        owners=owners,
    )


def _reported(one: _Working) -> LoadedPlugin:
    announcement = one.announcement
    return LoadedPlugin(
        name=announcement.name,
        distribution=announcement.distribution,
        version=announcement.version,
        value=announcement.value,
        provider_types=tuple(sorted(one.registered.provider_types)),
        backends=tuple(sorted(one.registered.backends)),
        policies=tuple(sorted(one.registered.policies)),
        observers=tuple(sorted(one.registered.observers)),
        hooks=one.hooks,
        notes=one.notes,
        import_ms=one.import_ms,
    )
