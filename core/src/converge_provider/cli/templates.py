"""
The templates of plugins, with names of one's own in the place of theirs.

``templates.json`` beside this module holds the files of ``contrib/template-backend`` and ``contrib/template-policy``,
as they are tested there; ``tox -e golden`` writes it, and a test compares, so that an installed core carries them.
"""

import ast
import json
import keyword
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Literal, TypeAlias

from attrs import frozen

__all__ = ("Kind", "NameRefusedError", "Names", "files_of", "names_of")

Kind: TypeAlias = Literal["backend", "policy"]

_VALID = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_.]+[A-Za-z0-9]+)*")
_LONGEST = 48
_OF_THE_TEMPLATE_ALONE = re.compile(r"^It is the template of .*\n", re.MULTILINE)


class NameRefusedError(ValueError):
    """A plugin cannot have this name; the text says why."""


@frozen(kw_only=True)
class Names:
    """What a new plugin, and what is in it, is called."""

    distribution: str
    """``converge-acme``; also its folder."""
    package: str
    """``converge_acme``, by which it is imported."""
    registered: str
    """The name of the provider type or the policy, by which a configuration speaks of it."""
    replacements: Mapping[str, str]
    """What stands in the template, and what stands there instead."""


def names_of(kind: Kind, name: str) -> Names:
    """
    Make all names of a plugin out of one.

    Args:
        kind: What it brings.
        name: ``acme`` or ``my-llm``, as in a requirement; what plugins' names begin with may stand before it.

    Raises:
        NameRefusedError: Nothing can be called so.

    Example:
        >>> names_of("backend", "My_LLM").distribution, names_of("policy", "steady").registered
        ('converge-my-llm', 'steady')

    """
    if not _VALID.fullmatch(name) or len(name) > _LONGEST:
        message = (
            f"{name!r} is no name of a plugin: expected a letter, then letters and digits, with hyphens between, "
            f"at most {_LONGEST} in all"
        )
        raise NameRefusedError(message)
    kebab = re.sub(r"[-_.]+", "-", name).lower()
    for beginning in ("converge-", "policy-") if kind == "policy" else ("converge-",):
        kebab = kebab.removeprefix(beginning)
    made = _backend(kebab) if kind == "backend" else _policy(kebab)
    _refuse_taken_words(kind, made)
    return made


def _backend(kebab: str) -> Names:
    snake, words = kebab.replace("-", "_"), kebab.split("-")
    return Names(
        distribution=f"converge-{kebab}",
        package=f"converge_{snake}",
        registered=snake,
        replacements={
            "template-backend": kebab,
            "template_backend": snake,
            "TEMPLATE_BACKEND": snake.upper(),
            "TemplateBackend": "".join(word.capitalize() for word in words),
            "Template Backend": " ".join(word.capitalize() for word in words),
        },
    )


def _policy(kebab: str) -> Names:
    snake = kebab.replace("-", "_")
    return Names(
        distribution=f"converge-policy-{kebab}",
        package=f"converge_policy_{snake}",
        registered=kebab,
        replacements={
            "template-policy": f"policy-{kebab}",
            "template_policy": f"policy_{snake}",
            "template-score": kebab,
            "template_score": snake,
            "TemplateScore": "".join(word.capitalize() for word in kebab.split("-")),
        },
    )


def _refuse_taken_words(kind: Kind, names: Names) -> None:
    """Refuse a name that means something else to Python, or where it would stand."""
    stands_for = {old: new for old, new in names.replacements.items() if old in {"TemplateBackend", "template_score"}}
    (new,) = stands_for.values()
    code = [text for path, text in _template(kind).items() if path.endswith(".py")]
    if keyword.iskeyword(new) or any(new in _words(text) for text in code):
        message = f"{names.registered!r} cannot be its name: {new!r} means something else in what is written"
        raise NameRefusedError(message)


def _words(code: str) -> set[str]:
    """Give the names that stand for something in a module."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.alias(name=name, asname=other):
                found.add(other or name)
            case _:
                pass
    return found


def files_of(kind: Kind, names: Names) -> Mapping[str, str]:
    """
    Give the files of a new plugin.

    Returns:
        Texts by path within its folder, sorted.

    """
    renamed = {_renamed(path, names): _renamed(text, names) for path, text in _template(kind).items()}
    return {path: _OF_THE_TEMPLATE_ALONE.sub("", renamed[path]) for path in sorted(renamed)}


def _renamed(text: str, names: Names) -> str:
    pattern = re.compile("|".join(map(re.escape, names.replacements)))
    return pattern.sub(lambda found: names.replacements[found[0]], text)


def _template(kind: Kind) -> Mapping[str, str]:
    text = files("converge_provider.cli").joinpath("templates.json").read_text("utf-8")
    found: dict[str, str] = json.loads(text)[kind]
    return found
