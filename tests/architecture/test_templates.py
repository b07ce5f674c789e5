"""
What an installed core carries as templates is what is tested in ``contrib/``.

``tox -e golden`` writes it; the difference is then seen in review.
"""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
CARRIED = ROOT / "core" / "src" / "converge_provider" / "cli" / "templates.json"


def template(kind: str) -> dict[str, str]:
    """Give the files of a template that belong to the repository, by path within it."""
    folder = ROOT / "contrib" / f"template-{kind}"
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "."]
    listed = subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout.decode()
    return {name: (folder / name).read_text("utf-8") for name in sorted(filter(None, listed.split("\0")))}


def document() -> str:
    """Give what core is to carry."""
    return json.dumps({kind: template(kind) for kind in ("backend", "policy")}, indent=1, ensure_ascii=False) + "\n"


def test_installed_core_carries_the_templates() -> None:
    """What ``converge new`` copies is what is built, installed and certified."""
    assert CARRIED.read_text("utf-8") == document(), "a template changed; run: tox -e golden"


if __name__ == "__main__":
    CARRIED.write_text(document(), "utf-8")
