"""The settings of a provider that speaks Chat Completions."""

from collections.abc import Mapping
from typing import Any

import attrs
from attrs import field, frozen

from converge_openai.facts import ModelFacts
from converge_openai.services import Service
from converge_provider import Secret, from_environ
from converge_provider.http import Timeouts

__all__ = ("Settings", "settings_class")


@frozen(kw_only=True)
class Settings:
    """What can be configured of every service; a service's own class adds its variables and headers."""

    api_key: Secret = Secret()
    base_url: str = ""
    """Where it answers, with or without ``/v1``; empty: where the service itself does."""
    models: Mapping[str, ModelFacts] = field(factory=dict[str, ModelFacts])
    """Further models, or better facts of known ones, by the name that the service gives them."""
    timeouts: Timeouts = Timeouts()


def settings_class(service: Service) -> type[Settings]:
    """
    Make the class of a service's settings: the same, with its environment variables and its headers.

    attrs takes a third of a millisecond to compile a class; where no field is added, only what stands beside the
    fields differs, so that the compiled methods are inherited.
    """
    name = "".join(word.capitalize() for word in service.name.split("_")) + "Settings"
    variables = {"api_key": service.key_variable, "base_url": service.base_url_variable}
    attributes: Any = attrs.fields(Settings)
    named = (one.evolve(metadata=_metadata(variables.get(one.name))) for one in attributes)
    own = {"__slots__": (), "__attrs_attrs__": type(attributes)(named)}
    made: type[Settings] = type(name, (Settings,), own)
    further = _further(service)
    if not further:
        return made
    return attrs.make_class(name, further, bases=(made,), frozen=True, kw_only=True, slots=True)


def _further(service: Service) -> dict[str, Any]:
    """Give the fields that only this service has."""
    own = {name: _field(str, "", service.header_variables.get(name)) for name in service.headers}
    if service.token_variable:
        own["token"] = _field(Secret, Secret(), service.token_variable)
    if service.dated_path:
        own["api_version"] = _field(str, "", f"{service.key_variable.removesuffix('_API_KEY')}_API_VERSION")
    if service.chat_path_variable:
        own["chat_path"] = _field(str, "", service.chat_path_variable)
    return own


def _field(kind: type, default: object, variable: str | None) -> Any:  # noqa: ANN401 - what attrs takes as a field
    return field(default=default, type=kind, metadata=_metadata(variable))


def _metadata(variable: str | None) -> dict[str, str]:
    return from_environ(variable) if variable else {}
