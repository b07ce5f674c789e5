"""The provider type ``ollama_native``."""

import ipaddress
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from attrs import evolve, field, frozen

from converge_ollama.describing import describe, dialect_of
from converge_ollama.facts import ModelFacts
from converge_provider import ChatBackendDescriptor, ConfigurationError, Secret, from_environ
from converge_provider.http import HttpRequest, Timeouts, canonical_url, host_of

if TYPE_CHECKING:
    from converge_provider.http import HttpChatBackend

__all__ = ("Ollama", "Settings")

_URL = "http://localhost:11434"
_ENDPOINTS = ("/chat", "/api", "/v1")
_CONFIGURED = "the provider's configuration"


def _positive(_settings: "Settings", _attribute: object, value: int | None) -> None:
    if value is not None and value < 1:
        message = f"num_ctx must be a number of tokens, at least 1, got {value}"
        raise ConfigurationError(message)


@frozen(kw_only=True)
class Settings:
    """What can be configured."""

    base_url: str = field(default="", metadata=from_environ("OLLAMA_HOST"))
    """Where it answers: a host, a host and port, or a URL."""
    api_key: Secret = field(default=Secret(), metadata=from_environ("OLLAMA_API_KEY"))
    """For Ollama's cloud, or a proxy that wants one."""
    num_ctx: int | None = field(default=None, validator=_positive)
    """The context that models are served with, in tokens; ``None``: as the server pleases."""
    keep_alive: str = ""
    """How long a model stays in memory after an answer: ``10m``, seconds, ``-1`` for ever, ``0`` not at all."""
    truncate: bool = False
    """Whether the server may cut off the oldest messages when they do not fit, instead of saying so."""
    models: Mapping[str, ModelFacts] = field(factory=dict[str, ModelFacts])
    """Models by name, or better facts of those that the server has."""
    timeouts: Timeouts = Timeouts()


@frozen
class Ollama:
    """How to talk to an Ollama server by its own wire."""

    name: str = "ollama_native"
    display_name: str = "Ollama (native)"
    default_model: str | None = None
    settings: type[Settings] = Settings

    def missing(self, settings: Settings) -> Sequence[str]:
        """Name the variable of the address: an engine that just happens to run is never chosen silently."""
        return () if settings.base_url.strip() else ("OLLAMA_HOST",)

    def descriptors(self, settings: Settings) -> Sequence[ChatBackendDescriptor]:
        """Describe the models of the configuration; which others there are only the server knows."""
        host = _host_or_none(settings) if settings.base_url.strip() else ""
        return [self._described(name, facts, host, settings) for name, facts in _models(settings).items()]

    def open(self, descriptor: ChatBackendDescriptor, settings: Settings) -> "HttpChatBackend":
        """
        Make the handle of one model.

        Raises:
            ConfigurationError: Nobody has said where the server is, or that is no address.

        """
        from converge_ollama.backend import Chat
        from converge_provider.http import HttpChatBackend

        missing = self.missing(settings)
        if missing:
            message = f"{self.display_name} is not configured: {', '.join(missing)} missing"
            raise ConfigurationError(message)
        model, template = str(descriptor.model), _template(settings)
        dialect = dialect_of(
            model,
            _models(settings).get(model, ModelFacts()),
            host_of(template.url),
            num_ctx=settings.num_ctx,
            keep_alive=_keep_alive(settings.keep_alive),
            may_truncate=settings.truncate,
        )
        return HttpChatBackend(
            descriptor=descriptor,
            wire=Chat(dialect=dialect, template=template),
            key="the API key (OLLAMA_API_KEY, unless configured otherwise)",
            address="the base URL (OLLAMA_HOST, unless configured otherwise)",
        )

    async def discover(self, settings: Settings) -> Sequence[ChatBackendDescriptor]:
        """
        Ask the server for its models; one whose address is not configured is looked for at its usual port.

        Raises:
            LlmError: It did not answer, or refused.

        """
        from converge_ollama.listing import list_models

        template = _template(settings)
        found = await list_models(template, provider=self.name, known=_models(settings))
        return [self._described(name, facts, host_of(template.url), settings) for name, facts in found.items()]

    def _described(self, name: str, facts: ModelFacts, host: str, settings: Settings) -> ChatBackendDescriptor:
        return describe(self.name, name, facts, host, num_ctx=settings.num_ctx)


def _models(settings: Settings) -> Mapping[str, ModelFacts]:
    return {name: evolve(facts, source=facts.source or _CONFIGURED) for name, facts in settings.models.items()}


def _address(settings: Settings) -> str:
    """
    Give the address below which everything is asked, in the forms that Ollama's own programs take.

    Raises:
        ConfigurationError: It is none.

    """
    written = settings.base_url.strip() or _URL
    if written.rstrip("/") == "ollama.com":
        written = f"https://{written}"
    with suppress(ValueError):  # a name, an IPv4 address, or more than an address
        written = f"[{ipaddress.IPv6Address(written)}]"
    return canonical_url(written, service_url=_URL, setting="base_url of Ollama", endpoints=_ENDPOINTS, version="")


def _host_or_none(settings: Settings) -> str:
    try:
        return host_of(_address(settings))
    except ConfigurationError:
        return ""  # said when a model is opened


def _keep_alive(written: str) -> str | int | None:
    """Give what the wire wants: a duration with a unit as text, seconds as a number."""
    text = written.strip()
    return int(text) if text.lstrip("-").isdecimal() else text or None


def _template(settings: Settings) -> HttpRequest:
    """
    Make what all requests share: the address, the key where there is one, the timeouts.

    Raises:
        ConfigurationError: The address is none, or no header can carry the key.

    """
    key = settings.api_key
    headers = {"authorization": Secret(f"Bearer {key.reveal().strip()}")} if key else {}
    url = _address(settings)
    try:
        return HttpRequest(url=url, headers=headers, timeouts=settings.timeouts)
    except ConfigurationError as exc:
        message = f"{exc}; look at what sets it: OLLAMA_API_KEY, unless configured otherwise"
        raise ConfigurationError(message) from exc
