"""The reference of claims and the facts themselves tell the same."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import fields

from converge_provider import Claims, Prices, Rates, UsageDetail
from converge_provider.selection.gates import GATES

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "claims.md").read_text("utf-8")
ROWS, PRICES = (re.findall(r"^\| (`.*`) \| .* \| (.*) \|$", part, re.MULTILINE) for part in PAGE.split("\n## Prices\n"))


def test_claims_page_names_every_fact_once() -> None:
    """Each fact has its place in the table, in the order of the class, but for what is about the claims themselves."""
    listed = [name for first, _ in ROWS for name in re.findall(r"`(\w+)`", first)]

    assert sorted(listed) == sorted({fact.name for fact in fields(Claims)} - {"source", "as_of"})


def test_claims_page_names_gates_that_there_are() -> None:
    """What is said to ask for a fact is a gate."""
    named = {name for _, gates in ROWS for name in re.findall(r"`(\w+)`", gates)}

    assert named <= {gate.name for gate in GATES}


def test_prices_page_says_what_each_costs_that_nobody_states() -> None:
    """Each price has its row, and one without a price of its own costs what the row says."""
    listed = {name.strip("`"): otherwise.split("`")[1:2] for name, otherwise in PRICES}
    stated: dict[str, Any] = {f"{kind}_usd_per_mtok": Decimal(place + 1) for place, kind in enumerate(listed)}

    assert set(stated) == {price.name for price in fields(Rates)}
    for kind, otherwise in listed.items():
        usage = UsageDetail(**{"input_uncached" if kind == "input" else kind: 1_000_000})
        cost = Prices(**{name: usd for name, usd in stated.items() if name != f"{kind}_usd_per_mtok"}).cost_of(usage)
        assert cost.usd == (stated[f"{otherwise[0]}_usd_per_mtok"] if otherwise else None)
