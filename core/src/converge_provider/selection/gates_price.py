"""The gates that compare what the criteria have no word for: the length of an answer, and money."""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from decimal import Decimal

from converge_provider.selection.gate import Gate, unknown
from converge_provider.selection.masks import mask_of
from converge_provider.selection.question import Question
from converge_provider.selection.rows import Reason
from converge_provider.selection.table import Facts, Table

__all__ = ("OUTPUT_GATE", "PRICE_GATES")

_MTOK = 1_000_000
_FREE = Decimal(0)


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
            return unknown(table, place, gate, fact, key=f"prices.{price}", claim="prices")
        return Reason(gate, f"{noun} ${found} > ${most} per million tokens")

    def unstated(table: Table, question: Question) -> Mapping[str, int]:
        size = _size_class(table, question)
        return {"prices": table.where(("unpriced", price, size), lambda row: of(row, size) is None)}

    return Gate(gate, failing, reason, facts=("prices",), unstated=unstated)


def _size_class(table: Table, question: Question) -> int:
    """Give one input size, in tokens, for all that no tier of any candidate tells apart."""
    passed = bisect_left(table.price_limits, question.needs.input_tokens)
    return table.price_limits[passed - 1] + 1 if passed else 0


Terms = tuple[Decimal | None, Decimal | None, int | None]
"""What a million tokens of input and of output cost, and the longest answer; many candidates have the same ones."""


def _terms(row: Facts, size: int) -> Terms:
    rates = None if row.claims.prices is None else row.claims.prices.dearest(size)
    longest = row.claims.max_output_tokens
    return (None, None, longest) if rates is None else (rates.input_usd_per_mtok, rates.output_usd_per_mtok, longest)


def _expected(terms: Terms, question: Question) -> Decimal | None:
    """Give what this request costs at most, its input and the longest answer that it may get, in millionths of $1."""
    input_price, output_price, limit = terms
    tokens, answer = question.needs.input_tokens, question.needs.answer_tokens or limit
    if answer is None or (input_price is None and (tokens or output_price is None)):
        return None
    longest = min(answer, limit or answer)
    if output_price is None:
        return None if longest else tokens * (input_price or _FREE)
    return tokens * (input_price or _FREE) + longest * output_price


def _spread(table: Table, question: Question, test: Callable[[Decimal | None], bool]) -> int:
    """Give the candidates whose costs for this request are so, looking once at those that charge the same."""
    size = _size_class(table, question)
    each_once, column = table.grouped(f"terms for {size} tokens", lambda row: _terms(row, size))
    verdicts = [test(_expected(terms, question)) for terms in each_once]
    return mask_of(map(verdicts.__getitem__, column))


def _asked_price(question: Question) -> Decimal | None:
    """Give the most that this request may cost, in millionths of $1, if there is a request."""
    assert question.constraints is not None
    most = question.constraints.max_usd_per_request
    return most * _MTOK if most is not None and question.has_request else None


def _too_dear(table: Table, question: Question) -> int:
    most, needs = _asked_price(question), question.needs
    if most is None:
        return 0
    key = ("too dear", most, needs.input_tokens, needs.answer_tokens)
    return table.kept(key, lambda: _spread(table, question, lambda cost: cost is None or cost > most))


def _unpriced(table: Table, question: Question) -> Mapping[str, int]:
    unbounded = 0
    if not question.needs.answer_tokens:
        unbounded = table.unstated("max_output_tokens")["max_output_tokens"] & ~table.unstated("prices")["prices"]
    unpriced = _spread(table, question, lambda cost: cost is None)
    return {"prices": unpriced & ~unbounded, "max_output_tokens": unbounded}


def _say_request_price(table: Table, question: Question, place: int) -> Reason:
    assert question.constraints is not None
    most, row = question.constraints.max_usd_per_request, table.rows[place]
    cost = _expected(_terms(row, _size_class(table, question)), question)
    if cost is not None:
        return Reason("request_price", f"this request costs up to ${(cost / _MTOK).normalize():f} > ${most}")
    unbounded = row.claims.prices is not None and not question.needs.answer_tokens
    key = "max_output_tokens" if unbounded and row.claims.max_output_tokens is None else "prices"
    fact = f"price of this request unknown, at most ${most} is asked for"
    return unknown(table, place, "request_price", fact, key=key)


OUTPUT_GATE = Gate(
    "output",
    _too_terse,
    _say_output,
    facts=("max_output_tokens",),
    unstated=lambda table, _question: table.unstated("max_output_tokens"),
)

PRICE_GATES = (
    _price_gate("input_price", "max_input_usd_per_mtok", "input_usd_per_mtok"),
    _price_gate("output_price", "max_output_usd_per_mtok", "output_usd_per_mtok"),
    Gate("request_price", _too_dear, _say_request_price, facts=("prices", "max_output_tokens"), unstated=_unpriced),
)
"""Those that the constraints ask for."""
