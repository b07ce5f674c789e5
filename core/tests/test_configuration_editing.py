"""Adding to a file that a person has written: what stands there stays, and the file is replaced all at once."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from converge_provider import ConfigurationError
from converge_provider.configuration.editing import Edit, added, edit_of, user_file, write

ENGINE = {"base_url": "http://localhost:8000/v1", "models": {"org/a": {"context_tokens": 8192}, "b": {}}}
WANTED = {"providers": {"vllm": ENGINE}}


def test_tables_are_appended_to_what_is_there() -> None:
    """Comments, order and spelling stay; what is new comes last."""
    text = "# mine\n[selection]   # odd\nprofile='batch'\n"
    made = added(text, WANTED)

    assert made.startswith(text)
    assert made.removeprefix(text) == (
        "\n[providers.vllm]\n"
        'base_url = "http://localhost:8000/v1"\n'
        '\n[providers.vllm.models."org/a"]\n'
        "context_tokens = 8192\n"
        "\n[providers.vllm.models.b]\n"
    )


def test_file_that_is_not_there_begins_with_a_table() -> None:
    """An empty text becomes the tables alone."""
    assert added("", {"a": {"x": 1}}) == "[a]\nx = 1\n"


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_table_that_is_there_gets_what_it_lacks(newline: str) -> None:
    """Values go below the table's own line, and line ends stay those of the file; without a last one, it is added."""
    text = newline.join(["[providers.vllm] # the big one", 'api_key = {env = "KEY"}', "[other]", "x = 1"])
    made = added(text, {"providers": {"vllm": {"base_url": "http://h"}}})

    assert made.split(newline) == [
        "[providers.vllm] # the big one",
        'base_url = "http://h"',
        'api_key = {env = "KEY"}',
        "[other]",
        "x = 1",
        "",
    ]
    assert ("\r\n" in made) == (newline == "\r\n")


def test_line_that_only_looks_like_a_table_is_none() -> None:
    """A list over several lines, and a table among several of one name, take nothing in."""
    text = "x = [\n[1, 2],\n[\n3]]\n[[a]]\ny = 1\n[b]\n"

    assert added(text, {"b": {"z": 1}}) == f"{text}z = 1\n"


def test_value_that_is_there_stays() -> None:
    """Nothing that a person wrote is overwritten, and a file that has all of it is left as it is."""
    text = '[providers.vllm]\nbase_url="http://mine"\n[providers.vllm.models]\nb = 3\n"org/a" = {context_tokens = 1}\n'

    assert added(text, WANTED) == text


@pytest.mark.parametrize(
    "text",
    [
        "providers = {vllm = {}}\n",
        "[providers]\nvllm.x = 1\n",
        'providers.vllm.x = 1\n[a]\ntext = """\n[providers.vllm]\n"""\n',
        "[providers.vllm]\nmodels = {}\n",
    ],
    ids=["inline", "dotted", "in-a-text", "inline-models"],
)
def test_form_that_nothing_can_be_added_to_is_refused(text: str) -> None:
    """What cannot be done without rewriting is said, naming the table, and nothing is made of it."""
    with pytest.raises(ValueError, match=r"nothing can be added to providers\.vllm"):
        added(text, WANTED)


def test_value_without_a_form_is_refused() -> None:
    """Only what TOML and JSON write alike is written."""
    with pytest.raises(ValueError, match="there is no form for None"):
        added("", {"a": {"x": None}})


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.one_of(NAMES, st.integers(-(2**63), 2**63 - 1), st.booleans())


@given(st.dictionaries(NAMES, VALUES, max_size=3), st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=2)))
def test_what_is_added_reads_back(values: dict[str, Any], tables: dict[str, Any]) -> None:
    """Whatever names and texts an engine comes up with, they are written so that they read back."""
    wanted: dict[str, Any] = {"top": {**values, **tables}, "other": {"t": {}}}

    assert tomllib.loads(added("# mine\n[first]\nx = 1\n", wanted)) == {"first": {"x": 1}, **wanted}


def test_edit_reads_the_file_and_writes_it_whole(tmp_path: Path) -> None:
    """The new text takes the old one's place, permissions and a link stay, and no draft is left behind."""
    real, link = tmp_path / "real.toml", tmp_path / "config.toml"
    real.write_bytes(b"# mine\r\n")
    real.chmod(0o640)
    link.symlink_to(real)
    edit = edit_of(link, {"a": {"x": 1}})
    write(edit)

    assert (edit.old, real.read_bytes()) == ("# mine\r\n", b"# mine\r\n\r\n[a]\r\nx = 1\r\n")
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.toml", "real.toml"]


def test_new_file_is_the_users_alone(tmp_path: Path) -> None:
    """A file that was not there, in a folder that was not there, is readable by its user only."""
    path = tmp_path / "home" / "config.toml"
    write(edit_of(path, {"a": {"x": 1}}))

    assert path.read_text() == "[a]\nx = 1\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_file_that_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    """What was written between looking and writing is not lost."""
    path = tmp_path / "config.toml"
    path.write_text("x = 1\n")
    edit = edit_of(path, {"a": {}})
    path.write_text("x = 2\n")

    with pytest.raises(ConfigurationError, match="was changed meanwhile; nothing was written"):
        write(edit)
    assert path.read_text() == "x = 2\n"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("content", "said"), [(b"x = \n", "is not TOML"), (b"\xff", "cannot be read")], ids=["not-toml", "not-text"]
)
def test_file_that_makes_no_sense_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    """One line says which file and why."""
    path = tmp_path / "config.toml"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=rf"config\.toml: {said}"):
        edit_of(path, WANTED)


def test_value_in_the_place_of_a_table_stays() -> None:
    """What makes no sense to the reader of the file is left to that reader."""
    assert added("a = 1\n", {"a": {"b": {"c": 1}}}) == "a = 1\n"


def test_file_in_an_odd_form_is_named(tmp_path: Path) -> None:
    """A table that nothing can be added to is a mistake of the configuration, with the file's name."""
    path = tmp_path / "config.toml"
    path.write_text("providers = {vllm = {}}\n")

    with pytest.raises(ConfigurationError, match=r"config\.toml: nothing can be added to providers\.vllm"):
        edit_of(path, WANTED)


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """One line says which file and why."""
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError, match=r"config\.toml: cannot be written: "):
        write(Edit(tmp_path / "file" / "config.toml", "", "x = 1\n"))


def test_users_file_is_the_default_or_the_named_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read as the user's file is what is written; the file of a project never is."""
    monkeypatch.chdir(tmp_path)
    default = tmp_path / "home" / "config.toml"

    assert user_file({}, default) == default
    assert user_file({"CONVERGE_CONFIG": "own.toml"}, default) == tmp_path / "own.toml"
    (tmp_path / "converge.toml").write_text("")
    for name in ("converge.toml", "pyproject.toml"):
        with pytest.raises(ConfigurationError, match="is the file of a project"):
            user_file({"CONVERGE_CONFIG": name}, default)
