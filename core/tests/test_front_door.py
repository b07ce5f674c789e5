"""The front door: every public name is there, and importing it costs only what is used."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import converge_provider

SOURCE = Path(converge_provider.__file__)
CONTRACT = [
    "AgentRequirements",
    "AuthDenied",
    "Backend",
    "BackendError",
    "BackendErrorKind",
    "BackendKind",
    "BackendRequirements",
    "BackendSelector",
    "Capability",
    "CapabilityAssignment",
    "ChatBackend",
    "ChatBackendCapabilities",
    "ChatBackendDescriptor",
    "ChatBackendRegistry",
    "ChatBackendSelectionConfig",
    "ChatBackendSelectionConfigError",
    "ChatMessage",
    "ChatRequest",
    "ChatResponse",
    "ChatRole",
    "ComplianceLevel",
    "ContentFiltered",
    "ContextLengthExceeded",
    "ContextWindowTokens",
    "CostClass",
    "CostTier",
    "DataSovereignty",
    "FinishReason",
    "InvalidRequest",
    "Jurisdiction",
    "LatencyClass",
    "LatencyMillis",
    "LlmError",
    "ModelName",
    "ModelNotFound",
    "ModelSelector",
    "NetworkError",
    "ProviderAssignment",
    "ProviderError",
    "ProviderName",
    "ProviderRequest",
    "QualityScore",
    "RateLimited",
    "RegisteredChatBackend",
    "RegistryValueError",
    "RequiredCapabilities",
    "ResolvedChatBackend",
    "ResponseFormat",
    "ResponseFormatMismatch",
    "SelectionCriteria",
    "TaskComplexity",
    "Timeout",
    "TokenUsage",
    "ToolCall",
    "ToolDefinition",
    "assign",
    "codec",
    "hookimpl",
]
"""Every name of the contract."""
MUST_BE_LIGHT = "ChatRequest, SelectionCriteria, ChatBackendRegistry, hookimpl"
HEAVY = {
    "anyio",
    "asyncio",
    "cattrs",
    "click",
    "email",
    "http",
    "httpx",
    "importlib.metadata",
    "importlib_metadata",
    "jsonschema",
    "logging",
    "msgspec",
    "platformdirs",
    "rich",
    "socket",
    "ssl",
    "tomllib",
    "typing_extensions",
    "unittest",
    "urllib.request",
    "xml",
    "converge_provider.codec",
    "converge_provider.configuration",
    "converge_provider.engine",
    "converge_provider.http",
    "converge_provider.registry",
    "converge_provider.values.events",
}
"""What the everyday names must not bring."""


def run(code: str) -> str:
    """Run code in a fresh interpreter and give what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def loaded_after(statement: str) -> set[str]:
    """Name the modules that a statement brings into a fresh interpreter."""
    code = f"import json, sys; before = set(sys.modules); {statement}; print(json.dumps([*{{*sys.modules}} - before]))"
    return set(json.loads(run(code)))


@pytest.mark.parametrize("name", CONTRACT)
def test_name_of_the_contract_is_importable(name: str) -> None:
    """Every name of the contract can be imported from the front door, in a fresh interpreter too."""
    assert getattr(converge_provider, name) is not None
    assert name in converge_provider.__all__


def test_every_public_name_is_there_and_comes_from_its_own_module() -> None:
    """Each name of ``__all__`` is fetched from the module that the table gives, and is public there."""
    for name in converge_provider.__all__:
        value = getattr(converge_provider, name)
        if not isinstance(value, ModuleType):
            home = importlib.import_module(f"converge_provider.{converge_provider._HOME_OF[name]}")
            assert getattr(home, name) is value
            assert name in home.__all__


def test_type_checkers_see_the_same_names() -> None:
    """The imports that only type checkers read give the same names from the same modules as the table."""
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If) and isinstance(node.test, ast.Name))
    seen = {
        (alias.asname or alias.name): (node.module or "").removeprefix("converge_provider").removeprefix(".")
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert seen == {**converge_provider._HOME_OF, **dict.fromkeys(converge_provider._MODULES, "")}


def test_a_fetched_name_is_fetched_once() -> None:
    """After its first use a name is an ordinary attribute of the module."""
    first = converge_provider.ChatRequest

    assert vars(converge_provider)["ChatRequest"] is first


def test_star_import_gives_every_public_name() -> None:
    """Who asks for everything gets everything."""
    code = "import converge_provider as c; from converge_provider import *; print(set(c.__all__) - set(globals()))"

    assert run(code) == "set()\n"


def test_names_can_be_listed_without_fetching_them() -> None:
    """Completion in a shell shows all names and imports nothing."""
    code = "import converge_provider as c, sys; print(sorted(set(c.__all__) - set(dir(c))), 'attrs' in sys.modules)"

    assert run(code) == "[] False\n"


def test_unknown_name_is_an_attribute_error_with_a_suggestion() -> None:
    """A misspelt name fails as everywhere in Python, and the interpreter suggests the right one."""
    with pytest.raises(AttributeError, match="module 'converge_provider' has no attribute 'Capabilty'") as caught:
        _ = converge_provider.Capabilty  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    with pytest.raises(ImportError, match="cannot import name 'Capabilty'"):
        exec("from converge_provider import Capabilty", {})

    assert (caught.value.name, caught.value.obj) == ("Capabilty", converge_provider)


def test_front_door_alone_loads_none_of_its_rooms() -> None:
    """Importing the package loads no module of it, and nothing from elsewhere but the standard library's own."""
    loaded = loaded_after("import converge_provider")

    assert {name for name in loaded if name.startswith("converge_provider.")} == set()
    assert loaded & {"attr", "attrs", "pluggy", *HEAVY} == set()


def test_everyday_names_load_nothing_heavy() -> None:
    """Requests, criteria, the registry of chat backends and the hook marker bring no codec, HTTP, engine or logging."""
    loaded = loaded_after(f"from converge_provider import {MUST_BE_LIGHT}")

    assert loaded & HEAVY == set()
    assert {name.partition(".")[0] for name in loaded if not is_standard(name)} == {
        "attr",
        "attrs",
        "converge_provider",
        "pluggy",
    }


def test_everyday_names_load_few_modules_of_ours() -> None:
    """The number of our own modules behind the everyday names stays small: each costs a file and a compilation."""
    loaded = loaded_after(f"from converge_provider import {MUST_BE_LIGHT}")
    ours = sorted(name for name in loaded if name.startswith("converge_provider"))

    assert len(ours) <= 55, ours


def is_standard(name: str) -> bool:
    """Say whether a module is part of Python."""
    root = name.partition(".")[0]
    return root in sys.stdlib_module_names or root.startswith(("_sysconfigdata", "_distutils", "distutils"))


def test_errors_need_no_values() -> None:
    """The lowest floor stands alone."""
    loaded = loaded_after("import converge_provider.errors")

    assert {name for name in loaded if name.startswith("converge_provider.")} == {
        "converge_provider.errors",
        "converge_provider.errors.backend",
        "converge_provider.errors.base",
        "converge_provider.errors.host",
        "converge_provider.errors.llm",
    }
