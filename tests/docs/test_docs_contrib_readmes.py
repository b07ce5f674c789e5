"""The examples in the READMEs of what is contributed run, and print what is said."""

import re
from pathlib import Path

import pytest

READMES = sorted((Path(__file__).parents[2] / "contrib").glob("*/README.md"))


@pytest.mark.parametrize("readme", READMES, ids=lambda readme: readme.parent.name)
def test_contributed_readme_example_prints_what_it_says(
    readme: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each example runs with what is installed and nothing configured."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONVERGE_HOME", str(tmp_path))
    text = readme.read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    for block in blocks:
        exec(compile(block, readme.parent.name, "exec"), {})

    assert capsys.readouterr().out.splitlines() == re.findall(r"^It prints `(.+)`\.$", text, re.MULTILINE)
    assert blocks
