"""Make a page of a run: tables in Markdown, and which numbers are held."""

from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen
from contending import CONTENDERS, WORKS, Work
from measured import Rounds, Run
from rounds import FEWEST_ROUNDS, MOST_SPREAD, Figure, figure_of, ratio_of, significant

BASE = "httpx"
"""Whom everybody is compared with."""
_ONE, _SIXTEEN, _STREAMS, _THOUSAND = WORKS

HEAD = f"""# Benchmarks

After this page you know what a call costs here, and what it costs with what one would use instead.
It is written by `tox -e bench -- --write`; `benchmarks.json` beside it holds every number of every round.

One server of our own answers everybody with the same bytes, from a process of its own on the same machine.
Each contender runs in an environment and a process of its own.
In each round of a work everybody does it once, one after the other, so that what else the machine does falls on all.

A number is the median over the rounds.
A ratio is taken within each round, to {BASE} in the same round, and then the median over the rounds is shown.
The share behind it is its spread: the distance between the quartiles over the rounds, divided by the median.
A ratio is not shown with a spread above {MOST_SPREAD * 100:.0f} %, or of fewer than {FEWEST_ROUNDS} rounds.
The clock's ratio is that of the whole work, and of the median call where there is one call at a time.
CPU is the processor's time of the contender's process alone, in all its threads.
On a machine with other work, times by the clock are too long, and processor's times are hardly so; the ratios tell.
"""


