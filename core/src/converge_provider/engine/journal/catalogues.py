"""The catalogues that rows refer to, each in a file of its own, named by its digest."""

import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from converge_provider.registry import Catalogue

__all__ = ("CatalogueFiles",)

_MOST = 100


class CatalogueFiles:
    """Write each catalogue once; the least recently used ones go when there are more than a hundred."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; it is made when it is needed."""
        self._folder = folder
        self._kept: set[str] = set()

    def path_of(self, digest: str) -> Path:
        """Say where a catalogue is."""
        return self._folder / f"{digest}.json"

    def keep(self, catalogue: "Catalogue") -> None:
        """See that a catalogue is there."""
        digest = catalogue.digest
        if digest in self._kept:
            return
        path = self.path_of(digest)
        if path.exists():
            os.utime(path)
        else:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write_at_once(path, _text(catalogue))
            self._forget_oldest()
        self._kept.add(digest)

    def ids_of(self, digest: str) -> Sequence[str]:
        """Give the ids of a catalogue's backends in its order; none when it is not there, or cannot be read."""
        try:
            document = json.loads(self.path_of(digest).read_text("utf-8"))
            return [str(backend["id"]) for backend in document["backends"]]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return []

    def _forget_oldest(self) -> None:
        found = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in found[_MOST:]:
            path.unlink(missing_ok=True)


def _text(catalogue: "Catalogue") -> str:
    from converge_provider.codec import dump  # the codec costs cattrs

    backends = [
        {
            "id": entry.id,
            "descriptor": dump(entry.descriptor),
            "claims": dump(entry.claims),
            "unknown": sorted(entry.unknown),
            "missing": list(entry.missing),
            "type": entry.type_name,
            "plugin": entry.plugin,
        }
        for entry in catalogue.entries
    ]
    document = {
        "number": catalogue.number,
        "digest": catalogue.digest,
        "backends": backends,
        "aliases": dict(catalogue.aliases),
        "versions": dict(catalogue.versions),
    }
    return json.dumps(document, separators=(",", ":"))


def _write_at_once(path: Path, text: str) -> None:
    """Write a file so that no reader ever sees half of it."""
    draft = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
