"""The snapshots on this machine: of each source the newest, whether it came with the library or was fetched."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from attrs import define, field

from converge_catalogue.snapshots import BrokenSnapshotError, Snapshot
from converge_catalogue.sources import Source
from converge_provider import user_paths

__all__ = ("Shelf",)

T = TypeVar("T")


@define(eq=False, repr=False)
class Shelf:
    """
    The snapshots in one folder.

    What a library brings is read once per version of its data and kept, since reading it takes a third of a second.
    A file that is not what was written is read again from the library, or fetched again; a folder that cannot be
    written costs time only.
    """

    folder: Path = field(factory=lambda: user_paths().cache_dir / "catalogue")
    today_s: float = field(factory=time.time)
    """Now, in seconds since 1970."""
    problems: list[str] = field(factory=list[str], init=False)
    """Files that could not be used, and why."""

    def newest(self, source: Source) -> Snapshot:
        """
        Give the newest of a source; where both are of one day, what was fetched.

        Raises:
            ModuleNotFoundError: Neither is there.

        """
        fetched = self.fetched(source)
        try:
            bundled = self.bundled(source)
        except ModuleNotFoundError:
            if fetched is None:
                raise
            return fetched
        return bundled if fetched is None or fetched.head.as_of < bundled.head.as_of else fetched

    def fetched(self, source: Source) -> Snapshot | None:
        """Give what was fetched last, if that can be read."""
        return self._load(self.fetched_path(source))

    def fetched_path(self, source: Source) -> Path:
        """Give the file of what was fetched."""
        return self.folder / f"{source.name}-fetched.jsonl"

    def bundled(self, source: Source) -> Snapshot:
        """Give what the library brings; raises ``ModuleNotFoundError``."""
        seen = source.seen()
        path = self._bundled_path(source)
        kept = self._load(path)
        if kept is not None and (kept.head.seen == seen or kept.head.key == source.key()):
            return kept
        return self._read_again(source, path)

    def using(self, source: Source, use: Callable[[Snapshot], T]) -> T:
        """
        Do something with the newest of a source; where that turns out to be broken, with what the library brings.

        Raises:
            ModuleNotFoundError: There is none.

        """
        found = self.newest(source)
        try:
            return use(found)
        except BrokenSnapshotError as exc:
            self.problems.append(f"{source.name}: {exc}")
            return use(self._read_again(source, self._bundled_path(source)))

    def _bundled_path(self, source: Source) -> Path:
        return self.folder / f"{source.name}-bundled.jsonl"

    def _read_again(self, source: Source, path: Path) -> Snapshot:
        made = source.bundled_snapshot(today=datetime.fromtimestamp(self.today_s, UTC).date())
        with suppress(OSError):  # a folder that nobody may write
            made.save(path)
        return made

    def _load(self, path: Path) -> Snapshot | None:
        try:
            return Snapshot.load(path)
        except FileNotFoundError:
            return None
        except (BrokenSnapshotError, OSError) as exc:
            self.problems.append(f"{path.name}: {exc}")
            return None
