"""The gates that ask how: certificates, data use, replay, and whether a call leaves this machine."""

from converge_provider.selection.gate import Gate, unknown
from converge_provider.selection.question import Question
from converge_provider.selection.rows import Reason
from converge_provider.selection.table import Facts, Table, certified
from converge_provider.values.vocabulary import ComplianceLevel

__all__ = ("COMPLIANCE_GATE", "CONDUCT_GATES")


def _not_certified(table: Table, question: Question) -> int:
    level = question.requirements.compliance
    return 0 if level is ComplianceLevel.NONE else table.all & ~table.complies(level)


def _say_compliance(table: Table, question: Question, place: int) -> Reason:
    return _say_lacking(table, place, "compliance", [str(question.requirements.compliance)])


def _say_lacking(table: Table, place: int, gate: str, wanted: list[str]) -> Reason:
    """Say it in the gate's own words; a certificate of either kind settles both gates."""
    row, asked = table.rows[place], f"{', '.join(wanted)} {'is' if len(wanted) == 1 else 'are'} asked for"
    has = ", ".join(sorted(_spelt(name) for name in certified(row)))
    if not has and row.claims.compliance is None and row.claims.certifications is None:
        return unknown(table, place, gate, f"{gate} unknown, {asked}", key=gate, claim="certifications")
    return Reason(gate, f"{gate} {has or 'none'}, {asked}")


_SPELT = {str(level).upper(): str(level) for level in ComplianceLevel}


def _spelt(name: str) -> str:
    return _SPELT.get(name, name)


def _lacks_certificates(table: Table, question: Question) -> int:
    assert question.constraints is not None
    bad = 0
    for rulebook in question.constraints.certifications:
        bad |= table.all & ~table.certified(rulebook)
    return bad


def _say_certificates(table: Table, question: Question, place: int) -> Reason:
    assert question.constraints is not None
    lacking = sorted(map(_spelt, question.constraints.certifications - certified(table.rows[place])))
    return _say_lacking(table, place, "certifications", lacking)


def _yes_or_no_gate(gate: str, demand: str, claim: str, good: bool, words: tuple[str, str, str]) -> Gate:  # noqa: FBT001 - the claim's good value
    """
    Make the gate of a demand that one claim of yes or no answers.

    Args:
        gate: Its name.
        demand: The field of the constraints that asks.
        claim: The field of the claims that answers.
        good: Which answer passes.
        words: What is unknown, what is the case when it fails, and what is asked.

    """
    subject, fact, asked = words
    failed = Reason(gate, f"{fact}, {asked} is asked for")

    def failing(table: Table, question: Question) -> int:
        if not getattr(question.constraints, demand):
            return 0
        return table.all & ~table.where((claim, good), lambda row: getattr(row.claims, claim) is good)

    def reason(table: Table, _question: Question, place: int) -> Reason:
        if getattr(table.rows[place].claims, claim) is None:
            return unknown(table, place, gate, f"{subject} unknown, {asked} is asked for", key=claim)
        return failed

    return Gate(gate, failing, reason, facts=(claim,), unstated=lambda table, _question: table.unstated(claim))


def _has_no_word(row: Facts) -> bool:
    return row.claims.compliance is None and row.claims.certifications is None


def _uncertified(table: Table, _question: Question) -> dict[str, int]:
    """Give those of whom nobody has stated any certificate, which settles both gates."""
    silent = table.where("uncertified", _has_no_word)
    return {"certifications": silent & ~table.where("certified", certified)}


def _keeps_too_long(table: Table, question: Question) -> int:
    assert question.constraints is not None
    most = question.constraints.max_retention_days
    if most is None:
        return 0
    return table.all & ~table.where(
        ("retention", most), lambda row: (days := row.claims.retention_days) is not None and days <= most
    )


def _say_retention(table: Table, question: Question, place: int) -> Reason:
    assert question.constraints is not None
    most, days = question.constraints.max_retention_days, table.rows[place].claims.retention_days
    if days is None:
        fact = f"retention unknown, at most {most} days is asked for"
        return unknown(table, place, "retention", fact, key="retention_days")
    return Reason("retention", f"retention {days} days > {most} days")


_CERTIFICATES = ("certifications", "compliance")

COMPLIANCE_GATE = Gate("compliance", _not_certified, _say_compliance, facts=_CERTIFICATES, unstated=_uncertified)

CONDUCT_GATES = (
    Gate("certifications", _lacks_certificates, _say_certificates, facts=_CERTIFICATES, unstated=_uncertified),
    _yes_or_no_gate(
        "training",
        "no_training",
        "trains_on_inputs",
        good=False,
        words=("training on inputs", "trains on inputs", "no training"),
    ),
    Gate("retention", _keeps_too_long, _say_retention, facts=("retention_days",)),
    _yes_or_no_gate("replay", "replay", "supports_replay", good=True, words=("replay", "replay no", "replay")),
    _yes_or_no_gate(
        "offline",
        "offline",
        "requires_network",
        good=False,
        words=("need of a network", "needs a network", "offline"),
    ),
)
"""Those that the constraints ask for."""
