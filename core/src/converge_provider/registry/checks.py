"""Whether what a plugin hands over is what the contract asks for; its code has no other way in."""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import islice
from typing import Any, cast

import attrs

from converge_provider.errors import PluginError
from converge_provider.values.claims import Certification, Claims, TaskQuality
from converge_provider.values.descriptors import (
    CAPABILITY_FLAGS,
    BackendDescriptor,
    ChatBackendCapabilities,
    ChatBackendDescriptor,
)
from converge_provider.values.identity import BackendKind, Capability
from converge_provider.values.money import Prices
from converge_provider.values.vocabulary import ComplianceLevel, CostClass, DataSovereignty

__all__ = (
    "NAME",
    "backend_name",
    "claims_problem",
    "command_name",
    "is_backend",
    "known_models",
    "missing_names",
    "observer_name",
    "policy_name",
    "provider_type_name",
    "registered_name",
)

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""What names of providers, policies and observers look like."""

RESERVED_POLICIES = frozenset({"fitness"})
"""Names of policies that core itself has."""

_MOST_MODELS = 20_000
_MOST_MISSING = 50
_MOST_CAPABILITIES = 256
_LONGEST_MODEL = 256
_LONGEST_TEXT = 1_000


def provider_type_name(item: object) -> str:
    """Check a provider type and give its name; raises ``PluginError``."""
    name = _checked_name(item, "provider type")
    _expect(isinstance(_get(item, "display_name"), str), f"provider type {name!r}: display_name is no text")
    _check_settings(_get(item, "settings"), f"provider type {name!r}: settings")
    default = _get(item, "default_model")
    _expect(
        default is None or isinstance(default, str), f"provider type {name!r}: default_model is neither text nor None"
    )
    for method in ("missing", "descriptors", "open"):
        _check_method(item, method, f"provider type {name!r}")
    discover = getattr(item, "discover", None)
    _expect(discover is None or callable(discover), f"provider type {name!r}: discover is not a method")
    return name


def backend_name(item: object) -> str:
    """Check a backend of some kind and give its name; raises ``PluginError``."""
    name = _checked_name(item, "backend")
    _expect(isinstance(_get(item, "kind"), BackendKind), f"backend {name!r}: kind is no BackendKind")
    capabilities = _several(_get(item, "capabilities"), _MOST_CAPABILITIES, f"backend {name!r}: capabilities")
    _expect(
        all(isinstance(one, Capability) for one in capabilities), f"backend {name!r}: capabilities are no Capability"
    )
    for flag in ("supports_replay", "requires_network"):
        _expect(isinstance(getattr(item, flag, False), bool), f"backend {name!r}: {flag} is neither True nor False")
    for method in ("has_capability", "provenance"):
        if getattr(item, method, None) is not None:
            _check_method(item, method, f"backend {name!r}")
    return name


def is_backend(item: object) -> bool:
    """Say whether an object is a backend itself; provider types have no kind."""
    return not isinstance(item, type) and hasattr(item, "kind") and not hasattr(item, "descriptors")


def registered_name(item: object) -> str:
    """Check a provider type, or a backend of some kind, and give its name; raises ``PluginError``."""
    return backend_name(item) if is_backend(item) else provider_type_name(item)


def policy_name(item: object) -> str:
    """Check a policy and give its name; raises ``PluginError``."""
    name = _checked_name(item, "policy")
    _expect(name not in RESERVED_POLICIES, f"policy {name!r}: the name is core's own")
    _check_settings(_get(item, "options"), f"policy {name!r}: options")
    _expect(isinstance(_get(item, "may_veto"), bool), f"policy {name!r}: may_veto is neither True nor False")
    _check_method(item, "score", f"policy {name!r}")
    learn = getattr(item, "learn", None)
    _expect(learn is None or callable(learn), f"policy {name!r}: learn is not a method")
    return name


def observer_name(item: object) -> str:
    """Check an observer and give its name; raises ``PluginError``."""
    name = _checked_name(item, "observer")
    _check_method(item, "observe", f"observer {name!r}")
    return name


def command_name(item: object) -> str:
    """Check a command of the command line and give its name; raises ``PluginError``."""
    name = _checked_name(item, "command")
    _expect(callable(item), f"command {name!r}: cannot be called")
    return name


def _checked_name(item: object, what: str) -> str:
    _expect(
        not isinstance(item, type),
        f"expected a {what}, got the class {getattr(item, '__name__', '?')}; add an instance",
    )
    name = getattr(item, "name", None)
    _expect(isinstance(name, str), f"expected a {what}, got a {type(item).__name__} without a name")
    _expect(
        NAME.fullmatch(str(name)) is not None,
        f"a {what} is named {str(name)[:80]!r}, expected lower-case letters, digits, '.', '_' and '-', at most 64",
    )
    return str(name)


def _get(item: object, attribute: str) -> Any:  # noqa: ANN401 - whatever the plugin has there
    missing = object()
    found = getattr(item, attribute, missing)
    _expect(found is not missing, f"{getattr(item, 'name', '?')!r} has no {attribute}")
    return found


def _check_settings(cls: object, what: str) -> None:
    _expect(isinstance(cls, type) and attrs.has(cls), f"{what} is not an attrs class")
    bare = [one.name for one in attrs.fields(cls) if one.init and one.default is attrs.NOTHING]  # type: ignore[arg-type]  # checked above
    _expect(not bare, f"{what}: {', '.join(bare)} has no default")


def _check_method(item: object, name: str, what: str) -> None:
    method = _get(item, name)
    _expect(callable(method), f"{what}: {name} is not a method")
    _expect(not inspect.iscoroutinefunction(method), f"{what}: {name} is asynchronous, expected a plain method")


def _expect(holds: bool, text: str) -> None:  # noqa: FBT001 - reads like an assertion
    if not holds:
        raise PluginError(text)


def missing_names(found: object) -> tuple[str, ...]:
    """Check what ``missing()`` gave; raises ``PluginError``."""
    names = _several(found, _MOST_MISSING, "missing()")
    for name in names:
        _expect(
            isinstance(name, str) and 0 < len(name.strip()) <= _LONGEST_TEXT,
            f"missing() gave {_what(name)}, expected names",
        )
    return tuple(str(name) for name in names)


def known_models(found: object, method: str) -> tuple[ChatBackendDescriptor, ...]:
    """Check what ``descriptors()`` or ``discover()`` gave; raises ``PluginError``."""
    models = _several(found, _MOST_MODELS, f"{method}()")
    seen: set[str] = set()
    for model in models:
        _expect(isinstance(model, ChatBackendDescriptor), f"{method}() gave {_what(model)}, expected descriptors")
        name = str(model.model)
        problem = next(_descriptor_problems(model), None)
        _expect(problem is None, f"{method}() gave a descriptor of {name[:80]!r} whose {problem}")
        _expect(name not in seen, f"{method}() gave {name!r} twice")
        seen.add(name)
    return models


def _descriptor_problems(model: ChatBackendDescriptor) -> Iterator[str]:
    if len(model.model) > _LONGEST_MODEL or not model.model.isprintable():
        yield f"name is longer than {_LONGEST_MODEL} or not printable"
    if not isinstance(model.cost_class, CostClass):
        yield f"cost_class is {_what(model.cost_class)}"
    if not isinstance(model.data_sovereignty, DataSovereignty):
        yield f"data_sovereignty is {_what(model.data_sovereignty)}"
    if not isinstance(model.compliance, ComplianceLevel):
        yield f"compliance is {_what(model.compliance)}"
    if not isinstance(model.capabilities, ChatBackendCapabilities):
        yield f"capabilities are {_what(model.capabilities)}"
    else:
        for flag in CAPABILITY_FLAGS:
            if not isinstance(getattr(model.capabilities, flag), bool):
                yield f"flag {flag} is {_what(getattr(model.capabilities, flag))}"
    if isinstance(model, BackendDescriptor):
        problem = claims_problem(model.claims)
        if problem:
            yield f"claims are unusable: {problem}"
        if not all(isinstance(name, str) for name in model.unknown):
            yield "unknown fields are not names"


def _several(found: object, most: int, what: str) -> tuple[Any, ...]:
    if not isinstance(found, Iterable) or isinstance(found, str | bytes | Mapping):
        message = f"{what} gave {_what(found)}, expected a sequence"
        raise PluginError(message)
    members: Iterable[Any] = cast("Any", found)
    several = tuple(islice(members, most + 1))
    _expect(len(several) <= most, f"{what} gave more than {most}")
    return several


def claims_problem(claims: object) -> str | None:
    """Say what is wrong with claims that a plugin made, if anything."""
    if not isinstance(claims, Claims):
        return f"expected Claims, got {_what(claims)}"
    for name, kind in _KINDS.items():
        value = getattr(claims, name)
        if value is not None and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
            return f"{name} is {_what(value)}"
    for name, kind in _SET_KINDS.items():
        members = getattr(claims, name)
        if members is not None and not _is_set_of(kind, members):
            return f"{name} is not a frozenset of {kind.__name__}"
    for name, kind in _SEVERAL_KINDS.items():
        if not all(isinstance(one, kind) for one in getattr(claims, name) or ()):
            return f"{name} is not a tuple of {kind.__name__}"
    long = next(
        (
            name
            for name in ("source", "service", "country", "region", "licence")
            if len(getattr(claims, name) or "") > _LONGEST_TEXT
        ),
        None,
    )
    return f"{long} is longer than {_LONGEST_TEXT}" if long else _capabilities_problem(claims.capabilities)


def _is_set_of(kind: type, members: object) -> bool:
    return isinstance(members, frozenset) and all(isinstance(one, kind) for one in cast("frozenset[object]", members))


def _capabilities_problem(stated: Mapping[Any, Any]) -> str | None:
    if len(stated) > _MOST_CAPABILITIES:
        return f"capabilities are more than {_MOST_CAPABILITIES}"
    if not all(isinstance(key, Capability) and isinstance(value, bool) for key, value in stated.items()):
        return "capabilities are not a mapping of Capability to bool"
    return None


_KINDS: Mapping[str, type] = {
    "source": str,
    "as_of": date,
    "service": str,
    "context_tokens": int,
    "tokeniser": str,
    "max_output_tokens": int,
    "cost_class": CostClass,
    "typical_latency_ms": int,
    "quality": float,
    "prices": Prices,
    "country": str,
    "region": str,
    "trains_on_inputs": bool,
    "retention_days": int,
    "licence": str,
    "supports_replay": bool,
    "requires_network": bool,
    "last_resort": bool,
    "kind": BackendKind,
}
_SET_KINDS: Mapping[str, type] = {
    "honours": str,
    "data_sovereignty": DataSovereignty,
    "compliance": ComplianceLevel,
    "input_modalities": str,
    "output_modalities": str,
    "processing_countries": str,
    "processing_regions": str,
}
_SEVERAL_KINDS: Mapping[str, type] = {"certifications": Certification, "qualities": TaskQuality}


def _what(value: Any) -> str:  # noqa: ANN401 - anything may come
    return "None" if value is None else f"a {type(value).__name__}"
