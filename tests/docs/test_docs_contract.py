"""The page of the contract is compared with the classes, both ways."""

import inspect
import re
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, get_args

import attrs
import pytest

import converge_provider
from converge_provider import BackendKind, Capability, ChatBackendSelectionConfig, ChatBackendSelectionConfigError
from converge_provider.codec.classes import CONTRACT

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "contract.md").read_text("utf-8")
NAMES: dict[str, Any] = {name: getattr(converge_provider, name) for name in converge_provider.__all__}
BACKTICKED = re.compile(r"`([^`]+)`")


def table(heading: str) -> dict[str, str]:
    """Give the rows of the first table under a heading, the first column without its backticks as the key."""
    section = PAGE.partition(f" {heading}\n")[2].partition("\n#")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return {row[0]: " | ".join(row[1:]) for row in rows}


def key_of(field: "attrs.Attribute[Any]") -> str:
    """Give a field's key with the mark of what may be absent."""
    if NoneType in get_args(field.type):
        return f"{field.name}?"
    return f"{field.name}[]" if field.name == "tool_calls" else field.name


def test_every_class_of_the_contract_is_shown_with_its_keys() -> None:
    """Each class has its row, with exactly its keys and the marks of those that may be absent."""
    shown = {name.strip("`"): BACKTICKED.findall(row) for name, row in table("Documents").items()}
    extensions = {name.strip("`"): BACKTICKED.findall(row) for name, row in table("Extensions").items()}
    fields = {cls.__name__: list(attrs.fields(cls)) for cls in CONTRACT}

    assert shown == {
        name: [key_of(field) for field in fields[name] if field.name not in extensions.get(name, ())] for name in fields
    }
    assert {name for names in extensions.values() for name in names} == {
        field.name
        for members in fields.values()
        for field in members
        if field.metadata.get("omit_empty") and field.name not in {"tool_calls", "tool_call_id", "backend_requirements"}
    }


def test_every_vocabulary_of_the_contract_is_shown_with_its_words() -> None:
    """Each closed vocabulary has its row with its words in order, and is marked when it is ordered."""
    of_our_own = {"CacheLifetime", "DataClassification", "ReasoningEffort", "RiskTier", "WireFormat"}
    closed = {
        name: cls
        for name, cls in NAMES.items()
        if inspect.isclass(cls) and issubclass(cls, Enum) and cls.__module__.startswith("converge_provider.values.")
        if name not in of_our_own
    }
    rows = table("Vocabularies")
    shown = {name.partition("`")[2].partition("`")[0]: BACKTICKED.findall(row) for name, row in rows.items()}

    assert shown == {name: [member.value for member in cls] for name, cls in closed.items()}
    assert {name.split("`")[1] for name in rows if "*ordered*" in name} == {
        name for name, cls in closed.items() if hasattr(next(iter(cls)), "rank")
    }


@pytest.mark.parametrize("cls", [Capability, BackendKind], ids=lambda cls: cls.__name__)
def test_open_vocabulary_is_shown_with_its_known_words(cls: type[Capability] | type[BackendKind]) -> None:
    """The known names stand on the page in their order."""
    assert BACKTICKED.findall(table("Open vocabularies")[f"`{cls.__name__}`"]) == [
        member.name for member in cls.all_known()
    ]


@pytest.mark.parametrize("example", table("Errors"))
def test_error_says_what_the_page_says(example: str) -> None:
    """Each construction on the page gives an error with the text beside it."""
    error = eval(example.strip("`"), dict(NAMES))

    assert f"`{error}`" == table("Errors")[example]


def test_every_variant_of_chat_errors_is_shown() -> None:
    """No variant of the closed family is missing from the table."""
    shown = {example.strip("`").partition("(")[0] for example in table("Errors")}
    family = {name for name, cls in NAMES.items() if inspect.isclass(cls) and issubclass(cls, NAMES["LlmError"])}

    assert family - {"LlmError"} <= shown


def test_validated_value_refuses_with_the_text_on_the_page() -> None:
    """Each validated scalar names its base and refuses nonsense with the words of the table."""
    for name, row in table("Validated values").items():
        base, _, text = (cell.strip("` ") for cell in row.split(" | "))
        cls = NAMES[name.strip("`")]
        nonsense = {"str": " ", "int": 0, "float": 2}[base]
        with pytest.raises(NAMES["RegistryValueError"]) as caught:
            cls(nonsense)
        assert (str(caught.value), cls.__mro__[-2].__name__) == (text, base)


@pytest.mark.parametrize("row", table("Environment"))
def test_variable_expects_what_the_page_says(row: str) -> None:
    """A wrong value of each variable is refused with the expectation on the page; verbatim ones refuse nothing."""
    expected = table("Environment")[row].split(" | ")[0]
    for name in BACKTICKED.findall(row):
        environ = {f"CONVERGE_LLM_{name}": "?"}
        if "verbatim" in expected:
            assert ChatBackendSelectionConfig.from_env(environ).criteria == ChatBackendSelectionConfig().criteria
        else:
            with pytest.raises(ChatBackendSelectionConfigError) as caught:
                ChatBackendSelectionConfig.from_env(environ)
            assert caught.value.expected == expected
