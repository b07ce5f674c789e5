"""The table of services: who speaks Chat Completions, where, and with which peculiarities."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from attrs import field, frozen

from converge_openai.facts import ModelFacts

__all__ = ("TABLE", "Certificate", "Place", "Service", "services")

TABLE = Path(__file__).with_name("table.json")
"""``services.toml`` and ``models.toml`` as one JSON document, which is parsed in a twentieth of the time."""


def _texts(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(texts)


@frozen(kw_only=True)
class Place:
    """Where the requests to one host are computed."""

    country: str | None = None
    region: str | None = None


@frozen(kw_only=True)
class Certificate:
    """A rulebook that a service is certified for."""

    name: str
    source: str
    as_of: date


@frozen(kw_only=True, eq=False, repr=False)  # compiling these for so many fields takes a millisecond
class Service:
    """One row: a service that speaks Chat Completions."""

    name: str
    """The name of its provider type."""
    display_name: str
    base_url: str
    """Where it answers; of a local engine, where it usually does."""
    version: str = "v1"
    """What a base URL ends in, and is added where a user leaves it out."""
    needs_key: bool = True
    """Whether nothing works without a key; else one may be given."""
    needs_address: bool = False
    """Whether the user must say where it answers, since it is the user who runs it, or has an address of their own."""
    local_rank: int | None = None
    """Which is preferred where several engines on one's own machines serve a model; ``None``: nobody looks for it."""
    start: str = ""
    """A command that starts one."""
    is_free: bool = False
    """Whether nobody charges for tokens."""
    enforces_schemas: bool = False
    """Whether it keeps any model to a JSON Schema, by a grammar."""
    key_variable: str
    """The environment variable that holds the key."""
    key_header: str = "authorization"
    """The header that carries the key."""
    key_scheme: str = "Bearer"
    """What stands before the key; empty: nothing."""
    token_variable: str | None = None
    """The environment variable of a bearer token that may be given in place of the key."""
    base_url_variable: str
    """The environment variable that holds another address."""
    headers: Mapping[str, str] = field(factory=dict[str, str])
    """Further settings that become headers: the header's name by the setting's."""
    header_variables: Mapping[str, str] = field(factory=dict[str, str])
    """The environment variables of those settings."""
    kept_headers: Sequence[str] = field(default=("x-request-id", "request-id"), converter=_texts)
    """Headers of an answer that stand in its metadata, by the beginnings of their names."""
    chat_path: str = "chat/completions"
    """Where chats are posted, below the base URL."""
    chat_path_variable: str | None = None
    """The environment variable that holds another one; then it can be set."""
    dated_path: str | None = None
    """Where chats are posted when an ``api_version`` with a date is set, which then goes along; then it can be set."""
    messages_path: str = ""
    """Where it takes requests in the format of Anthropic's Messages, below the base URL; empty: nowhere."""
    health_path: str = "models"
    """What is asked to see whether it is well, below the base URL; with a leading slash, below the host; empty: any
    answer from there will do."""
    models_path: str = "models"
    """Where it lists its models; empty: nowhere."""
    default_model: str | None = None
    max_tokens_field: str = "max_tokens"
    seed_field: str = "seed"
    formats: Sequence[str] = field(default=("json_object", "json_schema"), converter=_texts)
    """The types of ``response_format`` that it enforces."""
    tool_choices: Sequence[str] = field(default=("auto", "none", "required", "named"), converter=_texts)
    """The modes of ``tool_choice`` that it honours."""
    required_choice: str = "required"
    """Its word for the mode in which some tool must be called."""
    short_call_ids: bool = False
    """Whether ids of tool calls must be nine letters or digits."""
    empty_content: bool = False
    """Whether a message of calls alone has an empty text as its content; without any, some templates fail."""
    media: Sequence[str] = field(default=("images", "image_urls"), converter=_texts)
    """What it takes beside text: ``images``, ``image_urls``, ``documents``, ``audio``."""
    refuses: Sequence[str] = field(default=(), converter=_texts)
    """Optional fields of a request that it ignores or refuses."""
    takes_tools: bool = True
    """Whether it calls tools at all."""
    effort_field: str = "reasoning_effort"
    """Where the reasoning effort is stated; a dot leads into an object."""
    efforts: Mapping[str, Mapping[str, Any]] = field(factory=dict[str, Mapping[str, Any]])
    """The fields that state each effort, where one field does not; others are refused."""
    reasoning_back: str = ""
    """Where reasoning of earlier answers goes back: a field of the message, ``parts``, ``tags``; empty: nowhere."""
    think_tags: bool = False
    """Whether models put reasoning between tags at the beginning of the text."""
    stream_options: bool = True
    """Whether usage in a stream must be asked for."""
    hosts: Sequence[str] = field(default=(), converter=_texts)
    """The vendor's further hosts, by the ends of their names."""
    country: str | None = None
    """The country under whose law the vendor stands."""
    region: str | None = None
    """The region of that country, where one speaks of it: ``EU``, ``US``, ``CN``."""
    places: Mapping[str, Place] = field(factory=dict[str, Place])
    """Where requests are computed, by host; a name that begins with a dot stands for all hosts that end in it."""
    certifications: Sequence[Certificate] = ()
    trains_on_inputs: bool | None = None
    retention_days: int | None = None
    notes: Sequence[str] = field(default=(), converter=_texts)
    """What else to know, in sentences; also what could not be confirmed."""
    source: str | None = None
    """Where these facts are stated."""
    as_of: date | None = None
    """When they were read."""
    models: Mapping[str, ModelFacts] = field(factory=dict[str, ModelFacts])
    """Its known models."""


@cache
def services() -> Mapping[str, Service]:
    """
    Read the table, by name.

    The rows are this plugin's own, and its tests load them through the strict codec; at run time they are taken as they
    are, since the codec would cost a start of the program 30 ms.
    """
    table: dict[str, dict[str, Any]] = json.loads(TABLE.read_bytes())  # importlib.resources costs 11 ms
    return {name: _service(name, row) for name, row in table.items()}


def _service(name: str, row: dict[str, Any]) -> Service:
    models: dict[str, dict[str, Any]] = row.pop("models", {})
    own: dict[str, Any] = {
        "places": {host: Place(**place) for host, place in row.pop("places", {}).items()},
        "models": {model: ModelFacts(**_dated(facts)) for model, facts in models.items()},
        "certifications": tuple(Certificate(**_dated(one)) for one in row.pop("certifications", ())),
    }
    return Service(name=name, **_dated(row), **own)


def _dated(row: dict[str, Any]) -> dict[str, Any]:
    if "as_of" in row:
        row["as_of"] = date.fromisoformat(row["as_of"])
    return row
