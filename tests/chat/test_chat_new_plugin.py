"""A plugin of one's own is green after the three commands that `converge new` prints, and comes with nothing else."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]
NETWORK = re.compile(r"PATH|HOME|PIP_\w+|(?i:\w+_proxy)|SSL_CERT_\w+|REQUESTS_CA_BUNDLE")
"""What an author's shell may need to reach the package registry."""
CONVERGE = "import sys; from converge_provider.cli import main; sys.exit(main())"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build this core, which the package registry does not have."""
    folder = tmp_path_factory.mktemp("wheels")
    list(WheelBuilder(str(ROOT / "core")).build(directory=str(folder), versions=["standard"]))
    return folder


def run(command: Sequence[str] | str, folder: Path, wheels: Path) -> str:
    """Run a command, or a line of a shell, in a folder, and give what it printed."""
    environ = {name: value for name, value in os.environ.items() if NETWORK.fullmatch(name)}
    environ["PIP_FIND_LINKS"] = f"{wheels} {environ.get('PIP_FIND_LINKS', '')}".strip()
    done = subprocess.run(
        command,
        cwd=folder,
        env={**environ, "CONVERGE_HOME": str(folder / "home"), "LC_ALL": "C.UTF-8"},
        shell=isinstance(command, str),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=600,
    )

    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize(
    ("kind", "name", "folder"),
    [
        pytest.param("backend", "my-llm", "converge-my-llm", id="backend"),
        pytest.param("policy", "steady", "converge-policy-steady", id="policy"),
    ],
)
def test_new_plugin_is_green_after_the_three_commands(
    kind: str, name: str, folder: str, tmp_path: Path, wheels: Path
) -> None:
    """The commands are run as they are printed, by a shell; every test passes, and the template's name is gone."""
    told = run([sys.executable, "-c", CONVERGE, "new", kind, name], tmp_path, wheels)
    commands = re.findall(r"^    (.+)$", told, re.MULTILINE)
    printed = [run(line, tmp_path, wheels) for line in commands]

    assert len(commands) == 3
    assert re.search(r"^\d+ passed(, \d+ skipped)? in ", printed[-1].splitlines()[-1].strip("= "))
    written = [path for path in (tmp_path / folder).rglob("*") if path.is_file() and ".venv" not in path.parts]
    texts = [f"{path.name} {path.read_text('utf-8')}" for path in written if path.suffix in {".md", ".py", ".toml"}]
    assert [text for text in texts if re.search(rf"template[-_ ]({kind}|score)", text, re.IGNORECASE)] == []
