"""The gates that ask yes or no: what a backend can do, and which fields of a request it honours."""

from converge_provider.selection.gate import Gate, unknown
from converge_provider.selection.needs import FEATURES
from converge_provider.selection.question import Question
from converge_provider.selection.rows import Reason
from converge_provider.selection.table import Table
from converge_provider.values.descriptors import CAPABILITY_FLAGS
from converge_provider.values.identity import Capability

__all__ = ("FEATURE_GATES", "FLAG_GATES", "INPUT_GATES")

_INPUTS = {
    "documents": Capability.other("DocumentUnderstanding"),
    "audio": Capability.other("AudioUnderstanding"),
}
"""The claims for what a request may hold and the contract has no flag for."""


def _key_of(capability: Capability) -> str:
    """Give the key under which a configuration file states a capability."""
    return f'capabilities."{capability}"' if capability.other_name else f"capabilities.{capability}"


def _flag_gate(flag: str) -> Gate:
    wanted = f"requires_{flag}"

    def failing(table: Table, question: Question) -> int:
        return table.all & ~table.flags[flag] if getattr(question.requirements, wanted) else 0

    def reason(table: Table, _question: Question, place: int) -> Reason:
        if flag in table.rows[place].unknown:
            from converge_provider.registry.claims import CAPABILITY_OF_FLAG  # the registry costs time

            return unknown(table, place, flag, f"{flag} unknown", key=_key_of(CAPABILITY_OF_FLAG[flag]))
        return no

    no = Reason(flag, f"{flag} no")
    return Gate(flag, failing, reason, facts=(flag,))


def _input_gate(name: str, capability: Capability) -> Gate:
    def failing(table: Table, question: Question) -> int:
        return table.all & ~table.able(capability) if name in question.needs.flags else 0

    def reason(table: Table, _question: Question, place: int) -> Reason:
        if table.rows[place].claims.capabilities.get(capability) is None:
            return unknown(table, place, name, f"{name} unknown", key=_key_of(capability))
        return no

    no = Reason(name, f"{name} no")
    return Gate(name, failing, reason, facts=(f"capabilities.{capability}",))


def _feature_gate(name: str) -> Gate:
    def failing(table: Table, question: Question) -> int:
        return table.all & ~table.honours(name) if name in question.needs.features else 0

    def reason(table: Table, _question: Question, place: int) -> Reason:
        if table.rows[place].claims.honours is None:
            return unknown(table, place, name, f"{name} unknown, the request sets it", key="honours")
        return no

    no = Reason(name, f"{name} is not honoured, the request sets it")
    return Gate(name, failing, reason, facts=("honours",), unstated=lambda table, _question: table.unstated("honours"))


FLAG_GATES = tuple(map(_flag_gate, CAPABILITY_FLAGS))
"""What the host or the request requires, in the contract's order."""

INPUT_GATES = tuple(_input_gate(name, capability) for name, capability in _INPUTS.items())
"""What the request holds."""

FEATURE_GATES = tuple(map(_feature_gate, FEATURES))
"""The optional fields that the request sets."""
