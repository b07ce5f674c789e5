"""Making a provider's settings: from its table, and from the environment where the table is silent."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple, get_args

import attrs

from converge_provider.codec.problems import DocumentError
from converge_provider.configuration import Configuration, ProviderTable
from converge_provider.configuration.merging import dotted
from converge_provider.configuration.shapes import is_list, is_table
from converge_provider.errors import ConfigurationError
from converge_provider.values.classes import frozen
from converge_provider.values.secret import ENVIRON, Secret

__all__ = ("Settings", "make_settings", "masked")


@frozen(kw_only=True)
class Settings:
    """The settings of one provider, and what they lack."""

    value: Any
    """An instance of the provider type's settings class."""
    unset: tuple[str, ...] = ()
    """Variables that the configuration refers to and that are not set."""
    stands_for: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """The variable that the configuration names instead of a field's own one, by the latter."""
    secrets: tuple[str, ...] = attrs.field(default=(), repr=False)
    """The texts that must not be shown."""

    def missing(self, named: tuple[str, ...]) -> tuple[str, ...]:
        """Give what is missing, in the names that the user chose."""
        return tuple(dict.fromkeys((*self.unset, *(self.stands_for.get(name, name) for name in named))))


class _Field(NamedTuple):
    name: str
    kind: Any
    variable: str | None
    holds_secret: bool


def make_settings(cls: type, name: str, table: ProviderTable, configuration: Configuration) -> Settings:
    """
    Make the settings of one provider.

    A variable counts only where the table is silent, and a blank one is none.

    Raises:
        ConfigurationError: The table or a variable holds what the settings class does not take; the text names it.

    """
    return _Making(cls, name, table, configuration).settings()


class _Making:
    """The settings of one provider under way."""

    def __init__(self, cls: type, name: str, table: ProviderTable, configuration: Configuration) -> None:
        self._cls = cls
        self._name = name
        self._references = table.references
        self._origins = configuration.origins
        self._environ = configuration.environ
        self._fields = {one.name: one for one in _fields(cls)}
        self._written = {key: self._plain(key, value) for key, value in table.settings.items()}
        self._defaults = dict(self._from_environ())
        self._secrets = tuple(sorted(_texts(table.settings, self._defaults), key=len, reverse=True))

    def settings(self) -> Settings:
        """Make them."""
        fields, references = self._fields.values(), self._references
        named = {one.variable: references[one.name] for one in fields if one.variable and one.name in references}
        unset = {variable for variable in references.values() if not self._environ.get(variable, "").strip()}
        return Settings(value=self._value(), unset=tuple(sorted(unset)), stands_for=named, secrets=self._secrets)

    def _plain(self, key: str, value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
        """Give a written value; variables in it stay secret only where the field takes a secret."""
        return value if key in self._fields and self._fields[key].holds_secret else _revealed(value)

    def _from_environ(self) -> Iterator[tuple[str, Any]]:
        for one in self._fields.values():
            text = self._environ.get(one.variable, "").strip() if one.variable and one.name not in self._written else ""
            if text:
                yield one.name, _from_text(one, text)

    def _value(self) -> Any:  # noqa: ANN401 - an instance of the class
        try:
            if not self._written and all(isinstance(value, Secret) for value in self._defaults.values()):
                return self._cls(**self._defaults)
            return _loaded(self._cls, self._defaults | self._written)
        except DocumentError as exc:
            text = "; ".join(self._told(problem.path, problem.text) for problem in exc.problems)
        except ValueError as exc:
            text = f"providers.{self._name}: {exc}"
        raise ConfigurationError(masked(text, self._secrets))

    def _told(self, path: str, text: str) -> str:
        """Say where a value that the class does not take comes from."""
        steps = path.removeprefix("$")
        top = steps.removeprefix(".").partition(".")[0].partition("[")[0]
        if top in self._defaults:
            return f"environment variable {self._fields[top].variable}: {text}"
        if top in self._references:
            text = text.partition(", got ")[0]  # what came is a variable's value
        place = f"{dotted(('providers', self._name))}{steps}"
        origin = next((file for key, file in self._origins.items() if f"{key}.".startswith(f"{place}.")), None)
        return ": ".join(part for part in (origin, place, text) if part)


def _loaded(cls: Any, document: Mapping[str, Any]) -> Any:  # noqa: ANN401 - of a class that is known only now
    from converge_provider.codec import load  # costs cattrs; without configured settings it is not needed

    return load(cls, document)


def masked(text: str, secrets: Iterable[str]) -> str:
    """Give a text without the secrets that may have got into it."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


@cache
def _fields(cls: type) -> tuple[_Field, ...]:
    if any(isinstance(one.type, str) for one in attrs.fields(cls)):
        attrs.resolve_types(cls)
    return tuple(
        _Field(one.name, one.type, one.metadata.get(ENVIRON), _holds_secret(one.type))
        for one in attrs.fields(cls)
        if one.init
    )


def _holds_secret(kind: object) -> bool:
    return kind is Secret or any(_holds_secret(inner) for inner in get_args(kind))


def _revealed(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    """Give a value with the variables in it as plain texts, for a field that is no secret."""
    if isinstance(value, Secret):
        return value.reveal()
    if is_table(value):
        return {key: _revealed(member) for key, member in value.items()}
    return [_revealed(member) for member in value] if is_list(value) else value


def _from_text(one: _Field, text: str) -> Any:  # noqa: ANN401 - of the field's class
    """Read a variable as the field wants it: a secret, a text, or the JSON of anything else."""
    if one.holds_secret:
        return Secret(text)
    if str in (one.kind, *get_args(one.kind)):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text  # the codec says what was expected


def _texts(*documents: Any) -> Iterator[str]:  # noqa: ANN401 - whatever stands there
    for value in documents:
        if isinstance(value, Secret) and value:
            yield value.reveal()
        elif is_table(value):
            yield from _texts(*value.values())
        elif is_list(value):
            yield from _texts(*value)