@frozen
class Promise:
    """A number to hold, and what was found; ``held`` is ``None`` where the rounds do not tell."""

    what: str
    limit: str
    found: str
    held: bool | None


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table; all columns but the first two are numbers."""
    ruler = ["---", "---", *["---:"] * (len(heads) - 2)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, ruler, *rows))


def ratio_cell(values: Sequence[float], base: Sequence[float]) -> str:
    """Write a ratio and its spread, or why there is none."""
    ratio = ratio_of(values, base)
    return str(ratio) if ratio.refused else f"{ratio}, {ratio.spread * 100:.0f} %"


def shown(values: Sequence[float], *, scale: float = 1.0) -> str:
    """Write a median."""
    return significant(figure_of(values).median * scale)


def per_piece(work: Work, rounds: Rounds, quantity: str) -> list[float]:
    """Give microseconds for each call or event, by round."""
    return [value / work.pieces * 1e6 for value in rounds[quantity]]


def import_table(run: Run) -> str:
    """Write what imports take."""
    found = run.works.get("import", {})
    base = found.get(BASE)
    rows = (
        [
            contender.title,
            run.versions[contender.name],
            shown(mine["wall_s"], scale=1e3),
            shown(mine["cpu_s"], scale=1e3),
            ratio_cell(mine["cpu_s"], base["cpu_s"]) if base else "",
            shown(mine["resident_mib"]),
        ]
        for contender in CONTENDERS
        if (mine := found.get(contender.name))
    )
    heads = ("Contender", "Version", "Clock, ms", "CPU, ms", "CPU, ratio", "Resident after it, MiB")
    return table(heads, rows)


def work_table(run: Run, work: Work) -> str:
    """Write what one work takes."""
    found, streams = run.works.get(work.name, {}), work.kind == "streams"
    base = found.get(BASE)
    rows = (
        [
            contender.title,
            significant(1e6 / figure_of(per_piece(work, mine, "wall_s")).median),
            ratio_cell(mine[work.clock], base[work.clock]) if base else "",
            shown(per_piece(work, mine, "cpu_s")),
            ratio_cell(mine["cpu_s"], base["cpu_s"]) if base else "",
            shown(mine["first_p50_s" if streams else "p50_s"], scale=1e3),
            shown(mine["longest_gap_s" if streams else "p99_s"], scale=1e3),
        ]
        for contender in CONTENDERS
        if (mine := found.get(contender.name))
    )
    one = "event" if streams else "call"
    last = ("First event, ms", "Longest gap, ms") if streams else ("p50, ms", "p99, ms")
    return table(
        ("Contender", f"{one.capitalize()}s per s", "Clock, ratio", f"CPU per {one}, µs", "CPU, ratio", *last), rows
    )


def _missing(run: Run, work: Work) -> Iterator[str]:
    """Say who did not take part in a work."""
    took_part = run.works.get(work.name, {})
    names = [one.title for one in CONTENDERS if one.name not in took_part and not one.imported_only]
    if names:
        yield f"Not measured in this work: {', '.join(names)}."


def promises(run: Run) -> Iterator[Promise]:
    """Compare what was found with the numbers to hold."""
    imports = run.works.get("import", {})
    if {"converge-names", BASE} <= imports.keys():
        values = [imports[name]["cpu_s"] for name in ("converge-names", BASE)]
        yield _ratio("import of the everyday names, CPU, to `import httpx`", *values, limit=0.9)
    if run.core is not None:
        count = len(run.core.distributions)
        yield Promise("distributions of the core alone", "≤ 12", str(count), count <= 12)
        size, resident = run.core.megabytes, run.core.resident_mib
        yield Promise("the core alone on disk", "≤ 8 MB", f"{size:.1f} MB", size <= 8)
        yield Promise("resident after `import Engine`", "≤ 30 MiB", f"{resident:.1f} MiB", resident <= 30)
    for ours, bare in (("converge", "httpx"), ("converge-fast", "aiohttp")):
        yield from _above(run, ours, bare)
        yield from _together(run, ours, bare)
    fast = run.works.get(_SIXTEEN.name, {}).get("converge-fast")
    if fast is not None:
        rate = figure_of([_SIXTEEN.count / took_s for took_s in fast["wall_s"]]).median
        yield Promise("calls per second, 16 at a time, `[fast]`", "≥ 4 000", significant(rate), rate >= 4_000)


def _above(run: Run, ours: str, bare: str) -> Iterator[Promise]:
    """Tell what a call and an event take above the bare client."""
    for what, work, limit in (("a call at a time", _ONE, 150.0), ("a streamed event", _STREAMS, 15.0)):
        found = run.works.get(work.name, {})
        if {ours, bare} <= found.keys():
            mine, base = (per_piece(work, found[who], "cpu_s") for who in (ours, bare))
            above = figure_of([my - its for my, its in zip(mine, base, strict=True)])
            yield _most(f"{what}, CPU above bare {bare}", above, limit, "µs")


def _together(run: Run, ours: str, bare: str) -> Iterator[Promise]:
    """Tell how many calls at once compare with those of the bare client."""
    found = run.works.get(_THOUSAND.name, {})
    if {ours, bare} <= found.keys():
        mine, base, least = found[ours], found[bare], 0.7 if bare == "httpx" else 0.35
        text = f"throughput of 1 000 calls at once, to bare {bare}"
        yield _ratio(text, base["wall_s"], mine["wall_s"], limit=least, least=True)
        yield _ratio(f"their p99, to bare {bare}", mine["p99_s"], base["p99_s"], limit=1.5)


def _ratio(what: str, values: Sequence[float], base: Sequence[float], *, limit: float, least: bool = False) -> Promise:
    ratio = ratio_of(values, base)
    held = None if ratio.refused else (ratio.median >= limit if least else ratio.median <= limit)
    return Promise(what, f"{'≥' if least else '≤'} {limit:g}x", ratio_cell(values, base), held)


def _most(what: str, found: Figure, limit: float, unit: str) -> Promise:
    told = found.spread <= MOST_SPREAD or found.median <= limit / 2
    text = f"{significant(found.median)} {unit}, {found.spread * 100:.0f} %"
    return Promise(what, f"≤ {limit:g} {unit}", text, found.median <= limit if told else None)


def page_of(run: Run) -> str:
    """Write the whole page."""
    said = {True: "yes", False: "**no**", None: "the rounds do not tell"}
    rounds = max(len(quantities["wall_s"]) for found in run.works.values() for quantities in found.values())
    machine = run.machine
    where = (
        f"Measured on {run.date}, in {rounds} rounds: {machine.cores} cores of {machine.processor}, {machine.kernel}, "
        f"{machine.python}, on asyncio's own event loop.\n"
        f"When it began, and wherever it went on after a stop, at most {run.load:g} processes wanted a core."
    )
    where = "\n".join([where, *run.remarks])
    held = ([one.what, one.limit, one.found, said[one.held]] for one in promises(run))
    sections = [
        HEAD,
        where,
        "## Numbers to hold\n",
        table(("What", "To hold", "Found", "Held"), held),
        "## Import\n",
        "In a new process, compiled before.",
        import_table(run),
    ]
    for work in WORKS:
        if run.works.get(work.name):
            sections += [f"## {work.title}\n", work_table(run, work), *_missing(run, work)]
    if run.instructions:
        rows = ([name, "", f"{count:,}".replace(",", " ")] for name, count in run.instructions.items())
        sections += [
            "## Instructions\n",
            "Counted by the processor or by valgrind: the same on a busy machine as on an idle one.",
            table(("What", "", "Instructions"), rows),
        ]
    if run.failures:
        sections += ["## Not measured\n", *(f"- `{name}`: {why}" for name, why in run.failures.items())]
    if run.parts:
        sections.append(
            "## The parts alone\n\nWhat the other scripts under `tests/benchmarks` printed in the same run."
        )
        sections += [f"### {name}\n\n```text\n{printed}\n```" for name, printed in run.parts.items()]
    return "\n\n".join(section.strip("\n") for section in sections) + "\n"
