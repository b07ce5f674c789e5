"""
Thought signatures, which the contract keeps as blocks of reasoning.

A signature stands on a part of the answer: on a thought, on a stretch of text, on a call of a function.  It is given
back on the same part, unchanged.  The contract's :class:`~converge_provider.ReasoningPart` carries it: with the text of
the thought; without text and redacted behind the text that it belongs to; or so, with the id of the call.

Each is marked as this service's, since those of other services in the same conversation are of no use here, and would
be refused.
"""

from attrs import frozen

__all__ = ("UNSIGNED", "Signature")

_MARK = "gemini:"

UNSIGNED = "skip_thought_signature_validator"
"""What the service wants to see instead of a signature on calls that no model of its own has made."""


@frozen
class Signature:
    """
    One signature and what it stands on.

    Example:
        >>> Signature("c2ln", call_id="call_1").marked
        'gemini:call_1:c2ln'
        >>> Signature.read("gemini:call_1:c2ln")
        Signature(text='c2ln', call_id='call_1')
        >>> Signature.read("another vendor's") is None
        True

    """

    text: str
    """What the service wrote."""
    call_id: str = ""
    """The call that it stands on; empty: a thought or a text."""

    @property
    def marked(self) -> str:
        """The signature as the contract's values carry it."""
        return f"{_MARK}{self.call_id}:{self.text}"

    @classmethod
    def read(cls, marked: str | None) -> "Signature | None":
        """Read what :attr:`marked` wrote; ``None``: it is none, or another vendor's."""
        if marked is None or not marked.startswith(_MARK):
            return None
        call_id, _, text = marked.removeprefix(_MARK).rpartition(":")
        return cls(text, call_id)
