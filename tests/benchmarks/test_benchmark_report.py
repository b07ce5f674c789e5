"""The page of a run says what is held, what is not, and nothing where rounds disagree."""

import json
from pathlib import Path

from attrs import asdict
from cattrs import structure
from contending import CONTENDERS, REQUIREMENTS, WORKS
from measured import Core, Machine, Run, document_of
from report import page_of, promises

DOCUMENT = Path(__file__).parents[2] / "docs" / "explanation" / "benchmarks.json"
NAMES = ("httpx", "aiohttp", "converge", "converge-fast")
QUANTITIES = ("wall_s", "cpu_s", "p50_s", "p99_s", "first_p50_s", "longest_gap_s", "resident_mib")
STEADY = (1.0, 1.0, 1.0, 1.0, 1.0)


def made_up(**ours: tuple[float, ...]) -> Run:
    """Make up a run in which everybody takes a second for everything, but ours what is said."""
    works = {
        work: {
            name: {quantity: ours.get(quantity, STEADY) if "fast" in name else STEADY for quantity in QUANTITIES}
            for name in NAMES
        }
        for work in ("import", *(work.name for work in WORKS))
    }
    return Run(
        date="2026-11-20",
        machine=Machine(cores=2, processor="Some", kernel="Linux 6", python="CPython 3.11"),
        load=0.5,
        versions=dict.fromkeys(NAMES, "1.0"),
        works=works,
        failures={"litellm": "it cannot be installed"},
        core=Core(distributions=["attrs 1"] * 13, megabytes=7.0, resident_mib=29.0, bare_mib=9.0),
        instructions={"an event": 12_345},
        parts={"selection": "fast"},
    )


def held(run: Run) -> dict[str, bool | None]:
    """Give which numbers are held."""
    return {promise.what: promise.held for promise in promises(run)}


def test_page_shows_every_contender_that_was_measured() -> None:
    """Each has a row in each table, with its ratio; who could not be measured is said with the reason."""
    page = page_of(made_up())

    assert page.count("| bare aiohttp |") == 1 + len(WORKS)
    assert page.count("1x, 0 %") >= 2 * 4 * len(WORKS)
    assert "- `litellm`: it cannot be installed" in page
    assert page.count("Not measured in this work: openai, ") == len(WORKS)
    assert "12 345" in page
    assert "```text\nfast\n```" in page


def test_page_shows_no_ratio_whose_rounds_disagree() -> None:
    """Where the rounds disagree, the tables hold no ratio and the promise is neither held nor broken."""
    run = made_up(wall_s=(1.0, 5.0, 1.0, 5.0, 3.0))
    page = page_of(run)

    assert "(rounds disagree by 133 %)" in page
    assert held(run)["throughput of 1 000 calls at once, to bare aiohttp"] is None
    assert "the rounds do not tell" in page


def test_promises_are_held_or_broken_by_the_numbers() -> None:
    """A number beyond its limit is said not to be held."""
    fine, slow = held(made_up()), held(made_up(cpu_s=(2.0,) * 5, wall_s=(4.0,) * 5))

    assert fine["distributions of the core alone"] is False
    assert fine["resident after `import Engine`"] is True
    assert fine["a call at a time, CPU above bare aiohttp"] is True
    assert slow["a call at a time, CPU above bare aiohttp"] is False
    assert fine["throughput of 1 000 calls at once, to bare aiohttp"] is True
    assert slow["throughput of 1 000 calls at once, to bare aiohttp"] is False


def test_page_is_made_of_the_document_beside_it() -> None:
    """What the documentation shows is what the last run measured, and nothing that somebody wrote into it."""
    run = structure(json.loads(DOCUMENT.read_text("utf-8")), Run)

    assert DOCUMENT.with_suffix(".md").read_text("utf-8") == page_of(run), "run: tox -e bench -- --again --write"
    assert document_of(run) == DOCUMENT.read_text("utf-8")


def test_document_holds_the_whole_run() -> None:
    """What is written as JSON is read as the same run."""
    run = made_up()

    assert document_of(structure(json.loads(document_of(run)), Run)) == document_of(run)
    assert json.loads(document_of(run)) == json.loads(json.dumps(asdict(run)))


def test_every_contender_can_be_installed_and_run() -> None:
    """Each names an environment that says what is installed, pinned from below, and a runner that is there."""
    runners = Path(__file__).with_name("contenders")

    assert {contender.environment for contender in CONTENDERS} == set(REQUIREMENTS)
    assert all((runners / f"run_{contender.runner}.py").exists() for contender in CONTENDERS)
    for requirement in (one for wanted in REQUIREMENTS.values() for one in wanted):
        folder = Path(__file__).parents[2] / requirement.partition("[")[0]
        assert ">=" in requirement or (folder / "pyproject.toml").exists(), requirement
