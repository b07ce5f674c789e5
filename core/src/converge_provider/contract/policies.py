"""What a selection policy owes: one score per candidate."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, overload

from attrs import field

from converge_provider.values.classes import frozen
from converge_provider.values.descriptors import ChatBackendDescriptor
from converge_provider.values.experience import Experience
from converge_provider.values.messages import JsonObject, JsonValue, own_json
from converge_provider.values.requests import ChatRequest
from converge_provider.values.requirements import AgentRequirements

__all__ = (
    "CandidateView",
    "EnabledPolicy",
    "LearnFunction",
    "LearningPolicy",
    "NoOptions",
    "Policy",
    "PolicyChoice",
    "ScoreFunction",
    "Scores",
    "policy",
)


class CandidateView(Protocol):
    """
    The eligible candidates of one request, as columns of equal length; read-only.

    Candidate *i* is the same in every column.  The order of the candidates carries no meaning.
    """

    @property
    def requirements(self) -> AgentRequirements:
        """What was asked for, in numbers."""
        ...

    @property
    def request(self) -> ChatRequest | None:
        """The request itself, or ``None`` when a selection is made without one."""
        ...

    @property
    def input_tokens(self) -> int:
        """Tokens of the request itself, estimated; 0 when a selection is made without one."""
        ...

    @property
    def answer_tokens(self) -> int:
        """Tokens of the longest answer that the request admits; 0 when it sets no limit."""
        ...

    @property
    def seed(self) -> int:
        """The seed of this selection: the only randomness there is."""
        ...

    @property
    def time(self) -> str:
        """When the selection is made, ISO 8601; empty when the caller gave no time."""
        ...

    @property
    def key(self) -> str | None:
        """What the request belongs to: equal for requests that belong together; ``None``: nobody said."""
        ...

    def remembered(self, policy: str) -> JsonObject:
        """Give what a policy, named by its name, has made of what it was told; empty when that is nothing."""
        ...

    def __len__(self) -> int:
        """Give the number of candidates, at least 1."""
        ...

    @property
    def descriptors(self) -> Sequence[ChatBackendDescriptor]:
        """What is known of each candidate."""
        ...

    def column(self, name: str) -> Sequence[Any]:
        """
        Give one fact of every candidate.

        Args:
            name: A field of the descriptor (``quality``, ``typical_latency_ms``, ``cost_class``, …), of its
                capabilities (``tool_use``, …), of the claims (``country``, ``requires_network``, …) or of their prices
                (``input_usd_per_mtok``, …, as floats), where ``None`` is unknown; ``fitness``, the contract's score; or
                what was measured, a field of :class:`~converge_provider.Measured` (``latency_p95_s``, ``in_flight``,
                …), ``assigned``: whether it last answered a request with this key, and ``assigned_age_s``: how many
                seconds ago it did.  What was measured must be asked for while scoring: it enters the record then, and
                cannot be had later.

        Raises:
            KeyError: There is no such fact.

        """
        ...


@frozen(kw_only=True)
class Scores:
    """What a policy says of the candidates, when a plain sequence of numbers is not enough."""

    values: Sequence[float]
    """One score per candidate, finite, from 0 to 1; greater is better."""
    vetoes: Mapping[int, str] = field(factory=dict[int, str], hash=False)
    """Candidates that must not be chosen, with the reason; only from a policy that may veto."""
    explain: Callable[[int], str] | None = None
    """Words for one candidate's score; pure, called only when a record is read."""


class Policy(Protocol):
    """
    Score the eligible candidates of a request.

    Must be deterministic, must not depend on the order of the candidates, must do no I/O, read no clock and draw no
    randomness.

    Optional parts:

    - ``decides_last_resort``, a true attribute by which the policy takes it upon itself to place the backends that call
      themselves a last resort; while it is enabled they stand by their totals, not behind all others.
    - ``monotone``, a mapping from columns to ``"+"`` or ``"-"``: a greater value of the column never lowers, or never
      raises, the score of its candidate, all else equal.  It is a promise that the conformance kit tests.
    - ``learn``, by which it is told what became of calls; see :class:`LearningPolicy`.
    """

    @property
    def name(self) -> str:
        """The policy's name, unique among the installed ones."""
        ...

    @property
    def options(self) -> type[Any]:
        """The frozen attrs class of its options; every field has a default."""
        ...

    @property
    def may_veto(self) -> bool:
        """Whether it may exclude candidates; if so, its failure fails the selection."""
        ...

    def score(self, view: CandidateView, options: Any) -> Sequence[float] | Scores:  # noqa: ANN401 - its own options
        """Give one score per candidate, finite, from 0 to 1; greater is better."""
        ...


