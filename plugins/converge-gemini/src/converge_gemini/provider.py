"""The provider type ``gemini``."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import evolve, field, frozen

from converge_gemini.describing import describe, dialect_of
from converge_gemini.facts import ModelFacts, known_models
from converge_provider import ChatBackendDescriptor, ConfigurationError, Secret, from_environ
from converge_provider.http import HttpRequest, Timeouts, canonical_url, host_of

if TYPE_CHECKING:
    from converge_provider.http import HttpChatBackend

__all__ = ("Gemini", "Settings")

_URL = "https://generativelanguage.googleapis.com/v1beta"
_KEYS = "GEMINI_API_KEY or GOOGLE_API_KEY"
_CONFIGURED = "the provider's configuration"


@frozen(kw_only=True)
class Settings:
    """What can be configured."""

    api_key: Secret = field(default=Secret(), metadata=from_environ("GEMINI_API_KEY"))
    google_api_key: Secret = field(default=Secret(), metadata=from_environ("GOOGLE_API_KEY"))
    """The key under its other name; used when there is no ``api_key``."""
    base_url: str = field(default="", metadata=from_environ("GOOGLE_GEMINI_BASE_URL"))
    """Where it answers, with or without ``/v1beta``; empty: where Google does."""
    models: Mapping[str, ModelFacts] = field(factory=dict[str, ModelFacts])
    """Further models, or better facts of known ones, by name."""
    timeouts: Timeouts = Timeouts()

    @property
    def key(self) -> Secret:
        """The key that is sent."""
        return self.api_key or self.google_api_key


@frozen
class Gemini:
    """How to talk to Google's Gemini API."""

    name: str = "gemini"
    display_name: str = "Gemini"
    default_model: str | None = "gemini-3.8-flash"
    settings: type[Settings] = Settings

    def missing(self, settings: Settings) -> Sequence[str]:
        """Name the variable of the key, when there is none under either name."""
        return () if settings.key else ("GEMINI_API_KEY",)

    def descriptors(self, settings: Settings) -> Sequence[ChatBackendDescriptor]:
        """Describe the models of this plugin's table and of the configuration."""
        host = _host(settings)
        return [describe(self.name, name, facts, host) for name, facts in _models(settings).items()]

    def open(self, descriptor: ChatBackendDescriptor, settings: Settings) -> "HttpChatBackend":
        """
        Make the handle of one model.

        Raises:
            ConfigurationError: The key is missing, the address is none, or the key holds what no header may.

        """
        from converge_gemini.backend import GenerateContent
        from converge_provider.http import HttpChatBackend

        missing = self.missing(settings)
        if missing:
            message = f"{self.display_name} is not configured: {', '.join(missing)} missing"
            raise ConfigurationError(message)
        model = str(descriptor.model)
        dialect = dialect_of(model, _models(settings).get(model, ModelFacts()))
        return HttpChatBackend(
            descriptor=descriptor,
            wire=GenerateContent(dialect=dialect, template=_template(settings)),
            key=f"the API key ({_KEYS}, unless configured otherwise)",
            address="the base URL (GOOGLE_GEMINI_BASE_URL, unless configured otherwise)",
        )

    async def discover(self, settings: Settings) -> Sequence[ChatBackendDescriptor]:
        """
        Ask the service for its models.

        Raises:
            LlmError: It did not answer, or refused.

        """
        from converge_gemini.listing import list_models, with_listed

        template = _template(settings)
        known = _models(settings)
        listed = await list_models(template, provider=self.name)
        facts = {name: with_listed(known.get(name, ModelFacts()), one, template.url) for name, one in listed.items()}
        return [describe(self.name, name, one, _host(settings)) for name, one in facts.items()]


def _models(settings: Settings) -> Mapping[str, ModelFacts]:
    own = {name: evolve(facts, source=facts.source or _CONFIGURED) for name, facts in settings.models.items()}
    return {**known_models(), **own}


def _address(settings: Settings) -> str:
    """
    Give the address below which everything is asked; without a scheme it is that of TLS, since a key travels with it.

    Raises:
        ConfigurationError: It is none.

    """
    written = settings.base_url.strip() or _URL
    return canonical_url(
        written if "://" in written else f"https://{written}",
        service_url=_URL,
        setting="base_url of Gemini",
        endpoints=("/models",),
        version="v1beta",
    )


def _host(settings: Settings) -> str:
    """Give the host that is asked, or an empty text where the address is none, which is said when a model is opened."""
    try:
        return host_of(_address(settings))
    except ConfigurationError:
        return ""


def _template(settings: Settings) -> HttpRequest:
    """
    Make what all requests share: the address, the key, the timeouts.

    Raises:
        ConfigurationError: The address is none, or no header can carry the key.

    """
    headers = {"x-goog-api-key": Secret(settings.key.reveal().strip())} if settings.key else {}
    url = _address(settings)
    try:
        return HttpRequest(url=url, headers=headers, timeouts=settings.timeouts)
    except ConfigurationError as exc:
        message = f"{exc}; look at what sets it: {_KEYS}, unless configured otherwise"
        raise ConfigurationError(message) from exc
