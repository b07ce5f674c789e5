"""The page of the first plugin shows what the command prints, and the template's files themselves."""

import re
from pathlib import Path

import pytest

from converge_provider import PluginRegistry, cli

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "extend" / "first-plugin.md"


def test_first_command_prints_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The block under the command is its output, but for the name of the interpreter."""
    found = re.search(r"^```text\n\$ converge (new .*)\n([\s\S]*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert found is not None
    monkeypatch.chdir(tmp_path)

    assert cli.main(found[1].split(), registry=PluginRegistry.of()) == 0
    assert (
        re.sub(r"^    \S*python\S* -m venv", "    python3 -m venv", capsys.readouterr().out, flags=re.MULTILINE)
        == found[2]
    )


def test_page_includes_every_file_of_the_template() -> None:
    """Nothing is copied: each module, table and test of the template stands there by inclusion."""
    folder = ROOT / "contrib" / "template-backend"
    files = {path for path in folder.rglob("*") if path.suffix in {".py", ".toml"} and path.stat().st_size}
    included = re.findall(r"^```\{literalinclude\} (.+)$", PAGE.read_text("utf-8"), re.MULTILINE)

    assert {(PAGE.parent / name).resolve() for name in included} == files
