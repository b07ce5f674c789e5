"""The folders in which everything of the user lives."""

import os
from collections.abc import Mapping
from pathlib import Path

from converge_provider.values.classes import frozen

__all__ = ("UserPaths", "user_paths")


@frozen(kw_only=True)
class UserPaths:
    """The user's folders; none of them is created by asking for it."""

    config_dir: Path
    """What the user wrote: ``config.toml``."""
    state_dir: Path
    """What must survive: trusted files, the journal."""
    cache_dir: Path
    """What can be fetched again: weights, catalogues."""

    @property
    def config_file(self) -> Path:
        """The user's configuration file."""
        return self.config_dir / "config.toml"


def user_paths(environ: Mapping[str, str] | None = None) -> UserPaths:
    """
    Say where the user's files live.

    ``CONVERGE_HOME`` names one folder for everything; otherwise the operating system's conventions hold.

    Args:
        environ: The environment to read; ``None``: the process's.

    Example:
        >>> user_paths({"CONVERGE_HOME": "/srv/converge"}).state_dir.as_posix()
        '/srv/converge/state'

    """
    home = (os.environ if environ is None else environ).get("CONVERGE_HOME", "").strip()
    if home:
        root = Path(home).expanduser().absolute()
        return UserPaths(config_dir=root, state_dir=root / "state", cache_dir=root / "cache")
    from platformdirs import PlatformDirs  # not needed with CONVERGE_HOME

    folders = PlatformDirs("converge", appauthor=False)
    return UserPaths(
        config_dir=folders.user_config_path, state_dir=folders.user_state_path, cache_dir=folders.user_cache_path
    )
