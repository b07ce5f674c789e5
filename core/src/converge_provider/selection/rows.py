"""The rows of a decision's record: who came where and why, who was rejected and why, and what would change that."""

from attrs import field

from converge_provider.selection.lazily import Lazily
from converge_provider.values.classes import frozen
from converge_provider.values.measured import StateView
from converge_provider.values.messages import JsonObject, JsonValue

__all__ = (
    "Carried",
    "Change",
    "Counterfactual",
    "Derived",
    "PolicyUse",
    "RankedCandidate",
    "Reason",
    "Rejection",
    "StateUse",
    "Term",
)


@frozen
class Reason:
    """Why a candidate was not eligible: one gate that it fails."""

    gate: str
    """The gate's name, a heading in the reference of gates."""
    text: str
    """What is the case and what is asked, one line."""
    unknown: bool = False
    """Whether it fails because nobody has stated the fact; the text then says how to find out."""
    key: str | None = field(default=None, metadata={"omit_empty": True})
    """The claim that nobody has made, when that is why; several gates may ask for the same one."""


@frozen
class Term:
    """What one policy contributes to one candidate's total."""

    policy: str
    score: float
    """The policy's score, from 0 to 1; greater is better."""
    weight: float
    contribution: float
    """Weight times score, divided by the sum of the weights of its tier; the tier's total is the sum of these."""
    text: str | None = None
    """The policy's own words for the score, if it has any."""
    tier: int = field(default=0, metadata={"omit_empty": True})
    """The tier in which it counts."""


@frozen(slots=False)
class RankedCandidate(Lazily):
    """An eligible candidate and its place."""

    id: str
    rank: int
    """The place, from 1."""
    total: float
    """The weighted mean of the policies' scores; where there are several tiers, of the first one's."""
    terms: tuple[Term, ...]
    """One per policy, in the order in which they are enabled."""
    last_resort: bool = False
    """Whether it came behind every candidate that is not a last resort, whatever the totals."""
    tiers: tuple[float, ...] = field(default=(), metadata={"omit_empty": True})
    """The total of each tier, the first one's first, where there are several."""


@frozen
class Rejection:
    """A candidate that was not eligible, with every gate that it fails."""

    id: str
    reasons: tuple[Reason, ...]
    """At least one, in the order of the gates."""


@frozen
class Derived:
    """A need that the host did not state: the request itself has it."""

    need: str
    """The gate that it sets, ``tool_use``."""
    text: str
    """What in the request needs it."""


@frozen
class PolicyUse:
    """A policy that took part, or that should have."""

    name: str
    weight: float
    options: JsonObject = field(factory=dict[str, JsonValue])
    """Its options as a document."""
    left_out: str | None = None
    """Why its scores do not count, or ``None``."""
    tier: int = field(default=0, metadata={"omit_empty": True})
    """The tier in which it counts; lower ones are asked first."""
    epsilon: float = field(default=0.0, metadata={"omit_empty": True})
    """How far below the best of its tier a total still counts as equal."""


@frozen(kw_only=True)
class StateUse:
    """What of the measured state a selection looked at; nothing else of it could have made a difference."""

    asked: tuple[str, ...]
    """What policies asked for: columns, ``key``, ``remembered <policy>``; in alphabetical order."""
    seen: StateView
    """What was there to be seen of it, and the latencies of those that fail their gate by them."""
    digest: str
    """A hash of both."""


@frozen
class Carried:
    """Something that was stated, and that no gate and no policy of this selection can hold anybody to."""

    what: str
    """The field: ``criteria.user_country``, ``request.metadata.team``, …"""
    text: str
    """Why it decides nothing, one line."""


@frozen(kw_only=True)
class Change:
    """One thing that would have to be different."""

    kind: str
    """``configuration``, ``claim``, ``criteria``, ``request``, ``caller`` or ``policy``."""
    what: str
    """What is changed: a setting, a claim that nobody has made, or a field of what is asked."""
    asked: JsonValue = field(default=None, hash=False)
    """What is asked now, where that is a value."""
    instead: JsonValue = field(default=None, hash=False)
    """What could be asked, the least that helps; ``None``: nothing of the sort."""
    text: str
    """The same in words."""


@frozen(kw_only=True)
class Counterfactual:
    """The smallest set of changes that would make one candidate eligible."""

    id: str
    changes: tuple[Change, ...]
    """In the order of their kinds; none when nothing helps."""
    blocked: tuple[str, ...] = ()
    """Gates that no change opens; then there is no such set."""
