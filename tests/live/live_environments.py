"""Environments of real servers: installed by name, once, each apart from the others and from this project."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from attrs import frozen

__all__ = ("HOME", "Environment")

HOME = Path(os.environ.get("CONVERGE_LIVE_HOME") or Path(sys.prefix) / "live")
"""Where environments and weights lie: gigabytes that one run leaves to the next."""

_VERSION = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"


@frozen
class Environment:
    """A folder with a Python of its own."""

    folder: Path

    @classmethod
    def made(cls, name: str, *requirements: str, without: Sequence[str] = ()) -> Self:
        """
        Make it, unless everything is there.

        Args:
            name: The folder's.
            requirements: What to install, by name.
            without: What comes along and must go again.

        """
        made = cls(HOME / name)
        if not made.python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(made.folder)], check=True)
        absent = [one for one in requirements if made.version(_name(one)) is None]
        if absent:
            made._pip("install", *absent)
        unwanted = [one for one in without if made.version(one) is not None]
        if unwanted:
            made._pip("uninstall", "--yes", *unwanted)
        return made

    @property
    def python(self) -> Path:
        """Its Python."""
        return self.program("python")

    def program(self, name: str) -> Path:
        """Give one of its programs."""
        return self.folder / "bin" / name

    def version(self, distribution: str) -> str | None:
        """Give the version of what is installed, or nothing."""
        asked = [str(self.python), "-c", _VERSION, distribution]
        told = subprocess.run(asked, capture_output=True, text=True, check=False)
        return told.stdout.strip() if told.returncode == 0 else None

    @property
    def packages(self) -> Path:
        """Where distributions are installed in it."""
        return next(self.folder.glob("lib/python*/site-packages"))

    def _pip(self, *arguments: str) -> None:
        subprocess.run([str(self.python), "-m", "pip", "--quiet", *arguments], check=True)


def _name(requirement: str) -> str:
    return requirement.partition(">=")[0].partition("[")[0]
