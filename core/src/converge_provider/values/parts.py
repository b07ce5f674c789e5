"""The parts a message may have beside plain text."""

from attrs import field

from converge_provider.values.classes import frozen

__all__ = ("AudioPart", "DocumentPart", "ImagePart", "Part", "ReasoningPart", "TextPart", "show_signature")


@frozen(kw_only=True)
class TextPart:
    """A stretch of text."""

    text: str


_LONGEST_URL = 100


def _show_data(data: bytes | None) -> str:
    return "None" if data is None else f"<{len(data)} bytes>"


def _show_url(url: str | None) -> str:
    """Show a URL; one with the data inside may be megabytes long."""
    return repr(url) if url is None or len(url) <= _LONGEST_URL else f"<{url[:20]!r} and {len(url) - 20} more>"


@frozen(kw_only=True)
class _Media:
    media_type: str
    """The IANA media type, ``image/png``."""
    data: bytes | None = field(default=None, repr=_show_data)
    """The bytes themselves, or ``None`` when :attr:`url` is given."""
    url: str | None = field(default=None, repr=_show_url)
    """Where the vendor fetches it, or ``None`` when :attr:`data` is given."""

    def __attrs_post_init__(self) -> None:
        if (self.data is None) == (self.url is None):
            message = f"{type(self).__name__} takes either data or url, exactly one of them"
            raise ValueError(message)


@frozen(kw_only=True)
class ImagePart(_Media):
    """A picture."""


@frozen(kw_only=True)
class DocumentPart(_Media):
    """A document, such as a PDF."""

    name: str | None = None
    """What the document is called."""


@frozen(kw_only=True)
class AudioPart(_Media):
    """A recording."""


def show_signature(signature: str | None) -> str:
    """Show whether there is a signature; what it says is the vendor's business."""
    return "None" if signature is None else "<opaque>"


@frozen(kw_only=True)
class ReasoningPart:
    """A block of the model's reasoning, given back unchanged so that the vendor can verify it."""

    text: str = ""
    """What may be read of it; empty when the vendor hides it."""
    signature: str | None = field(default=None, repr=show_signature)
    """The vendor's opaque proof, or the encrypted block itself when :attr:`redacted`."""
    redacted: bool = False
    """Whether the vendor hides the text."""


Part = TextPart | ImagePart | DocumentPart | AudioPart | ReasoningPart
"""One part of a message."""
