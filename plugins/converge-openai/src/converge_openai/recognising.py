"""Recognising engines by what only they answer; no credential is sent to whoever is there."""

import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field, frozen

from converge_openai.describing import describe
from converge_openai.facts import ModelFacts
from converge_openai.listing import with_listed
from converge_openai.wire.listing import ListedModel, models_from_wire
from converge_provider import LocalEngine
from converge_provider.http import HttpRequest, Timeouts, as_list, as_object, json_post, open_transport, parsed

if TYPE_CHECKING:
    from converge_openai.services import Service
    from converge_provider import JsonValue
    from converge_provider.http import HttpResponse, Transport

__all__ = ("prepare", "recognise")

_TIMEOUTS = Timeouts(connect_s=2.0, first_byte_s=5.0, between_bytes_s=5.0, total_s=10.0)
_MOST_MODELS = 200
_MOST_SHOWN = 16
_SHOWING_S = 0.4
"""Seconds after which no further model is asked about, so that the list is there in time."""
_WINDOW = re.compile(r"^num_ctx\s+(\d{1,9})\s*$", re.MULTILINE)
_DENIED = frozenset({401, 403})


@define
class _Place:
    """An address, and what it has said."""

    url: str
    transport: "Transport"
    latency_s: float | None = None
    began_s: float = field(factory=time.monotonic)

    async def get(self, path: str) -> "HttpResponse":
        """Ask for something."""
        return await self._sent(HttpRequest(url=f"{self.url}{path}", timeouts=_TIMEOUTS))

    async def post(self, path: str, document: Mapping[str, Any]) -> "HttpResponse":
        """Ask about something."""
        template = HttpRequest(url=self.url, timeouts=_TIMEOUTS)
        return await self._sent(json_post(template, document, url=f"{self.url}{path}", stream=False))

    async def _sent(self, request: HttpRequest) -> "HttpResponse":
        response = await self.transport.send(request)
        if self.latency_s is None:
            self.latency_s = time.monotonic() - self.began_s
        return response


@frozen(kw_only=True)
class _Seen:
    """What an engine has said of itself."""

    models: Sequence[ListedModel] = ()
    is_locked: bool = False
    """Whether it wants a key before it names its models."""


def prepare() -> None:
    """
    Import the HTTP library, before the time of an address runs.

    Raises:
        MissingExtraError: It is not installed.

    """
    open_transport()  # it opens nothing yet


async def recognise(service: "Service", url: str) -> LocalEngine | None:
    """
    Ask whether an engine of a service answers at ``http://host:port``.

    Returns:
        ``None`` when something else does.

    Raises:
        LlmError: Nobody answers, or not in HTTP.

    """
    transport = open_transport()
    place = _Place(url, transport)
    try:
        seen = await _READERS[service.name](place)
    finally:
        await transport.aclose()
    if seen is None:
        return None
    base_url = f"{url}/{service.version}"
    listed = [model for model in seen.models if _is_name(model.id)][:_MOST_MODELS]
    facts = {model.id: with_listed(ModelFacts(), model, base_url) for model in listed}
    return LocalEngine(
        url=base_url,
        models=[describe(service, name, one, base_url) for name, one in facts.items()],
        settings=_settings(base_url, facts),
        latency_s=place.latency_s or 0.0,
        lacks=f"a key: set {service.key_variable}" if seen.is_locked else None,
    )


def _settings(base_url: str, facts: Mapping[str, ModelFacts]) -> "Mapping[str, JsonValue]":
    models: dict[str, JsonValue] = {
        name: {} if one.context_tokens is None else {"context_tokens": one.context_tokens}
        for name, one in facts.items()
    }
    return {"base_url": base_url, "models": models} if models else {"base_url": base_url}


def _is_name(name: str) -> bool:
    return name.isprintable() and name == name.strip()


async def _vllm(place: _Place) -> _Seen | None:
    """Name its owner in its list; with a key, its version is still told to everybody, and nothing beside it."""
    response = await place.get("/v1/models")
    if response.status in _DENIED:
        said = as_object(parsed((await place.get("/version")).body))
        return _Seen(is_locked=True) if set(said) == {"version"} else None
    return _Seen(models=models_from_wire(parsed(response.body))) if _owner(response) == {"vllm"} else None


async def _llamacpp(place: _Place) -> _Seen | None:
    """Name itself in a header of every answer, and say by what it generates."""
    response = await place.get("/props")
    props = as_object(parsed(response.body))
    is_named = response.headers.get("server", "") == "llama.cpp"
    if not is_named and "default_generation_settings" not in props:
        return None
    if response.status in _DENIED:
        return _Seen(is_locked=True)
    models = models_from_wire(parsed((await place.get("/v1/models")).body))
    window = as_object(props.get("default_generation_settings")).get("n_ctx")
    if type(window) is int and window > 0:
        models = [evolve(model, context_tokens=window) for model in models]
    return _Seen(models=models)


async def _lmstudio(place: _Place) -> _Seen | None:
    """Say of each model whether it is loaded, and how much it can read then."""
    response = await place.get("/api/v0/models")
    entries = _objects(as_object(parsed(response.body)), "data")
    if not entries or not all("state" in entry and "max_context_length" in entry for entry in entries):
        return None
    loaded = {entry.get("id"): entry.get("loaded_context_length") for entry in entries}
    models = [
        evolve(model, context_tokens=window) if type(window := loaded.get(model.id)) is int and window > 0 else model
        for model in models_from_wire({"data": entries})
    ]
    return _Seen(models=models)


async def _ollama(place: _Place) -> _Seen | None:
    """Have a version and tags; the window is the one with which a model is served, where that is known."""
    version = as_object(parsed((await place.get("/api/version")).body))
    tags = as_object(parsed((await place.get("/api/tags")).body))
    if not isinstance(version.get("version"), str) or not isinstance(tags.get("models"), list):
        return None
    served = await place.get("/api/ps")
    windows = {
        str(one.get("model")): one.get("context_length") for one in _objects(as_object(parsed(served.body)), "models")
    }
    models: list[ListedModel] = []
    for name in dict.fromkeys(str(one.get("model", "")) for one in _objects(tags, "models")):
        hurried = len(models) >= _MOST_SHOWN or time.monotonic() - place.began_s > _SHOWING_S
        model = ListedModel(id=name) if hurried else await _shown(place, name)
        window = windows.get(name)
        if model is not None:
            is_known = type(window) is int and window > 0
            models.append(evolve(model, context_tokens=window) if is_known else model)
    return _Seen(models=models)


async def _shown(place: _Place, name: str) -> ListedModel | None:
    """Ask what a model can do; give ``None`` for one that does not chat."""
    said = as_object(parsed((await place.post("/api/show", {"model": name})).body))
    able = as_list(said.get("capabilities"))
    if able and "completion" not in able:
        return None
    window = _WINDOW.search(str(said.get("parameters", "")))
    return ListedModel(
        id=name,
        context_tokens=int(window[1]) if window else None,
        tool_use="tools" in able if able else None,
        vision="vision" in able if able else None,
    )


def _objects(document: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    return [as_object(entry) for entry in as_list(document.get(name))]


def _owner(response: "HttpResponse") -> set[object]:
    """Give who owns the models of a list."""
    return {entry.get("owned_by") for entry in _objects(as_object(parsed(response.body)), "data")}


_READERS: Mapping[str, Callable[[_Place], Awaitable[_Seen | None]]] = {
    "vllm": _vllm,
    "llamacpp": _llamacpp,
    "lmstudio": _lmstudio,
    "ollama": _ollama,
}
