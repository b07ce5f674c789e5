"""The gates that compare what the criteria have no word for: the length of an answer, and money."""

from bisect import bisect_left
from decimal import Decimal

from converge_provider.selection.gate import Gate, unknown
from converge_provider.selection.masks import mask_of
from converge_provider.selection.question import Question
from converge_provider.selection.rows import Reason
from converge_provider.selection.table import Facts, Table
from converge_provider.values.usage import UsageDetail

__all__ = ("OUTPUT_GATE", "PRICE_GATES")


def _too_terse(table: Table, question: Question) -> int:
    """Fail a limit that nobody states only where one is demanded; what a request sets is cut short at worst."""
    stated = None if question.constraints is None else question.constraints.min_output_tokens
    short = table.output.below(max(stated or 0, question.needs.answer_tokens))
    unstated = table.output.up_to(0)
    return short & ~unstated if stated is None else short | unstated


def _say_output(table: Table, question: Question, place: int) -> Reason:
    stated = None if question.constraints is None else question.constraints.min_output_tokens
    least, limit = max(stated or 0, question.needs.answer_tokens), table.rows[place].claims.max_output_tokens
    if limit is None:
        fact = f"output limit unknown, {least} tokens are needed"
        return unknown(table, place, "output", fact, key="max_output_tokens")
    return Reason("output", f"output limit {limit} < {least} tokens")


def _price_gate(gate: str, demand: str, price: str) -> Gate:
    noun = f"{gate.removesuffix('_price')} price"

    def of(row: Facts, size: int) -> Decimal | None:
        found: Decimal | None = None if row.claims.prices is None else getattr(row.claims.prices.dearest(size), price)
        return found

    def failing(table: Table, question: Question) -> int:
        most: Decimal | None = getattr(question.constraints, demand)
        if most is None:
            return 0
        size = _size_class(table, question)
        return table.where((demand, most, size), lambda row: (found := of(row, size)) is None or found > most)

    def reason(table: Table, question: Question, place: int) -> Reason:
        most = getattr(question.constraints, demand)
        found = of(table.rows[place], question.needs.input_tokens)
        if found is None:
            fact = f"{noun} unknown, at most ${most} per million tokens is asked for"
            return unknown(table, place, gate, fact, key=f"prices.{price}")
        return Reason(gate, f"{noun} ${found} > ${most} per million tokens")

    return Gate(gate, failing, reason)


def _size_class(table: Table, question: Question) -> int:
    """Give one input size, in tokens, for all that no tier of any candidate tells apart."""
    passed = bisect_left(table.price_limits, question.needs.input_tokens)
    return table.price_limits[passed - 1] + 1 if passed else 0


def _expected(row: Facts, question: Question) -> Decimal | None:
    """Give what this request costs at most: its input, and the longest answer that it may get."""
    answer = question.needs.answer_tokens or row.claims.max_output_tokens
    if row.claims.prices is None or answer is None:
        return None
    longest = min(answer, row.claims.max_output_tokens or answer)
    usage = UsageDetail(input_uncached=question.needs.input_tokens, output=longest)
    return row.claims.prices.dearest(question.needs.input_tokens).cost_of(usage).usd


def _too_dear(table: Table, question: Question) -> int:
    assert question.constraints is not None
    most = question.constraints.max_usd_per_request
    if most is None or question.request is None:
        return 0
    return mask_of((cost := _expected(row, question)) is None or cost > most for row in table.rows)


def _say_request_price(table: Table, question: Question, place: int) -> Reason:
    assert question.constraints is not None
    most, row = question.constraints.max_usd_per_request, table.rows[place]
    cost = _expected(row, question)
    if cost is not None:
        return Reason("request_price", f"this request costs up to ${cost:f} > ${most}")
    key = "max_output_tokens" if row.claims.prices is not None and _unbounded(row, question) else "prices"
    fact = f"price of this request unknown, at most ${most} is asked for"
    return unknown(table, place, "request_price", fact, key=key)


def _unbounded(row: Facts, question: Question) -> bool:
    return not question.needs.answer_tokens and row.claims.max_output_tokens is None


OUTPUT_GATE = Gate("output", _too_terse, _say_output)

PRICE_GATES = (
    _price_gate("input_price", "max_input_usd_per_mtok", "input_usd_per_mtok"),
    _price_gate("output_price", "max_output_usd_per_mtok", "output_usd_per_mtok"),
    Gate("request_price", _too_dear, _say_request_price),
)
"""Those that the constraints ask for."""
