"""
The table in the form that is read at run time, compared with the files in which it is written.

``tox -e golden`` writes it.
"""

import json
import tomllib
from pathlib import Path
from typing import Any

from converge_openai.services import TABLE


def written(name: str) -> dict[str, Any]:
    """Read one of the files."""
    return tomllib.loads((TABLE.parent / name).read_text("utf-8"))


def table_text() -> str:
    """Give what the file should hold."""
    models = written("models.toml")
    table = {
        name: {**row, **({"models": models[name]} if name in models else {})}
        for name, row in written("services.toml").items()
    }
    return json.dumps(table, default=str, ensure_ascii=False, separators=(",", ":")) + "\n"


def test_table_is_what_the_files_say() -> None:
    """The file that is read at run time holds what the commented ones do, row by row in their order."""
    assert TABLE.read_text("utf-8") == table_text(), "a fact changed; now: tox -e golden"


def test_models_belong_to_services() -> None:
    """Every model stands under a service that exists."""
    assert set(written("models.toml")) <= set(written("services.toml"))


def main(path: Path = TABLE) -> None:
    """Write the file."""
    path.write_text(table_text(), "utf-8")


if __name__ == "__main__":
    main()
