"""
The page of services is what their table says.

``tox -e golden`` writes the page; the difference is then seen in review.
"""

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import converge_openai
from converge_openai.services import Place, Service, services
from converge_provider import PluginRegistry, load_configuration

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "services.md"

HEAD = """# Services

After this page you know which services `converge-openai` speaks to, where each answers, and how it differs.

Each row is data, with its source and the date on which that was read.
What no source states is unknown, and shown as `?`.
The page is made of the table, and the tests compare the two.

*Country* is that of the vendor, under whose law it stands.
Where a row's source does not name it, it is the one generally known: look it up before you rely on it.
*Computes in* is what the vendor promises of a host, and nothing where it promises nothing.
*Keeps* is for how many days it keeps what it is sent.
What a request asks and the service does not honour is refused before anything is sent.

The variables below are enough for one provider per service; further ones stand in the configuration:

```toml
[providers.work]
type = "azure_openai"
base_url = "https://acme.openai.azure.com"
api_key = { env = "WORK_AZURE_KEY" }

[providers.work.models.gpt-5]   # the deployment's name
context_tokens = 272000
tool_use = true
```

A service that is not here is `openai_compatible`, with its address.
Every address may be another one, such as a proxy's.
Fields that only one vendor knows go into a request's `extra`, and come out in the response's `metadata`.
"""

TABLE = """
| type | service | country | computes in | certified | keeps | trains |
| --- | --- | --- | --- | --- | --- | --- |
"""


def page() -> str:
    """Write the page."""
    rows = "".join(f"{_row(one)}\n" for one in services().values())
    parts = "".join(line for one in services().values() for line in _part(one))
    return f"{HEAD}{TABLE}{rows}{parts}"


def _row(one: Service) -> str:
    places = sorted({_place(place) for place in one.places.values()})
    cells = (
        f"[`{one.name}`](#{one.name.replace('_', '-')})",
        one.display_name,
        one.country or "?",
        ", ".join(places) or ("where you run it" if one.needs_address and not one.hosts else "?"),
        ", ".join(one.name for one in one.certifications) or "?",
        "?" if one.retention_days is None else f"{one.retention_days} days",
        {None: "?", True: "yes", False: "no"}[one.trains_on_inputs],
    )
    return f"| {' | '.join(cells)} |"


def _place(place: Place) -> str:
    return place.country or place.region or "?"


def _part(one: Service) -> Iterator[str]:
    """Write what differs at one service."""
    yield f"\n## {one.name.replace('_', '-')}\n\n"
    key = f"`{one.key_variable}`{'' if one.needs_key else ', if it wants one'}"
    key += f", or a token in `{one.token_variable}`" if one.token_variable else ""
    yield f"- key: {key}, in the header `{one.key_header}`\n"
    address = f"<{one.base_url}>" if urlsplit(one.base_url).netloc else "none of its own"
    needed = ", which is needed" if one.needs_address else ""
    yield f"- address: {address}; another one in `{one.base_url_variable}`{needed}\n"
    if one.default_model:
        yield f"- default model: `{one.default_model}`\n"
    yield from (f"- {quirk}\n" for quirk in _quirks(one))
    yield from (f"- computes at `{host}` in {_place(place)}\n" for host, place in one.places.items())
    yield from (f"- certified for {c.name}: <{c.source}>, {c.as_of}\n" for c in one.certifications)
    yield from (f"- {note}\n" for note in one.notes)
    if one.source:
        yield f"- source: <{one.source}>, read on {one.as_of}\n"


def _quirks(one: Service) -> Iterator[str]:
    """Say in words how a row differs from what OpenAI documents."""
    for name, (usual, words) in _WORDS.items():
        if getattr(one, name) != usual:
            yield words.format(getattr(one, name))
    yield from _refusals(one)
    if one.efforts:
        yield f"takes as reasoning effort {_listed(one.efforts)}, each in fields of its own"
    if one.reasoning_back:
        where = {"parts": "in parts of the content", "tags": "between tags in the text"}
        yield f"gets reasoning of earlier answers back {where.get(one.reasoning_back, f'in `{one.reasoning_back}`')}"
    if one.short_call_ids:
        yield "takes ids of tool calls of nine letters or digits only; others are replaced"
    if one.empty_content:
        yield "a message of tool calls alone goes back with an empty text, not without one"
    if one.think_tags:
        yield "`<think>…</think>` at the beginning of the text is reasoning"
    if one.enforces_schemas:
        yield "keeps any model to a JSON Schema"
    yield f"takes beside text {_listed(one.media) or 'nothing'}"


def _refusals(one: Service) -> Iterator[str]:
    """Say what a service does not take."""
    if one.formats != ("json_object", "json_schema"):
        yield f"takes as `response_format` {_listed(one.formats) or 'nothing'}"
    if not one.takes_tools:
        yield "calls no tools"
    elif one.tool_choices != ("auto", "none", "required", "named"):
        yield f"takes as `tool_choice` {_listed(one.tool_choices)}"
    if one.refuses:
        yield f"honours no {_listed(one.refuses)}"
    if not one.models_path:
        yield "lists no models: name them in the configuration"


_WORDS = {
    "chat_path": ("chat/completions", "chats are posted to `{}`"),
    "dated_path": (None, "with a dated `api_version`, chats are posted to `{}`"),
    "max_tokens_field": ("max_tokens", "the longest answer goes into `{}`"),
    "seed_field": ("seed", "the seed goes into `{}`"),
    "required_choice": ("required", "some tool is demanded with `{}`"),
    "effort_field": ("reasoning_effort", "the reasoning effort goes into `{}`"),
}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def test_page_of_services_is_what_the_table_says() -> None:
    """No fact about a service changes without its page."""
    assert PAGE.read_text("utf-8") == page(), "a fact changed; if that is meant: tox -e golden"


@pytest.mark.parametrize("name", services())
def test_page_has_a_heading_per_service(name: str) -> None:
    """Every service can be linked to, and says where its facts are from."""
    _, found, rest = PAGE.read_text("utf-8").partition(f"\n## {name.replace('_', '-')}\n")

    assert found
    assert services()[name].source is None or f"<{services()[name].source}>" in rest.partition("\n## ")[0]


def test_example_of_the_page_configures_a_provider() -> None:
    """The configuration on the page makes the provider that it promises, and nothing is missing."""
    example = tomllib.loads(PAGE.read_text("utf-8").partition("```toml\n")[2].partition("```")[0])
    environ = {"CONVERGE_HOME": "/nowhere", "WORK_AZURE_KEY": "k"}
    configured = load_configuration(environ=environ, overrides=example)

    entry = PluginRegistry.of(converge_openai).catalogue(configured).get("work/gpt-5")

    assert entry is not None
    assert entry.missing == ()
    assert entry.descriptor.capabilities.tool_use


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
