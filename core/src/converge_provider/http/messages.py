"""What goes over the wire and what comes back, with no HTTP library in sight."""

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from attrs import field, fields

from converge_provider.errors import ConfigurationError, ConvergeError
from converge_provider.http.places import place_of
from converge_provider.values.classes import frozen
from converge_provider.values.secret import Secret

__all__ = ("HttpRequest", "HttpResponse", "HttpStatusError", "Limits", "Timeouts")

_MIB = 1024 * 1024
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FIELD_VALUE = re.compile(r"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")
_URL = re.compile(r"[\x21-\x7e]+")


@frozen(kw_only=True)
class Timeouts:
    """
    How long each stretch of a call may take, in seconds; ``None`` is without limit.

    A deadline of the caller's own, an ``anyio`` cancel scope, may end the call earlier.
    """

    connect_s: float | None = 10.0
    """For making the connection, and as long again for its TLS."""
    first_byte_s: float | None = 300.0
    """From the call until the first byte of the answer's body, waiting for a free connection included."""
    between_bytes_s: float | None = 300.0
    """From one piece of the body to the next."""
    total_s: float | None = 1800.0
    """For everything together."""

    def __attrs_post_init__(self) -> None:
        for name in (attribute.name for attribute in fields(type(self))):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                message = f"{name} must be a number of seconds above 0, or none, got {value!r}"
                raise ConfigurationError(message)


@frozen(kw_only=True)
class Limits:
    """How much a server may send before it is stopped; each limit is enforced while reading."""

    max_body_bytes: int = 64 * _MIB
    """The longest body as it travels, streams included."""
    max_decompressed_bytes: int = 64 * _MIB
    """The longest body after decompression."""
    max_event_bytes: int = 16 * _MIB
    """The longest event of a stream."""
    max_line_bytes: int = 16 * _MIB
    """The longest line of an event or of newline-delimited JSON."""
    max_error_bytes: int = 64 * 1024
    """How much of a body that explains a failure is read; the rest is left unread."""
    max_headers: int = 128
    """The most headers of an answer."""
    max_header_bytes: int = 64 * 1024
    """The longest headers of an answer, names and values together."""
    max_connections: int = 256
    """Connections open at once; further calls wait for one."""

    def __attrs_post_init__(self) -> None:
        for name in (attribute.name for attribute in fields(type(self))):
            value = getattr(self, name)
            if value < 1:
                message = f"{name} must be at least 1, got {value!r}"
                raise ConfigurationError(message)


def _check_url(_request: "HttpRequest", _attribute: object, url: str) -> None:
    _look_at(url)


@lru_cache(256)
def _look_at(url: str) -> None:
    """Look at a URL once, since most requests go where others went; a refused one is refused every time."""
    try:
        parts = urlsplit(url) if _URL.fullmatch(url) else None
    except ValueError as exc:
        message = "the URL of a request must name a host: what stands in brackets is no address"
        raise ConfigurationError(message) from exc
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        shown = "text with spaces or control characters" if parts is None else repr(place_of(url))
        message = f"the URL of a request must start with http:// or https:// and name a host, got {shown}"
        raise ConfigurationError(message)
    try:
        _ = parts.port
    except ValueError as exc:
        message = f"the port of {place_of(url)!r} must be a number from 0 to 65535"
        raise ConfigurationError(message) from exc
    if "@" in parts.netloc:
        message = f"the URL of a request must not hold credentials: {place_of(url)!r}; give them as a header"
        raise ConfigurationError(message)


def _check_headers(_request: "HttpRequest", _attribute: object, headers: Mapping[str, str | Secret]) -> None:
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            message = f"{name!r} is not a header name: letters, digits and hyphens are"
            raise ConfigurationError(message)
        text = value.reveal() if isinstance(value, Secret) else value
        if not _FIELD_VALUE.fullmatch(text):
            message = (
                f"the value of the header {name!r} holds what no header may: "
                "a line break, a control character, one beyond Latin-1, or a space at its beginning or end"
            )
            raise ConfigurationError(message)


def _lower_names(headers: Mapping[str, str | Secret]) -> dict[str, str | Secret]:
    return {name.lower(): value for name, value in headers.items()}


@frozen(kw_only=True)
class HttpRequest:
    """
    One HTTP request.

    Credentials are given as :class:`~converge_provider.Secret`: such a header is revealed on the wire only, and its
    value is masked in whatever text the answer may hold.

    Example:
        >>> HttpRequest(url="https://api.example/v1/models", headers={"Authorization": Secret("Bearer sk-1")}).headers
        {'authorization': Secret('***')}

    Raises:
        ConfigurationError: The URL is not one of HTTP, or holds credentials; a header holds what would split it.

    """

    method: str = "GET"
    url: str = field(validator=_check_url, repr=place_of)
    headers: Mapping[str, str | Secret] = field(
        factory=dict[str, str | Secret], converter=_lower_names, validator=_check_headers
    )
    """By name in lower case."""
    body: bytes | None = field(default=None, repr=lambda body: "None" if body is None else f"<{len(body)} bytes>")
    timeouts: Timeouts = Timeouts()

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The credentials among the headers."""
        return tuple(value for value in self.headers.values() if isinstance(value, Secret) and value)


@frozen(kw_only=True)
class HttpResponse:
    """One HTTP response, whatever its status."""

    status: int
    headers: Mapping[str, str] = field(factory=dict[str, str])
    """By name in lower case; several of one name are joined by commas."""
    body: bytes = field(default=b"", repr=lambda body: f"<{len(body)} bytes>")
    """The body after decompression."""
    url: str = ""
    """What was asked, without its query."""
    secrets: tuple[Secret, ...] = ()
    """The credentials that were sent, so that no text made of this response repeats them."""

    @property
    def content_type(self) -> str:
        """The media type in lower case without parameters, or an empty text."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class HttpStatusError(ConvergeError):
    """A stream was asked for and a status other than 2xx came; the response says why."""

    slug = "http-status"

    def __init__(self, response: HttpResponse) -> None:
        """Take the response, whose body is cut at ``Limits.max_error_bytes``."""
        super().__init__(response)
        self.response = response

    def __str__(self) -> str:
        """Say the status and the place, never the body."""
        return f"HTTP {self.response.status} from {self.response.url}"