class LearningPolicy(Policy, Protocol):
    """
    Learn from what became of calls.

    What the policy remembers is one JSON object of at most 16 384 bytes, kept by the engine's state store under the
    policy's name; ``view.remembered(name)`` gives it back while scoring.
    """

    def learn(self, document: JsonObject, experience: Experience, options: Any) -> JsonObject:  # noqa: ANN401 - its own options
        """
        Give what is to be remembered after an attempt or a request has ended.

        Must be pure.  It is called beside the requests, one end after the other, and late where there are many: what it
        raises is logged and changes nothing, and none of it makes a call slower or fail.  Where several processes
        share a store it may be called again for the same end, with what another one wrote.

        Args:
            document: What is remembered; empty at first.  Not to be changed.
            experience: What ended, and how.
            options: The policy's options.

        """
        ...


@frozen(kw_only=True)
class NoOptions:
    """The options of a policy that has none."""


@frozen
class EnabledPolicy:
    """A policy that a host has enabled, with its weight and its options."""

    policy: Policy
    weight: float = 1.0
    """Its share of the total, ≥ 0, finite; the weights of all enabled policies must not sum to 0."""
    options: Any = None
    """An instance of the policy's options class; ``None``: its defaults."""
    tier: int = field(default=0, kw_only=True)
    """Lower tiers are asked first; a higher one only decides among those that the lower ones hold for equal."""
    epsilon: float = field(default=0.0, kw_only=True)
    """How far below the best of its tier a total still counts as equal, 0 to 1; a tier has its policies' greatest."""


@frozen(kw_only=True)
class PolicyChoice:
    """A policy as a configuration names it, before it is known whether such a policy is installed."""

    name: str
    weight: float = 1.0
    options: JsonObject = field(factory=dict[str, JsonValue], converter=own_json, hash=False)
    """The options as a document; the policy's options class says what may stand there."""
    tier: int = 0
    """Lower tiers are asked first; a higher one only decides among those that the lower ones hold for equal."""
    epsilon: float = 0.0
    """How far below the best of its tier a total still counts as equal, from 0 to 1."""


ScoreFunction = Callable[[CandidateView, Any], Sequence[float] | Scores]
"""A function that scores the candidates of a view, given the policy's options."""

LearnFunction = Callable[[JsonObject, Experience, Any], JsonObject]
"""A function that makes of what is remembered, and of what became of a call, what is to be remembered."""


@frozen
class _FunctionPolicy:
    name: str
    options: type[Any]
    may_veto: bool
    decides_last_resort: bool
    function: ScoreFunction
    monotone: Mapping[str, str] = field(factory=dict[str, str], hash=False)
    learn: LearnFunction | None = None

    def score(self, view: CandidateView, options: Any) -> Sequence[float] | Scores:  # noqa: ANN401 - its own options
        return self.function(view, options)


@overload
def policy(function: ScoreFunction, /) -> Policy: ...
@overload
def policy(
    *,
    name: str | None = None,
    options: type[Any] = NoOptions,
    may_veto: bool = False,
    decides_last_resort: bool = False,
    monotone: Mapping[str, str] = {},
    learn: LearnFunction | None = None,
) -> Callable[[ScoreFunction], Policy]: ...
def policy(
    function: ScoreFunction | None = None,
    /,
    *,
    name: str | None = None,
    options: type[Any] = NoOptions,
    may_veto: bool = False,
    decides_last_resort: bool = False,
    monotone: Mapping[str, str] = {},
    learn: LearnFunction | None = None,
) -> Policy | Callable[[ScoreFunction], Policy]:
    """
    Make a policy of a function.

    Args:
        function: Takes the view and the options, gives one score per candidate.
        name: The policy's name; the function's, with hyphens, when left out.
        options: The frozen attrs class of its options.
        may_veto: Whether it may exclude candidates.
        decides_last_resort: Whether it places those that call themselves a last resort.
        monotone: Columns by which its scores only rise (``"+"``) or only fall (``"-"``).
        learn: What it makes of what became of calls, as :class:`LearningPolicy` has it.

    Example:
        >>> @policy
        ... def shortest_name(view, options):
        ...     return [1 / len(descriptor.model) for descriptor in view.descriptors]
        >>> shortest_name.name
        'shortest-name'

    """

    def make(scored: ScoreFunction) -> Policy:
        own_name = getattr(scored, "__name__", "policy").replace("_", "-")
        return _FunctionPolicy(name or own_name, options, may_veto, decides_last_resort, scored, dict(monotone), learn)

    return make if function is None else make(function)
