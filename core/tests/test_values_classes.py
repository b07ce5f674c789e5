"""Frozen classes whose comparison and text are written at first use are those of attrs."""

import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Barrier, Thread
from typing import Any, TypeVar, cast

import attrs
import pytest
from attrs import field

import converge_provider
from converge_provider.values.classes import frozen

Kind = TypeVar("Kind", bound=type)
METHODS = ("__eq__", "__hash__", "__repr__")


def _classes(decorator: Callable[..., Any]) -> dict[str, type]:
    """Give the same classes, made by the decorator given."""

    def frozen(**given: bool) -> Callable[[Kind], Kind]:
        def decorated(cls: Kind) -> Kind:
            return cast("Kind", decorator(cls, **given))

        return decorated

    @frozen(kw_only=True)
    class Whole:
        shown: int = 1
        hidden: str = field(default="s", repr=False)
        uncompared: float = field(default=1.0, eq=False, converter=float)
        keyed: str = field(default="a", eq=str.lower, repr=lambda text: f"<{text}>")

    @frozen()
    class Heir(Whole):
        more: tuple[int, ...] = ()

    @frozen(slots=False)
    class Open:
        inner: int

    @frozen(eq=False)
    class Itself:
        inner: int

    @frozen()
    class Spoken:
        inner: int

        def __repr__(self) -> str:
            return "spoken"

        def __hash__(self) -> int:
            return 7

    @frozen()
    class Compared:
        inner: int

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 0

    @frozen(order=True)
    class Ordered:
        inner: int

    return {made.__name__: made for made in (Whole, Heir, Open, Itself, Spoken, Compared, Ordered)}


NAMES = ("Whole", "Heir", "Open", "Itself", "Spoken", "Compared", "Ordered")


def _instances(made: type) -> list[object]:
    if made.__name__ in {"Whole", "Heir"}:
        return [made(), made(shown=2), made(uncompared=2), made(keyed="A"), made(hidden="t")]
    return [made(inner=1), made(inner=2), made(inner=1)]


def _hashes(found: list[object]) -> list[list[bool]] | str:
    try:
        return [[hash(one) == hash(other) for other in found] for one in found]
    except TypeError as exc:
        return str(exc)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("first", METHODS)
def test_frozen_class_compares_hashes_and_reads_as_of_attrs(name: str, first: str) -> None:
    """Whichever is asked for first, equality, hashes and texts of instances are those that attrs gives them."""
    ours, theirs = _classes(frozen)[name], _classes(attrs.frozen)[name]
    getattr(ours, first)
    here, there = _instances(ours), _instances(theirs)

    assert [[a == b for b in here] for a in here] == [[a == b for b in there] for a in there]
    assert [[a != b for b in here] for a in here] == [[a != b for b in there] for a in there]
    assert _hashes(here) == _hashes(there)
    assert name == "Itself" or [repr(one) for one in here] == [repr(one) for one in there]
    assert here[0] != there[0] or name == "Compared"
    assert str(inspect.signature(ours)) == str(inspect.signature(theirs))


def test_frozen_class_is_written_at_first_use_and_only_then() -> None:
    """Before anybody compares, the class holds placeholders; afterwards the plain functions that attrs wrote."""
    made = _classes(frozen)["Heir"]
    parent = made.__mro__[1]
    before = [type(vars(made)[name]).__name__ for name in METHODS]
    same = made() == made()
    after = [vars(made)[name] for name in METHODS]

    assert same
    assert before == ["_Later"] * 3
    assert all(inspect.isfunction(method) for method in after)
    assert [method.__qualname__ for method in after] == [f"{made.__qualname__}.{name}" for name in METHODS]
    assert [type(vars(parent)[name]).__name__ for name in METHODS] == ["_Later"] * 3


def test_frozen_class_asked_by_many_threads_at_once_answers_all() -> None:
    """Threads that ask for the first hash together get one and the same."""
    for _ in range(20):
        value, start, seen = _classes(frozen)["Whole"](), Barrier(4), list[int]()

        def ask(value: object = value, start: Barrier = start, seen: list[int] = seen) -> None:
            start.wait()
            seen.append(hash(value))

        threads = [Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert seen == [hash(value)] * 4


def test_frozen_exception_is_left_to_attrs() -> None:
    """An exception keeps the identity that attrs leaves it."""

    @frozen
    class Failure(Exception):
        fact: int

    assert Failure(1) != Failure(1)


def test_floors_make_their_frozen_classes_so() -> None:
    """No module that start-up may import takes ``frozen`` from attrs itself."""
    root = Path(converge_provider.__file__).parent
    floors = ("values", "contract", "codec", "configuration", "registry", "selection", "engine")
    paths = [path for floor in floors for path in (root / floor).rglob("*.py") if path.name != "classes.py"]
    taken = [path.name for path in paths for line in path.read_text("utf-8").splitlines() if _takes_frozen(line)]

    assert len(paths) > 150
    assert taken == []
    assert _takes_frozen("from attrs import field, frozen")


def _takes_frozen(line: str) -> bool:
    return line.startswith("from attrs import") and "frozen" in line.split()


def test_import_of_the_engine_writes_few_methods() -> None:
    """Importing the engine compares hardly any value, so that hardly any class has its methods written."""
    code = (
        "from converge_provider.values import classes\n"
        "written, make = [], classes._with_methods\n"
        "classes._with_methods = lambda of: written.append(of.__name__) or make(of)\n"
        "from converge_provider import Engine\n"
        "print(*written)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert len(run.stdout.split()) <= 5, run.stdout
