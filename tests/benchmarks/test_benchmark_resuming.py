"""A run that was stopped goes on where it was, and only with rounds in which everybody took part."""

from pathlib import Path

from attrs import evolve
from bench import Bench, turns
from contending import CONTENDERS
from measured import Machine, Run

TWO = CONTENDERS[:2]
MACHINE = Machine(cores=2, processor="Some", kernel="Linux 6", python="CPython 3.11")


def stopped(*rounds: int) -> Run:
    """Give a run in which the contenders did so many rounds of one work."""
    works = {"one": {who.name: {"wall_s": [1.0] * count} for who, count in zip(TWO, rounds, strict=True)}}
    return Run(date="2026-11-20", machine=MACHINE, load=0.0, versions={}, works=works)


def resumed(run: Run, folder: Path) -> Bench:
    """Go on with a run, without installing anybody."""
    bench = Bench(folder, folder, (), run)
    bench.contenders = list(TWO)
    return bench


def test_rounds_that_everybody_did_are_kept(tmp_path: Path) -> None:
    """What one did beyond the others is forgotten, so that ratios are taken within the same rounds."""
    bench = resumed(stopped(3, 2), tmp_path)

    assert bench.measured("one") == 2
    assert {name: len(found["wall_s"]) for name, found in bench.works["one"].items()} == {"httpx": 2, "aiohttp": 2}


def test_work_that_somebody_never_did_begins_anew(tmp_path: Path) -> None:
    """Nothing is kept of a work that one of them has not done."""
    run = stopped(3, 2)
    bench = resumed(evolve(run, works={"one": {"httpx": run.works["one"]["httpx"]}}), tmp_path)

    assert bench.measured("one") == 0
    assert bench.measured("streams") == 0


def test_who_failed_is_left_out(tmp_path: Path) -> None:
    """A contender that fails takes no further part, keeps no figures, and the reason stays."""
    bench = resumed(stopped(2, 2), tmp_path)
    bench.fail(TWO[1], "it fell")

    assert bench.contenders == [TWO[0]]
    assert list(bench.works["one"]) == ["httpx"]
    assert bench.failures == {"aiohttp": "it fell"}


def test_nobody_always_comes_after_the_same_one() -> None:
    """Every round has everybody once, most begin with another, and neighbours change."""
    orders = ["".join(turns("abcdefgh", number)) for number in range(5)]

    assert {"".join(sorted(order)) for order in orders} == {"abcdefgh"}
    assert len({order[0] for order in orders}) > 3
    assert len({order[order.index("h") - 1] for order in orders}) > 1
