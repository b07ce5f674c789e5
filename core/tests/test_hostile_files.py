"""Files that somebody else wrote: configurations and records that are traps."""

from pathlib import Path

import pytest

from converge_provider import ConfigurationError, load_configuration
from converge_provider.configuration.files import ConfigurationFile
from converge_provider.configuration.trust import is_trusted
from converge_provider.engine.journal import FileJournal
from converge_provider.engine.journal.catalogues import CatalogueFiles

DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a = " + b"[" * 5_000 + b"]" * 5_000, "is nested too deeply"),
        (b"[" + b".".join([b"a"] * 3_000) + b"]\nx = 1\n", "is nested more than 100 levels deep"),
        (b"a = " + b"[" * 150 + b"]" * 150, "is nested more than 100 levels deep"),
        (b"deadline_s = " + b"9" * 5_000, "is not TOML: Exceeds the limit"),
        (b'deadline_s = "\x00"', "is not TOML: Illegal character"),
        (b"\xff", "line 1 is not UTF-8"),
        (
            b'[aliases]\na = "' + b"x" * 100_000 + b'"',
            r"aliases\.a: expected the id of a backend, provider/model, got 'xxx",
        ),
        (b'"a\\nb" = 1', r"a\\nb: is not a field"),
    ],
    ids=["lists", "tables", "deep", "digits", "nul", "bytes", "long", "line-break"],
)
def test_configuration_that_is_a_trap_is_refused_on_one_line(content: bytes, problem: str, tmp_path: Path) -> None:
    """Nothing but an error of the family comes out, on one bounded line that names the file."""
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=problem) as caught:
        load_configuration(environ={"CONVERGE_CONFIG": str(path), "CONVERGE_HOME": str(tmp_path)}, directory=tmp_path)

    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


def test_configuration_may_be_as_deep_as_any_is(tmp_path: Path) -> None:
    """Ninety levels, which nobody needs, are read; what is wrong with them is said by their path."""
    path = tmp_path / "config.toml"
    path.write_bytes(b"[" + b".".join([b"a"] * 90) + b"]\nx = [1, [2]]\n")
    with pytest.raises(ConfigurationError, match="a: is not a field"):
        load_configuration(environ={"CONVERGE_CONFIG": str(path), "CONVERGE_HOME": str(tmp_path)}, directory=tmp_path)


@pytest.mark.parametrize("line", [DEEP, b"9" * 5_000, b"\xff", b"null", b'{"request_id": NaN}'], ids=len)
def test_record_that_is_a_trap_is_counted_and_skipped(line: bytes, tmp_path: Path) -> None:
    """A line that no reader can read costs nobody the other lines."""
    (tmp_path / "requests.jsonl").write_bytes(line + b"\n")
    journal = FileJournal(tmp_path)

    assert list(journal.latest(5)) == []
    assert journal.unreadable == 1


@pytest.mark.parametrize("content", [DEEP, b"\xff", b"[1]"], ids=len)
@pytest.mark.parametrize("read", ["catalogue", "trust"])
def test_small_records_that_are_traps_are_none(
    content: bytes, read: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A catalogue that cannot be read has no backends, and trust that cannot be read is none."""
    files = CatalogueFiles(tmp_path)
    files.path_of("0" * 64).write_bytes(content)
    file = ConfigurationFile(path=tmp_path / "converge.toml", document={})

    def record(*_: object) -> Path:
        return files.path_of("0" * 64)

    monkeypatch.setattr("converge_provider.configuration.trust._record", record)

    assert (files.ids_of("0" * 64) if read == "catalogue" else is_trusted(file)) in ([], False)
